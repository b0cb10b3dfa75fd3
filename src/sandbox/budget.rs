//! How many requests a key has left.
//!
//! Apple counts them per key over a rolling hour and says so on every answer
//! ([Identifying rate limits](https://developer.apple.com/documentation/appstoreconnectapi/identifying-rate-limits)).

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The requests of one key in the last hour.
#[derive(Debug, Default)]
pub(super) struct Budget(VecDeque<Timestamp>);

/// What is left of a budget, as the header `X-Rate-Limit` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remaining {
    pub(super) limit: usize,
    pub(super) left: usize,
}

impl Budget {
    /// When each of them was made.
    pub(super) fn spent(&self) -> impl Iterator<Item = Timestamp> {
        self.0.iter().copied()
    }

    /// Spends one request. An error if there is none left.
    pub(super) fn spend(&mut self, limit: usize, now: Timestamp) -> Result<Remaining, Remaining> {
        while self.0.front().is_some_and(|&spent| now.duration_since(spent) >= WINDOW) {
            self.0.pop_front();
        }
        if self.0.len() >= limit {
            return Err(Remaining { limit, left: 0 });
        }
        self.0.push_back(now);
        Ok(Remaining { limit, left: limit - self.0.len() })
    }
}

impl std::fmt::Display for Remaining {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "user-hour-lim:{};user-hour-rem:{};", self.limit, self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_rolls() {
        let mut budget = Budget::default();
        let at = |minute| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        assert_eq!(budget.spend(2, at(0)), Ok(Remaining { limit: 2, left: 1 }));
        assert_eq!(budget.spend(2, at(30)), Ok(Remaining { limit: 2, left: 0 }));
        assert_eq!(budget.spend(2, at(59)), Err(Remaining { limit: 2, left: 0 }));
        assert_eq!(budget.spend(2, at(60)), Ok(Remaining { limit: 2, left: 0 }), "the first request is an hour old");
        assert_eq!(budget.spend(2, at(61)).unwrap_err().to_string(), "user-hour-lim:2;user-hour-rem:0;");
    }
}
