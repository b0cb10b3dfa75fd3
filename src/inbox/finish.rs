//! How an attempt at a dispatch ends, as the worker tells the store.

use std::time::Duration;

use jiff::Timestamp;

use super::{AttemptResult, Lease};

/// What came of a claimed dispatch, as the worker reports it.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The right under which it was tried.
    pub lease: Lease,
    /// When the attempt began, by the calendar.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What is to become of the dispatch.
    pub verdict: Verdict,
}

/// What is to become of a dispatch after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The handler took the event.
    Done,
    /// Nothing is owed any more: the handler is not to have the event, as its `when` is not true of it.
    PassedOver,
    /// Try again at `due_at` (a reading of [`crate::clock::Clock::steady`]).
    Retry {
        /// When to try again.
        due_at: Timestamp,
        /// Whether it failed, or did not end.
        result: AttemptResult,
        /// What went wrong.
        error: String,
    },
    /// Try no more.
    Dead {
        /// Whether the handler refused for good, or the attempts ran out.
        result: AttemptResult,
        /// What went wrong.
        error: String,
    },
    /// It was not really tried, because the program is stopping: as if it had never been claimed.
    PutBack,
}
