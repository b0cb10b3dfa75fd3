//! How long rounds of review take: of one version, and as a rule.
//!
//! A round is one stay in a phase. A version that was rejected and submitted again has been through two, and each counts: what people want to
//! know is how long the next one will take.

use jiff::{SignedDuration, Timestamp};

use super::{Journey, Phase, Stay};

/// Over how many of the newest versions the rule is taken: half a year of an app with a release a week.
pub const LAST: usize = 20;

/// What one version spent in a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Spent {
    /// How many rounds have a length.
    pub rounds: usize,
    /// How many seconds these took together.
    pub seconds: i64,
    /// Whether these are all: none is under way, and none has an end that was not told.
    pub is_all: bool,
}

impl Spent {
    /// What these stays tell of a phase.
    pub(super) fn on(phase: &Phase, stays: &[Stay]) -> Self {
        let (rounds, seconds) = lengths(phase, stays).fold((0, 0), |(rounds, sum), length| (rounds + 1, sum + length.as_secs()));
        let is_all = stays.iter().filter(|stay| stay.phase == *phase).all(|stay| stay.length().is_some());
        Self { rounds, seconds, is_all }
    }
}

/// What lies in the middle of several rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Median {
    /// How many seconds; none if there are no rounds.
    pub seconds: Option<i64>,
    /// Of how many rounds.
    pub rounds: usize,
}

impl Median {
    fn of(mut lengths: Vec<i64>) -> Self {
        lengths.sort_unstable();
        let rounds = lengths.len();
        let middle = lengths.get(rounds.saturating_sub(1) / 2).zip(lengths.get(rounds / 2));
        Self { seconds: middle.map(|(lower, upper)| lower.midpoint(*upper)), rounds }
    }
}

/// How long review takes, as a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Times {
    /// Of how many versions this is taken, at most [`LAST`].
    pub versions: usize,
    /// A round of waiting for review.
    pub waiting: Median,
    /// A round in review.
    pub in_review: Median,
    /// Since when the one waits that has been waiting longest, if any does.
    pub waiting_since: Option<Timestamp>,
    /// Since when the one is in review that has been so longest, if any is.
    pub in_review_since: Option<Timestamp>,
}

impl Times {
    /// Of these versions, newest first. No more than the first [`LAST`] count.
    pub fn of(journeys: &[Journey]) -> Self {
        let journeys = journeys.get(..LAST).unwrap_or(journeys);
        let median = |phase| {
            Median::of(journeys.iter().flat_map(|journey| lengths(&phase, &journey.stays)).map(|length| length.as_secs()).collect())
        };
        let since = |phase| {
            let present = journeys.iter().filter_map(Journey::present).filter(|stay| stay.phase == phase);
            present.filter_map(|stay| stay.since).min()
        };
        Self {
            versions: journeys.len(),
            waiting: median(Phase::Waiting),
            in_review: median(Phase::InReview),
            waiting_since: since(Phase::Waiting),
            in_review_since: since(Phase::InReview),
        }
    }
}

fn lengths(phase: &Phase, stays: &[Stay]) -> impl Iterator<Item = SignedDuration> {
    stays.iter().filter(move |stay| stay.phase == *phase).filter_map(Stay::length)
}
