//! Questions about what is kept, and their answers: what the commands and the page ask.

use bytes::Bytes;
use jiff::Timestamp;

use super::{Attempt, Content, Dispatch, DispatchState, Receipt, ReceiptId};
use crate::event::Details;

/// Which receipts to list. Empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptFilter {
    /// Of this endpoint.
    pub endpoint: Option<String>,
    /// Of these kinds, as Apple writes them in `data.type`.
    pub kinds: Vec<String>,
    /// With this event id.
    pub event_id: Option<String>,
    /// About the subject with this id.
    pub subject_id: Option<String>,
    /// In this state now.
    pub state: Option<String>,
    /// Received at or after this time.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
    /// Only those that are not an event.
    pub unparsed: bool,
    /// With a dispatch in this state.
    pub dispatch: Option<DispatchState>,
    /// With a dispatch to this handler (and, if both are given, in that state).
    pub handler: Option<String>,
    /// About the app with this id or bundle id, as far as details tell. What goes for [`text`](Self::text) goes for this.
    pub app: Option<String>,
    /// With this text in an id, the kind, the state or what is known besides of what it is about; in ASCII, case does not count.
    ///
    /// For this every receipt is looked into, so one page looks only so far back: it may be short, or empty, and yet have a
    /// [`next`](Page::next), where the search goes on.
    pub text: Option<String>,
}

impl ReceiptFilter {
    /// Whether a receipt is one of those. `details` is what is known besides of what it is about, in which a text is looked for too.
    pub fn admits(&self, listed: &Listed, details: Option<&[u8]>) -> bool {
        let Listed { receipt, dispatches } = listed;
        let event = match &receipt.content {
            Content::Event(event) => Some(event),
            Content::Unparsed { .. } => None,
        };
        let is = |asked: &Option<String>, found: Option<&String>| asked.is_none() || asked.as_ref() == found;
        let dispatched = |dispatch: &Dispatch| {
            self.dispatch.is_none_or(|state| dispatch.state == state) && is(&self.handler, Some(&dispatch.handler))
        };
        let says = |text: &String| {
            let words =
                event.map(|event| [Some(&event.event_id), event.subject_id.as_ref(), Some(&event.kind), event.state.as_ref()]);
            let details = details.map(|details| String::from_utf8_lossy(details).to_ascii_lowercase());
            let mut words = words.into_iter().flatten().flatten().map(|word| word.to_ascii_lowercase()).chain(details);
            words.any(|word| word.contains(&text.to_ascii_lowercase()))
        };
        let is_about = |asked: &String| {
            let app = details.and_then(Details::read).and_then(|details| details.app);
            app.is_some_and(|app| app.id == *asked || app.bundle_id.as_ref() == Some(asked))
        };
        is(&self.endpoint, Some(&receipt.endpoint))
            && (self.kinds.is_empty() || event.is_some_and(|event| self.kinds.contains(&event.kind)))
            && is(&self.event_id, event.map(|event| &event.event_id))
            && is(&self.subject_id, event.and_then(|event| event.subject_id.as_ref()))
            && is(&self.state, event.and_then(|event| event.state.as_ref()))
            && self.since.is_none_or(|since| receipt.received_at >= since)
            && self.until.is_none_or(|until| receipt.received_at < until)
            && self.app.as_ref().is_none_or(is_about)
            && self.text.as_ref().is_none_or(says)
            && (!self.unparsed || event.is_none())
            && ((self.dispatch.is_none() && self.handler.is_none()) || dispatches.iter().any(dispatched))
    }

    /// Whether every receipt must be looked into, so that a page looks only so far back.
    pub fn looks_into_receipts(&self) -> bool {
        self.app.is_some() || self.text.is_some()
    }
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Only receipts with a lower number than this: the `next` of the page before.
    pub before: Option<ReceiptId>,
    /// The most to return.
    pub limit: usize,
}

/// One part of a list of receipts.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Page {
    /// The receipts, newest first.
    pub items: Vec<Listed>,
    /// Where the next part begins; none at the end.
    pub next: Option<ReceiptId>,
}

/// A receipt in a list.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Listed {
    /// The receipt.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// What it is owed to.
    pub dispatches: Vec<Dispatch>,
}

