//! What was done about a dispatch: each try, and the word of whoever ended it.

use std::time::Duration;

use jiff::Timestamp;

/// One try of a dispatch, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Attempt {
    /// Which try it was, from 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    #[serde(serialize_with = "as_milliseconds", rename = "took_ms")]
    pub took: Duration,
    /// What came of it.
    pub result: AttemptResult,
    /// The error in the handler's words, if it was one.
    pub error: Option<String>,
}

fn as_milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // What a clock tells in microseconds is not told in digits that a float makes up.
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e3)
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptResult {
    /// The handler took the event.
    Ok,
    /// It failed in a way that may pass.
    Failed,
    /// The handler said that trying again is no use.
    Rejected,
    /// It did not end: the process stopped, or the lease ran out.
    Lost,
    /// Somebody decided that it is not to be tried any more, and said why.
    Skipped,
    /// The handler was not asked: with what had become known, its `when` was not true of the event.
    PassedOver,
}

impl AttemptResult {
    /// The result as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
            Self::PassedOver => "passed_over",
        }
    }

    /// Whether it was a try of the handler, so that it says something about it, and not a decision that no try is needed.
    pub fn is_try(self) -> bool {
        !matches!(self, Self::Skipped | Self::PassedOver)
    }
}
