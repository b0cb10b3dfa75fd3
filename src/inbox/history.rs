//! Histories: through which states a subject went, as far as we have heard.
//!
//! A subject is here what one endpoint has heard of under one kind and one id: a version, a build in TestFlight, an upload. It is known from the
//! first receipt on that tells of a state, and the number of that receipt is its place in every list. The place never changes, whatever
//! else is heard of the subject, so a list can be read page by page while more comes in.
//!
//! What the states mean, and how long anything took, is not said here but in `review`.

use bytes::Bytes;
use jiff::Timestamp;

use super::{ReceiptId, Source};
use crate::event::Details;

/// The most steps of one history that are told: the newest.
pub const MOST_STEPS: usize = 100;

/// Which histories to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Of this kind, as Apple writes it in `data.type`.
    pub kind: String,
    /// Of this app: see [`History::app`].
    pub app: Option<String>,
}

/// One part of a list of histories.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The histories: the subject that was heard of last stands first.
    pub items: Vec<History>,
    /// Where the next part begins; none at the end.
    pub next: Option<ReceiptId>,
}

/// Through which states a subject went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The receipt that told of the subject first, which may have been removed since.
    pub first: ReceiptId,
    /// The endpoint that hears of it.
    pub endpoint: String,
    /// What kind of event tells of it.
    pub kind: String,
    /// Apple's id of it.
    pub subject_id: String,
    /// Apple's id of the app, once details have told it; until then the name of the endpoint.
    pub app: String,
    /// The newest details that are kept with one of its receipts, as [`Store::keep_details`](super::Store::keep_details) was given them.
    pub details: Option<Bytes>,
    /// What is told of its states, in Apple's order; of a very long history only the newest [`MOST_STEPS`].
    pub steps: Vec<Step>,
    /// Whether steps before these are left out.
    pub is_cut: bool,
}

/// What one receipt tells of a subject's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The receipt.
    pub receipt: ReceiptId,
    /// The state that the subject came into, as Apple writes it.
    pub state: String,
    /// The state that it left, if that is told.
    pub previous_state: Option<String>,
    /// When, by Apple's clock.
    pub time: Option<Timestamp>,
    /// When the receipt was received.
    pub received_at: Timestamp,
    /// How it reached us.
    pub source: Source,
}

/// Of details that are given newest first, those to show: the newest that lack nothing, or else the newest.
pub(super) fn telling<E>(newest_first: impl IntoIterator<Item = Result<Bytes, E>>) -> Result<Option<Bytes>, E> {
    let mut newest = None;
    for details in newest_first {
        let details = details?;
        if Details::read(&details).is_some_and(|details| details.is_settled()) {
            return Ok(Some(details));
        }
        newest = newest.or(Some(details));
    }
    Ok(newest)
}

/// The app that details tell of.
pub(super) fn app_of(details: &[u8]) -> Option<String> {
    Details::read(details)?.app.map(|app| app.id).filter(|id| !id.is_empty())
}

/// The name of the app that details tell of.
pub(super) fn app_name_of(details: &[u8]) -> Option<String> {
    Details::read(details)?.app?.name
}
