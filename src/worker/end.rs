//! How an attempt ended, and what is to become of its dispatch: a pure function of that, the retry schedule and the number of the attempt.

use jiff::Timestamp;

use super::{backoff, call::Failure, later};
use crate::{
    config::RetrySchedule,
    handler::HandlerError,
    inbox::{AttemptResult, Verdict},
};

/// How an attempt ended.
pub(super) enum End {
    /// The event is taken care of.
    Done,
    /// The handler is not to have it: its `when` is not true.
    PassedOver,
    /// It is not taken care of, yet or for good.
    Failed(Failure),
    /// The program stopped first.
    CutOff,
    /// It was not made, because too many have begun already.
    NoneLeft,
}

impl End {
    /// What is to become of the dispatch after attempt `number` (from 1) has ended so at `now`. `chance` gives a number from 0 to 1, if
    /// one is needed.
    pub(super) fn verdict(self, schedule: &RetrySchedule, number: u32, now: Timestamp, chance: impl FnOnce() -> f64) -> Verdict {
        let allowed = backoff::attempts(schedule);
        match self {
            Self::Done => Verdict::Done,
            Self::PassedOver => Verdict::PassedOver,
            Self::Failed(failure) if failure.is_reject() => {
                Verdict::Dead { result: AttemptResult::Rejected, error: failure.to_string() }
            }
            Self::Failed(failure) => {
                let (result, error) = (AttemptResult::Failed, failure.to_string());
                match backoff::wait(schedule, number, failure.after(), chance()) {
                    Some(wait) => Verdict::Retry { due_at: later(now, wait), result, error },
                    None => Verdict::Dead { result, error },
                }
            }
            // Stopping in order must not use up the last attempt: the next start would find nothing left to try.
            Self::CutOff if number >= allowed => Verdict::PutBack,
            Self::CutOff => {
                let error = "cut off, because the program stopped".to_owned();
                Verdict::Retry { due_at: now, result: AttemptResult::Lost, error }
            }
            Self::NoneLeft => {
                let begun = number.saturating_sub(1);
                let error = format!("no attempt is left: {begun} have begun, and the schedule has {allowed}");
                Verdict::Dead { result: AttemptResult::Lost, error }
            }
        }
    }
}

impl From<HandlerError> for End {
    fn from(error: HandlerError) -> Self {
        Self::Failed(Failure::Answered(error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The verdict on attempt `number` of the three that a schedule of 10 s and 60 s has, in words.
    #[track_caller]
    fn check(number: u32, end: impl Into<End>, expected: &str) {
        let schedule = RetrySchedule { delays: [10, 60].map(Duration::from_secs).into(), jitter: 0.5 };
        let now = Timestamp::from_second(1_000).unwrap();
        let words = match end.into().verdict(&schedule, number, now, || 1.0) {
            Verdict::Done => "done".to_owned(),
            Verdict::PassedOver => "passed over".to_owned(),
            Verdict::Retry { due_at, result, error } => format!("again at {}, {result:?}: {error}", due_at.as_second() - 1_000),
            Verdict::Dead { result, error } => format!("dead, {result:?}: {error}"),
            Verdict::PutBack => "put back".to_owned(),
        };
        assert_eq!(words, expected, "attempt {number}");
    }

    #[test]
    fn every_end_has_its_verdict() {
        let again = || HandlerError::retry("answered 503").quoting("no");
        let asked = |seconds| HandlerError::retry_after("answered 429", Duration::from_secs(seconds));
        let panic = || End::Failed(Failure::Panicked(Box::new("oh")));
        let slow = || End::Failed(Failure::TimedOut(Duration::from_secs(5)));

        check(1, End::Done, "done");
        check(3, End::Done, "done");
        check(1, End::PassedOver, "passed over");
        check(3, End::PassedOver, "passed over");
        check(1, HandlerError::reject("answered 400").quoting("no"), "dead, Rejected: answered 400: no");
        check(1, again(), "again at 5, Failed: answered 503: no");
        check(2, again(), "again at 30, Failed: answered 503: no");
        check(3, again(), "dead, Failed: answered 503: no");
        check(4, again(), "dead, Failed: answered 503: no");
        check(1, asked(90), "again at 90, Failed: answered 429");
        check(1, asked(1), "again at 5, Failed: answered 429");
        check(3, asked(90), "dead, Failed: answered 429");
        check(1, panic(), "again at 5, Failed: panicked: oh");
        check(3, panic(), "dead, Failed: panicked: oh");
        check(1, slow(), "again at 5, Failed: took longer than its `timeout` of 5s");
        check(3, slow(), "dead, Failed: took longer than its `timeout` of 5s");
        check(1, End::CutOff, "again at 0, Lost: cut off, because the program stopped");
        check(2, End::CutOff, "again at 0, Lost: cut off, because the program stopped");
        check(3, End::CutOff, "put back");
        check(4, End::CutOff, "put back");
        check(6, End::NoneLeft, "dead, Lost: no attempt is left: 5 have begun, and the schedule has 3");
    }
}
