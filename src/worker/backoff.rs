//! When a failed attempt is made again: a pure function of the schedule, the number of the attempt and a throw of the dice.
//!
//! The schedule is a list that people can read. The built-in one (`config/default.toml`) waits
//! 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 3 h, 6 h, 12 h, 12 h, 12 h, 24 h: thirteen attempts over three days.
//! Up to `jitter` of each wait is left out at random, so that what failed together does not all come back together.

use std::time::Duration;

use crate::config::RetrySchedule;

/// The longest wait that the other side may ask for in a `Retry-After`.
pub const LONGEST_ASKED_FOR: Duration = Duration::from_hours(24);

/// How long to wait after failed attempt `number` (from 1); none when that was the last.
///
/// `after` is what the other side asked for: never less is waited (up to [`LONGEST_ASKED_FOR`]). `chance` is a number from 0 to 1.
pub fn wait(schedule: &RetrySchedule, number: u32, after: Option<Duration>, chance: f64) -> Option<Duration> {
    let index = usize::try_from(number.saturating_sub(1)).ok()?;
    let delay = *schedule.delays.get(index)?;
    let wait = delay.mul_f64(1.0 - schedule.jitter * chance);
    Some(after.map_or(wait, |after| wait.max(after.min(LONGEST_ASKED_FOR))))
}

/// The longest that anything may have to wait.
pub fn longest(schedule: &RetrySchedule) -> Duration {
    schedule.delays.iter().copied().max().unwrap_or_default().max(LONGEST_ASKED_FOR)
}

/// How many attempts the schedule allows.
pub fn attempts(schedule: &RetrySchedule) -> u32 {
    u32::try_from(schedule.delays.len()).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(seconds: &[u64], jitter: f64) -> RetrySchedule {
        RetrySchedule { delays: seconds.iter().copied().map(Duration::from_secs).collect(), jitter }
    }

    #[track_caller]
    fn check(number: u32, after: Option<u64>, chance: f64, expected: Option<f64>) {
        let waited = wait(&schedule(&[5, 60], 0.5), number, after.map(Duration::from_secs), chance);
        assert_eq!(waited.map(|wait| wait.as_secs_f64()), expected, "attempt {number}, after {after:?}, chance {chance}");
    }

    #[test]
    fn the_schedule_is_followed_and_then_it_ends() {
        check(1, None, 0.0, Some(5.0));
        check(2, None, 0.0, Some(60.0));
        check(3, None, 0.0, None);
        check(u32::MAX, None, 0.0, None);
        assert_eq!(attempts(&schedule(&[5, 60], 0.0)), 3);
        assert_eq!(attempts(&schedule(&[], 0.0)), 1);
    }

    #[test]
    fn the_longest_wait_is_that_of_the_schedule_or_what_may_be_asked_for() {
        assert_eq!(longest(&schedule(&[5, 200_000, 60], 0.0)), Duration::from_secs(200_000));
        assert_eq!(longest(&schedule(&[], 0.0)), LONGEST_ASKED_FOR);
    }

    #[test]
    fn chance_shortens_a_wait_by_at_most_the_jitter() {
        check(2, None, 0.5, Some(45.0));
        check(2, None, 1.0, Some(30.0));
    }

    #[test]
    fn what_was_asked_for_is_waited_up_to_a_day() {
        check(1, Some(90), 1.0, Some(90.0));
        check(1, Some(1), 0.0, Some(5.0));
        check(1, Some(10_000_000), 0.0, Some(86_400.0));
        check(3, Some(90), 0.0, None);
    }

    proptest! {
        #[test]
        fn a_wait_stays_between_its_bounds(delay in 0_u64..100_000, jitter in 0.0..=1.0_f64, chance in 0.0..=1.0_f64) {
            let waited = wait(&schedule(&[delay], jitter), 1, None, chance).unwrap().as_secs_f64();
            let (most, least) = (Duration::from_secs(delay).as_secs_f64(), Duration::from_secs(delay).as_secs_f64() * (1.0 - jitter));
            prop_assert!(waited <= most + 1e-6 && waited >= least - 1e-6, "{waited} is not within {least} and {most}");
        }
    }
}
