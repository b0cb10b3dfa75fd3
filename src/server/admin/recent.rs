//! What a handler's latest attempts came to: in the last hour how many there were, how many failed, how long they took; and whether it only
//! fails.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::inbox::{
    Attempt, AttemptResult, Store, StoreError,
    streak::{LOOKED_AT, Streaks},
};

/// How far back is looked.
const SPAN: SignedDuration = SignedDuration::from_hours(1);

/// The attempts of one handler in the last hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Recent {
    /// How many there were.
    pub(super) attempts: u64,
    /// How many of them failed, whatever became of the dispatch afterwards.
    pub(super) failed: u64,
    /// Half of them took no longer than this; none if there were none.
    #[serde(serialize_with = "as_milliseconds", rename = "median_ms")]
    pub(super) median: Option<Duration>,
    /// The longest took this.
    #[serde(serialize_with = "as_milliseconds", rename = "longest_ms")]
    pub(super) longest: Option<Duration>,
    /// Whether there may have been more: only so many are looked at, those for the newest receipts. What was tried for an older one in
    /// the last hour, because somebody asked for it again, is then not in these figures.
    pub(super) is_cut: bool,
}

/// The latest attempts, of all handlers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lately {
    last_hour: BTreeMap<String, Recent>,
    streaks: Streaks,
    is_cut: bool,
}

impl Lately {
    /// Looks at what the store has of them.
    pub(super) async fn of(store: &dyn Store, now: Timestamp) -> Result<Self, StoreError> {
        let since = now.checked_sub(SPAN).unwrap_or(Timestamp::MIN);
        // One more than is looked at tells that there are more.
        Ok(Self::among(store.attempts(LOOKED_AT + 1).await?, since))
    }

    /// What a handler's attempts of the last hour came to.
    pub(super) fn tried_by(&self, handler: &str) -> Recent {
        let tried = self.last_hour.get(handler).cloned().unwrap_or_default();
        Recent { is_cut: self.is_cut, ..tried }
    }

    /// The handlers that only fail.
    pub(super) fn streaks(&self) -> &Streaks {
        &self.streaks
    }

    fn among(attempts: Vec<(String, Attempt)>, since: Timestamp) -> Self {
        let (streaks, is_cut) = (Streaks::among(&attempts), attempts.len() > LOOKED_AT);
        let mut handlers = BTreeMap::<String, Vec<Attempt>>::new();
        for (handler, attempt) in attempts.into_iter().filter(|(_, attempt)| attempt.started_at >= since) {
            handlers.entry(handler).or_default().push(attempt);
        }
        let last_hour = handlers.into_iter().map(|(handler, attempts)| (handler, Recent::of(&attempts))).collect();
        Self { last_hour, streaks, is_cut }
    }
}

impl Recent {
    fn of(attempts: &[Attempt]) -> Self {
        // A decision takes no time: it would make the handler look faster than it is.
        let tried = || attempts.iter().filter(|attempt| attempt.result.is_try());
        let mut took: Vec<Duration> = tried().map(|attempt| attempt.took).collect();
        took.sort_unstable();
        Self {
            attempts: took.len() as u64,
            failed: tried().filter(|attempt| attempt.result != AttemptResult::Ok).count() as u64,
            median: took.get(took.len().saturating_sub(1) / 2).copied(),
            longest: took.last().copied(),
            is_cut: false,
        }
    }
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn as_milliseconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_some(&((duration.as_secs_f64() * 1e6).round() / 1e3)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(started_at: i64, result: AttemptResult) -> Attempt {
        Attempt { number: 1, started_at: Timestamp::from_second(started_at).unwrap(), took: Duration::ZERO, result, error: None }
    }

    #[test]
    fn what_may_have_been_left_out_is_said() {
        let since = Timestamp::from_second(100).unwrap();
        let mut attempts = vec![("log".to_owned(), attempt(99, AttemptResult::Ok)); LOOKED_AT - 2];
        attempts.extend([100, 101].map(|second| ("chat".to_owned(), attempt(second, AttemptResult::Failed))));
        let all = Lately::among(attempts.clone(), since);
        let figures = |hour: &Lately, handler| (hour.tried_by(handler).failed, hour.tried_by(handler).is_cut);
        assert_eq!([figures(&all, "chat"), figures(&all, "log")], [(2, false), (0, false)]);
        // What was tried long ago counts too: behind it there may be what was tried a moment ago.
        attempts.push(("log".to_owned(), attempt(1, AttemptResult::Ok)));
        let cut = Lately::among(attempts, since);
        assert_eq!([figures(&cut, "chat"), figures(&cut, "log")], [(2, true), (0, true)]);
    }

    #[track_caller]
    fn check(tried: &[(u64, AttemptResult)], attempts: u64, failed: u64, median: Option<u64>, longest: Option<u64>) {
        let tried = tried.iter().map(|&(took, result)| Attempt {
            number: 1,
            started_at: Timestamp::UNIX_EPOCH,
            took: Duration::from_millis(took),
            result,
            error: None,
        });
        let [median, longest] = [median, longest].map(|took| took.map(Duration::from_millis));
        let expected = Recent { attempts, failed, median, longest, is_cut: false };
        assert_eq!(Recent::of(&tried.collect::<Vec<_>>()), expected);
    }

    #[test]
    fn attempts_come_to_a_few_figures() {
        use AttemptResult::{Failed, Lost, Ok, PassedOver, Rejected, Skipped};
        check(&[], 0, 0, None, None);
        check(&[(30, Ok)], 1, 0, Some(30), Some(30));
        check(&[(30, Ok), (10, Failed)], 2, 1, Some(10), Some(30));
        check(&[(9, Lost), (30, Ok), (10, Rejected), (0, Skipped), (0, PassedOver)], 3, 2, Some(10), Some(30));
        check(&[(0, PassedOver)], 0, 0, None, None);
    }
}
