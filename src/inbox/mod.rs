//! What we keep: receipts, the dispatches they owe, and what came of them.
//!
//! A notification that was let in becomes a **receipt** (the bytes, where they came in, when, by which way). A receipt owes one
//! **dispatch** to each handler whose route it matches. Each try of a dispatch is an **attempt**. A [`Store`] keeps all three, and
//! each of its methods is one whole sentence of this domain: it happens entirely or not at all.
//!
//! ```text
//!                     accept                    claim                  finish(done)
//!   notification ───────────────► Waiting ───────────────► Claimed ───────────────────► Done
//!                                   ▲  ▲                    │ │ │                         │
//!                                   │  └── finish(retry) ───┘ │ └── finish(dead) ──► Dead │
//!                                   │      release_expired    │                      │    │
//!                                   │      finish(put back) ──┘                      │    │
//!                                   └──────────────────── replay ────────────────────┴────┘
//! ```
//!
//! A claim hands out a [`Lease`] with a token that is new at every claim. Whoever finishes a dispatch shows the token; a stale one
//! changes nothing, so a worker that was away too long cannot overwrite what happened since. [`Store::skip`] ends a dead dispatch as done;
//! so does `finish(passed over)` a claimed one, whose handler is not to have the event after all.
//!
//! What Apple lists and what is kept of it is the [`account`]. The inbox knows nothing of handlers but their names.

pub mod account;
mod attempt;
mod finish;
pub mod history;
pub mod identity;
pub mod kept;
pub mod memory;
pub(crate) mod names;
mod number;
pub mod query;
pub mod secrets;
pub mod sqlite;
mod store;
pub mod streak;
pub mod watched;
mod way;
pub mod wrapper;

#[doc = include_str!("../docs/stores.md")]
pub mod stores {}

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;

pub use self::{
    attempt::{Attempt, AttemptResult},
    finish::{Finish, Verdict},
    identity::Identity,
    number::{DispatchId, ReceiptId},
    store::{Store, StoreError, Unread},
    way::{Received, Source, Way},
};
use crate::event::{Event, NotAnEvent};

/// A notification on its way into the store.
///
/// It can only be made from [`Received`] bytes: that is what keeps everything else out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Arrival {
    /// The name of the endpoint it belongs to.
    pub endpoint: Arc<str>,
    /// When it was received, by our clock.
    pub received_at: Timestamp,
    /// When its dispatches are due: at once, by [`crate::clock::Clock::steady`]. It is `received_at` unless told otherwise.
    pub due_at: Timestamp,
    /// Why it was let in.
    pub way: Way,
    /// The bytes as they came, but for the tokens that stand in unsigned ones.
    pub body: Bytes,
    /// What is known of their content.
    pub content: Content,
    /// What makes it the same as another.
    pub identity: Identity,
    /// The handlers that are owed a dispatch.
    pub owed: Vec<Owed>,
}

impl Arrival {
    /// Prepares bytes for keeping.
    ///
    /// `parsed` is what [`Received::read`] made of them, and `owed` names the handlers that the event is owed to. Bytes that are not an
    /// event are owed to nobody and kept all the same. What it owes is due when it was received, unless [`Arrival::due_at`] is set.
    pub fn new(
        endpoint: Arc<str>,
        received: impl Into<Received>,
        parsed: Result<&Event, &NotAnEvent>,
        owed: Vec<Owed>,
        received_at: Timestamp,
    ) -> Self {
        let (body, way) = received.into().into_parts();
        let identity = match parsed {
            Ok(event) => Identity::of_event(&endpoint, event),
            Err(_) => Identity::of_bytes(&endpoint, &body),
        };
        let content = Content::from(parsed);
        let owed = if parsed.is_ok() { owed } else { Vec::new() };
        Self { endpoint, received_at, due_at: received_at, way, body, content, identity, owed }
    }
}

/// A dispatch that a receipt is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The name of the handler.
    pub handler: Arc<str>,
    /// Whether events of one subject go to this handler one after another, in Apple's time order.
    pub in_order: bool,
}

/// What the store knows of a receipt's bytes without reading them again: enough to list, filter and order receipts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// The bytes are an event.
    Event(Summary),
    /// The bytes were let in, but are not an event.
    Unparsed {
        /// Why they could not be read.
        reason: String,
    },
}

