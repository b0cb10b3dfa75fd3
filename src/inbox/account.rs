//! The account: the events that Apple lists for an endpoint, set against those that are kept here.
//!
//! Each event that Apple lists is one [`Entry`], however often it was delivered. The account of an endpoint says how many there are,
//! how many of them are kept, and how many are missing, which should be none. Its mark is the time, by Apple's clock, up to which no
//! listed event is missing: whoever looks next may begin there.

use jiff::Timestamp;

/// An event in Apple's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Apple's id of its record, which need not be the id in the event.
    pub event: String,
    /// When Apple first tried to deliver it, by Apple's clock.
    pub listed_at: Timestamp,
    /// Whether it is kept: its identity is known to the store.
    pub is_kept: bool,
}

/// How a look at Apple's list ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pass {
    /// The list was read to its end, and everything in it that could be kept is.
    Complete {
        /// Where the next look may begin; none leaves the mark where it is.
        mark: Option<Timestamp>,
        /// Entries that Apple listed before this time are forgotten.
        forget_before: Timestamp,
    },
    /// It came to nothing. The mark stays.
    Failed {
        /// Why.
        error: String,
    },
}

/// How what Apple lists for an endpoint stands to what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// The endpoint.
    pub endpoint: String,
    /// How many events Apple lists.
    pub listed: u64,
    /// How many of them are kept.
    pub kept: u64,
    /// How many of them are missing: the gap.
    pub missing: u64,
    /// Since when the oldest of the missing is known to be, by our clock.
    pub missing_since: Option<Timestamp>,
    /// When the oldest entry was listed: what the account goes back to.
    pub since: Option<Timestamp>,
    /// The mark: up to which time, by Apple's clock, nothing that is listed is missing.
    pub mark: Option<Timestamp>,
    /// When the last complete pass ended, by our clock.
    pub completed_at: Option<Timestamp>,
    /// Why the passes since then came to nothing, if there were any.
    pub failure: Option<Failure>,
}

/// A pass that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// When it ended.
    pub at: Timestamp,
    /// Why.
    pub error: String,
}