/// One receipt with all that is known of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReceiptRecord {
    /// The receipt.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// Its bytes.
    #[serde(skip)]
    pub body: Bytes,
    /// What is known besides of what it is about, as [`Store::keep_details`](super::Store::keep_details) was given it.
    #[serde(skip)]
    pub details: Option<Bytes>,
    /// Its dispatches, each with its attempts.
    pub dispatches: Vec<DispatchRecord>,
}

/// A dispatch with its attempts.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DispatchRecord {
    /// The dispatch.
    #[serde(flatten)]
    pub dispatch: Dispatch,
    /// Its attempts, oldest first.
    pub history: Vec<Attempt>,
}

/// What to dispatch again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// One receipt, to the named handlers: those that had it, and those that never did.
    Receipt {
        /// The receipt.
        id: ReceiptId,
        /// The handlers, each with whether it wants events in order.
        handlers: Vec<super::Owed>,
    },
    /// Every dead dispatch, of one handler or of all.
    Dead {
        /// The handler; none means all.
        handler: Option<String>,
    },
}

/// What is kept, in numbers.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Stats {
    /// How many receipts.
    pub receipts: u64,
    /// How many of them are not an event.
    pub unparsed: u64,
    /// How many of them were recovered.
    pub recovered: u64,
    /// How many identities, those of removed receipts included.
    pub identities: u64,
    /// How many bytes the store takes on disk.
    pub bytes: u64,
    /// By endpoint, in order of name.
    pub endpoints: Vec<EndpointStats>,
    /// By handler, in order of name: those that were ever owed something, and those that are paused.
    pub handlers: Vec<HandlerStats>,
}

/// What one endpoint has received.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct EndpointStats {
    /// Its name.
    pub endpoint: String,
    /// How many receipts it has.
    pub receipts: u64,
    /// When the newest was received.
    pub newest: Option<Timestamp>,
}

/// The newest receipt that is about an app.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NewestOfApp {
    /// Apple's id of the app.
    pub app: String,
    /// Its name, if details tell it.
    pub name: Option<String>,
    /// The receipt.
    pub receipt: ReceiptId,
    /// When it was received.
    pub received_at: Timestamp,
}

/// How the dispatches of one handler stand.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct HandlerStats {
    /// Its name.
    pub handler: String,
    /// Waiting dispatches.
    pub waiting: u64,
    /// Claimed dispatches.
    pub claimed: u64,
    /// Done dispatches.
    pub done: u64,
    /// Dead dispatches.
    pub dead: u64,
    /// When the receipt of the oldest dispatch that is not finished was received.
    pub oldest_open: Option<Timestamp>,
    /// Since when it is given nothing, and why; none if it is not paused.
    pub paused: Option<Paused>,
}

/// That a handler is given nothing for now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Paused {
    /// Since when.
    pub since: Timestamp,
    /// What whoever paused it said.
    pub reason: String,
}

impl Stats {
    /// The handlers that are owed something and are not configured: nobody handles it.
    pub fn unattended(&self, is_configured: impl Fn(&str) -> bool) -> impl Iterator<Item = &HandlerStats> {
        self.handlers.iter().filter(move |of| of.owed() > 0 && !is_configured(&of.handler))
    }
}

impl HandlerStats {
    /// Of a handler that was never owed anything.
    pub fn idle(handler: &str) -> Self {
        Self { handler: handler.to_owned(), waiting: 0, claimed: 0, done: 0, dead: 0, oldest_open: None, paused: None }
    }

    /// How many dispatches are not done, dead ones included: they are owed until somebody replays or skips them.
    pub fn owed(&self) -> u64 {
        self.waiting + self.claimed + self.dead
    }
}

/// What one hour brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Hour {
    /// When it began.
    pub begins_at: Timestamp,
    /// How many receipts were received in it.
    pub receipts: u64,
}

impl Hour {
    /// How many seconds it has.
    pub const SECONDS: i64 = 3_600;
}

/// What a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many receipts.
    pub receipts: u64,
    /// How many dead dispatches went with them.
    pub dead: u64,
    /// How many notes of handlers.
    pub notes: u64,
    /// Whether there may be more to remove.
    pub more: bool,
}