impl From<Result<&Event, &NotAnEvent>> for Content {
    fn from(parsed: Result<&Event, &NotAnEvent>) -> Self {
        match parsed {
            Ok(event) => Self::Event(Summary::of(event)),
            Err(error) => Self::Unparsed { reason: error.to_string() },
        }
    }
}

/// The part of an event that receipts are listed and filtered by.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Apple's id of the event.
    pub event_id: String,
    /// `data.type` as Apple wrote it.
    pub kind: String,
    /// The state that the subject is in now, as Apple wrote it, for kinds that tell of a state.
    pub state: Option<String>,
    /// The state that the subject was in before.
    pub previous_state: Option<String>,
    /// The resource type of the subject.
    pub subject_type: Option<String>,
    /// The resource id of the subject.
    pub subject_id: Option<String>,
    /// When it happened, by Apple's clock.
    pub time: Option<Timestamp>,
}

/// A notification as we keep it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Receipt {
    /// Its number.
    pub id: ReceiptId,
    /// The name of the endpoint it belongs to.
    pub endpoint: String,
    /// When it was received, by our clock.
    pub received_at: Timestamp,
    /// How it reached us.
    pub source: Source,
    /// The signature header as it arrived; none on a recovered or an unsigned receipt.
    pub signature: Option<String>,
    /// The label of the secret, or of the token, that matched; none on a recovered receipt.
    pub secret: Option<String>,
    /// What makes this event the same as another, as hexadecimal digits.
    pub identity: String,
    /// What is known of its content.
    pub content: Content,
    /// The number of bytes in its body.
    pub size: u64,
}

/// How a dispatch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DispatchState {
    /// It is to be tried, now or at its due time.
    Waiting,
    /// A worker is trying it.
    Claimed,
    /// The handler took it.
    Done,
    /// It will not be tried again unless somebody replays it.
    Dead,
}

impl DispatchState {
    /// Every state, in the order of a dispatch's life.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Claimed, Self::Done, Self::Dead];

    /// The state as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// One receipt owed to one handler.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Dispatch {
    /// Its number.
    pub id: DispatchId,
    /// The receipt that is owed.
    pub receipt: ReceiptId,
    /// The name of the handler it is owed to.
    pub handler: String,
    /// How it stands.
    pub state: DispatchState,
    /// How often it has been claimed since it was made or last replayed.
    pub attempts: u32,
    /// When it is to be tried next, while it is waiting. None also for what is due since ever, as all is that a command makes beside a
    /// server ([`crate::clock::GuestClock`]): it is to be tried at once, and there is no time to tell.
    pub due_at: Option<Timestamp>,
}

/// When a dispatch is to be tried next, of the time that is kept with it in any state.
fn next_try(state: DispatchState, due_at: Timestamp) -> Option<Timestamp> {
    (state == DispatchState::Waiting && due_at > Timestamp::UNIX_EPOCH).then_some(due_at)
}

/// The right to try one dispatch, until it is finished or the lease runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The dispatch.
    pub dispatch: DispatchId,
    /// A number that is new at every claim of this dispatch.
    pub token: i64,
}

/// How much work to claim, and for whom.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Each handler that has room, and for how many dispatches.
    pub handlers: Vec<Room>,
    /// The present time: what is due by then may be claimed.
    pub now: Timestamp,
}

/// Room for work at one handler.
#[derive(Clone, Debug)]
pub struct Room {
    /// The name of the handler.
    pub handler: Arc<str>,
    /// The most dispatches to claim for it.
    pub slots: usize,
    /// How long the lease lasts: the handler's time-out and a margin.
    pub lease: Duration,
}

/// A dispatch that is ours to try.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The right to try it.
    pub lease: Lease,
    /// The name of the handler.
    pub handler: Arc<str>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The receipt.
    pub receipt: Receipt,
    /// The bytes of the receipt.
    pub body: Bytes,
    /// What is known besides of what it is about, as [`Store::keep_details`] was given it.
    pub details: Option<Bytes>,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepted {
    /// A new receipt was written, and its dispatches.
    New {
        /// Its number.
        receipt: ReceiptId,
        /// Another receipt of the endpoint has the same event id and different content.
        same_id: bool,
    },
    /// The very same event is known already; nothing was written.
    Known,
}
