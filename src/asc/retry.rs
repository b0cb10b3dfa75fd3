//! How long to wait before a request is made again.

use std::time::Duration;

/// When a request that failed in passing is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often it is made altogether; at least once.
    pub attempts: u32,
    /// The longest wait after the first attempt. It doubles from one attempt to the next.
    pub first: Duration,
    /// The longest wait altogether: what App Store Connect asks for counts too, and a request that would have to wait longer fails at
    /// once, so that nobody sits in front of a silent terminal for an hour.
    pub longest: Duration,
}

impl Default for Retry {
    /// Five attempts, with waits of up to 1, 2, 4 and 8 seconds.
    fn default() -> Self {
        Self { attempts: 5, first: Duration::from_secs(1), longest: Duration::from_mins(1) }
    }
}

impl Retry {
    /// The same for requests that somebody waits for: twice at the most, and within seconds.
    pub(super) fn brief(self) -> Self {
        Self { attempts: self.attempts.min(2), longest: self.longest.min(Duration::from_secs(5)), ..self }
    }

    /// The wait after failed attempt number `attempt`, from 1; none, if there is to be no other. Half of it is left to chance, so that many
    /// clients that failed together do not come back together.
    pub(super) fn wait_after(&self, attempt: u32, asked_for: Option<Duration>, chance: u64) -> Option<Duration> {
        if attempt >= self.attempts || asked_for > Some(self.longest) {
            return None;
        }
        let most = self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(self.longest);
        let share = u32::try_from(chance % 1_000).unwrap_or(0);
        let wait = most / 2 + most / 2 * share / 1_000;
        Some(asked_for.map_or(wait, |asked| asked.max(wait)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[track_caller]
    fn check(attempt: u32, asked_for: Option<u64>, range: Option<(f32, f32)>) {
        let retry = Retry::default();
        let waits = [0, 499, 999].map(|chance| retry.wait_after(attempt, asked_for.map(Duration::from_secs), chance));
        let (Some((from, to)), [Some(low), Some(middle), Some(high)]) = (range, waits) else {
            return assert_eq!((range, waits), (None, [None; 3]), "after attempt {attempt}");
        };
        assert!(low.as_secs_f32() >= from && low <= middle && middle <= high, "{waits:?}");
        assert!((high.as_secs_f32() - to).abs() < 0.01, "{waits:?}");
    }

    #[test]
    fn waits_double_and_end() {
        check(1, None, Some((0.5, 1.0)));
        check(2, None, Some((1.0, 2.0)));
        check(4, None, Some((4.0, 8.0)));
        check(5, None, None);
        check(900, None, None);
    }

    #[test]
    fn what_was_asked_for_is_the_least() {
        check(1, Some(0), Some((0.5, 1.0)));
        check(1, Some(7), Some((7.0, 7.0)));
        check(1, Some(60), Some((60.0, 60.0)));
        check(1, Some(61), None);
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let retry = Retry { attempts: u32::MAX, first: SECOND, longest: 60 * SECOND };
        assert_eq!(retry.wait_after(u32::MAX - 1, None, 0), Some(30 * SECOND));
    }
}
