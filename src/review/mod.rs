//! How long each version waited and was in review, told by the events themselves.
//!
//! A [`Journey`] is the history of a version (or of a build, in TestFlight or on its way there) read as a row of [`Stay`]s: a state, since when and
//! until when. [`Times`] sums up several: how long a round of review takes as a rule. Page, API, commands and figures all go by these.
//!
//! **Invariant:** nothing is guessed. A stay has a length only if both its ends were told. Where an event says that a state was left which
//! no event before it led into, something between was missed: then the end of the one stay and the beginning of the other are
//! unknown, and neither is counted. So is a time of ours that cannot be Apple's: a recovered event that names none.
//!
//! Pure: no I/O, and no clock.

mod phase;
mod times;

use jiff::{SignedDuration, Timestamp};

pub use self::{
    phase::Phase,
    times::{LAST, Median, Spent, Times},
};
use crate::{
    event::{Details, EventKind},
    inbox::{
        ReceiptId, Source,
        history::{History, Step},
    },
};

/// The journey of a version or a build, state by state.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Journey {
    /// The receipt that told of it first.
    pub first: ReceiptId,
    /// The endpoint that hears of it.
    pub endpoint: String,
    /// What kind of event tells of it.
    #[serde(serialize_with = "in_apples_words")]
    pub kind: EventKind,
    /// Apple's id of it.
    pub subject_id: String,
    /// Apple's id of the app; the name of the endpoint, as long as that is not known.
    pub app: String,
    /// The name of the app.
    pub app_name: Option<String>,
    /// The number of the version, such as `2.3`.
    pub version: Option<String>,
    /// The number of the build, such as `45`.
    pub build: Option<String>,
    /// `IOS`, `MAC_OS`, `TV_OS` or `VISION_OS`.
    pub platform: Option<String>,
    /// The states that it was in, oldest first; it is in the last one now.
    pub stays: Vec<Stay>,
    /// Whether earlier ones are left out, because there are very many.
    pub is_cut: bool,
    /// What is told of its waiting for review.
    pub waiting: Spent,
    /// What is told of its being in review.
    pub in_review: Spent,
}

/// The time that something spent in one state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Stay {
    /// The state, as Apple writes it.
    pub state: String,
    /// What the state means.
    pub phase: Phase,
    /// When it began, if that is told.
    pub since: Option<Timestamp>,
    /// When it ended, if it has and that is told.
    pub until: Option<Timestamp>,
    /// The receipt that tells of its beginning; none if it was missed.
    pub receipt: Option<ReceiptId>,
    /// Whether it has not ended, as far as we have heard.
    pub is_present: bool,
}

impl Journey {
    /// Reads a history.
    pub fn of(history: &History) -> Self {
        let kind = EventKind::from(history.kind.as_str());
        let details = history.details.as_deref().and_then(Details::read).unwrap_or_default();
        let stays = stays(&kind, &history.steps);
        Self {
            first: history.first,
            endpoint: history.endpoint.clone(),
            subject_id: history.subject_id.clone(),
            app: history.app.clone(),
            app_name: details.app_name().map(str::to_owned),
            version: details.version_string().map(str::to_owned),
            build: details.build_number().map(str::to_owned),
            platform: details.platform().map(str::to_owned),
            is_cut: history.is_cut,
            waiting: Spent::on(&Phase::Waiting, &stays),
            in_review: Spent::on(&Phase::InReview, &stays),
            stays,
            kind,
        }
    }

    /// The state that it is in now.
    pub fn present(&self) -> Option<&Stay> {
        self.stays.last()
    }
}

impl Stay {
    /// How long it was, if both ends are told.
    pub fn length(&self) -> Option<SignedDuration> {
        Some(self.until?.duration_since(self.since?))
    }

    fn new(kind: &EventKind, state: &str, since: Option<Timestamp>, receipt: Option<ReceiptId>) -> Self {
        Self { state: state.to_owned(), phase: Phase::of(kind, state), since, until: None, receipt, is_present: false }
    }
}

fn stays(kind: &EventKind, steps: &[Step]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for step in steps {
        let at = time_of(step);
        let left = step.previous_state.as_deref();
        match (stays.last_mut(), left) {
            // Told twice.
            (Some(last), left) if last.state == step.state && left.is_none_or(|left| left == last.state) => continue,
            (Some(last), left) if left.is_none_or(|left| left == last.state) => last.until = at,
            (_, Some(left)) => stays.push(Stay { until: at, ..Stay::new(kind, left, None, None) }),
            (_, None) => {}
        }
        stays.push(Stay::new(kind, &step.state, at, Some(step.receipt)));
    }
    if let Some(last) = stays.last_mut() {
        last.is_present = true;
    }
    stays
}

/// Apple's time; where Apple tells none, ours, unless the event was fetched long after it happened.
fn time_of(step: &Step) -> Option<Timestamp> {
    step.time.or_else(|| (step.source != Source::Recovered).then_some(step.received_at))
}

fn in_apples_words<S: serde::Serializer>(kind: &EventKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

#[cfg(test)]
mod tests;
