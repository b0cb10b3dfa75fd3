//! Handlers that only fail: what their last attempts have in common.
//!
//! One attempt that fails is what retries are for. Several in a row, and nothing done in between, mean that a handler does not work, long
//! before the first of its dispatches is dead. What an attempt that was lost would have said, nobody knows, so it says nothing here; and
//! what was skipped or passed over was no try of the handler.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;

use super::{Attempt, AttemptResult, Store, StoreError};

/// The most attempts that are looked at, of all handlers together.
pub const LOOKED_AT: usize = 2_000;

/// The fewest failures that are a streak: so few that one event, tried again and again, makes it within minutes.
pub const FEWEST: u64 = 3;

/// That a handler has failed all of its last attempts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Streak {
    /// How many they are.
    pub failures: u64,
    /// When the first of them began.
    pub since: Timestamp,
    /// What the last of them said.
    pub error: Option<String>,
    /// Whether only the attempts for the newest receipts were looked at, because there are so many.
    pub is_cut: bool,
}

/// The handlers that only fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streaks(BTreeMap<String, Streak>);

impl Streaks {
    /// Looks for them among what the store has of attempts.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        // One more than is looked at tells that there are more.
        Ok(Self::among(&store.attempts(LOOKED_AT + 1).await?))
    }

    /// Looks for them among attempts, each with its handler, in any order.
    pub fn among(attempts: &[(String, Attempt)]) -> Self {
        let mut handlers = BTreeMap::<&str, Vec<&Attempt>>::new();
        for (handler, attempt) in attempts {
            if attempt.result.is_try() && attempt.result != AttemptResult::Lost {
                handlers.entry(handler).or_default().push(attempt);
            }
        }
        let is_cut = attempts.len() > LOOKED_AT;
        let streak = |(handler, attempts): (&str, Vec<&Attempt>)| Some((handler.to_owned(), Streak::at_the_end(attempts, is_cut)?));
        Self(handlers.into_iter().filter_map(streak).collect())
    }

    /// The streak of a handler, if it only fails.
    pub fn of_handler(&self, handler: &str) -> Option<&Streak> {
        self.0.get(handler)
    }
}

impl Streak {
    fn at_the_end(mut attempts: Vec<&Attempt>, is_cut: bool) -> Option<Self> {
        attempts.sort_by_key(|attempt| Reverse(attempt.started_at));
        let failed: Vec<_> = attempts.into_iter().take_while(|attempt| attempt.result != AttemptResult::Ok).collect();
        let (last, first) = (failed.first()?, failed.last()?);
        let failures = failed.len() as u64;
        (failures >= FEWEST).then(|| Self { failures, since: first.started_at, error: last.error.clone(), is_cut })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        AttemptResult::{Failed, Lost, Ok, PassedOver, Rejected, Skipped},
        *,
    };

    fn attempt(second: i64, result: AttemptResult) -> (String, Attempt) {
        let error = (result != Ok).then(|| format!("error {second}"));
        let started_at = Timestamp::from_second(second).unwrap();
        ("ci".to_owned(), Attempt { number: 1, started_at, took: Duration::ZERO, result, error })
    }

    /// `expected` are the failures, when the first was and what the last said.
    #[track_caller]
    fn check(tried: &[(i64, AttemptResult)], expected: Option<(u64, i64, &str)>) {
        let streaks = Streaks::among(&tried.iter().map(|&(second, result)| attempt(second, result)).collect::<Vec<_>>());
        let found = streaks.of_handler("ci");
        let found = found.map(|found| (found.failures, found.since.as_second(), found.error.as_deref().unwrap_or_default()));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_has_failed_since_it_last_worked() {
        check(&[], None);
        check(&[(1, Failed), (2, Failed)], None);
        check(&[(1, Failed), (2, Failed), (3, Rejected)], Some((3, 1, "error 3")));
        check(&[(1, Failed), (2, Failed), (3, Failed), (4, Ok)], None);
        check(&[(1, Failed), (2, Ok), (3, Failed), (4, Failed), (5, Failed)], Some((3, 3, "error 5")));
        // The store tells them by the receipt, and an old one may be tried last.
        check(&[(9, Failed), (5, Ok), (8, Failed), (1, Failed), (7, Failed)], Some((3, 7, "error 9")));
        check(&[(4, Ok), (3, Failed), (2, Failed), (1, Failed)], None);
    }

    #[test]
    fn what_was_no_answer_of_the_handler_is_none() {
        check(&[(1, Failed), (2, Lost), (3, Lost), (4, Skipped)], None);
        check(&[(1, Failed), (2, Failed), (3, Lost), (4, Failed), (5, Skipped)], Some((3, 1, "error 4")));
        check(&[(1, Failed), (2, PassedOver), (3, Failed), (4, Failed), (5, PassedOver)], Some((3, 1, "error 4")));
    }

    #[test]
    fn that_not_all_were_looked_at_is_said() {
        let is_cut = |count: usize| {
            let tried: Vec<_> = (0..count).map(|_| attempt(1, Failed)).collect();
            Streaks::among(&tried).of_handler("ci").unwrap().is_cut
        };
        assert!(!is_cut(LOOKED_AT) && is_cut(LOOKED_AT + 1));
    }
}
