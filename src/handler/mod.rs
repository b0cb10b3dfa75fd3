//! What is done about an event: the [`Handler`] trait, the kinds that ship, and the registry that builds them from configuration.
//!
//! A handler answers in words: `Ok(())` when the event is taken care of, [`HandlerError::retry`] when trying again may help,
//! [`HandlerError::reject`] when it never will. Handlers never see how events are kept, and storage never sees handlers; they meet
//! in the worker.
//!
//! How to write one, from nothing: [`writing`]. What it must bear: [`at_least_once`].

mod answer;
mod chat;
mod discreet;
mod doubt;
mod email;
mod erased;
mod error;
mod exec;
mod forward;
mod function;
mod github;
mod gitlab;
mod kept;
mod log;
pub mod message;
mod names;
mod notice;
pub mod registry;
pub mod route;
mod sample;
pub mod section;
mod target;
mod words;

#[doc = include_str!("../docs/handlers.md")]
pub mod writing {}

#[doc = include_str!("../docs/at_least_once.md")]
pub mod at_least_once {}

use std::{
    future::Future,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(crate) use self::kept::Kept;
use self::message::Told;
pub use self::{
    doubt::Doubt,
    erased::BoxHandler,
    error::HandlerError,
    exec::Exec,
    forward::Forward,
    function::{FamilyFunction, Function, Of, handler_fn, on},
    log::Log,
    registry::{BuildError, Registry},
    sample::KeptInMemory,
    section::{Problem, Section, SectionError},
};
use crate::event::{Details, Event, EventKind};

/// Does something about events.
///
/// What an implementation can rely on, and what it must bear:
///
/// 1. **At least once.** An event is handed over again until a call answers `Ok` or [`reject`](HandlerError::reject), or the attempts
///    of the retry schedule are used up. After a crash, an event that was being handled is handled again; the
///    [idempotency key](Context::idempotency_key) stays the same, so the other side can tell.
/// 2. **At the same time.** Different events may be handled concurrently, up to the handler's `concurrency`. One event is never handled
///    twice at the same time by the same handler.
/// 3. **No order**, unless the configuration asks for `order = "subject"`: then the events of one app version or build come one
///    after another, in Apple's time order.
/// 4. **Bounded.** A call that has not returned after the handler's `timeout` is dropped at its next await point, as it is when the
///    program stops and the grace period is over. The first is a failed attempt; the second is made again at the next start, and does
///    not use up the last attempt.
/// 5. **Isolated.** A panic in [`handle`](Self::handle) is a failed attempt, and one in [`wants`](Self::wants) counts as a yes; neither
///    touches anything else.
///
/// Do not implement this trait for a plain function: [`handler_fn`] wraps one, and [`on`] wraps one that wants a single family of
/// events. Do not keep events for later inside a handler: answer [`HandlerError::retry`] and they come back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "implement `asc_webhooks::Handler` for it, or wrap a function with `asc_webhooks::handler_fn`"
)]
pub trait Handler: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// # Errors
    /// Any error that is neither [`HandlerError::retry`] nor [`HandlerError::reject`] (one that arrives by `?`) is tried again.
    fn handle(&self, event: Arc<Event>, ctx: Context) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Whether events of this kind are for this handler at all. Events of other kinds are never owed to it. It is asked before an event
    /// is kept, while the sender waits: so it must answer at once.
    fn wants(&self, kind: &EventKind) -> bool {
        let _ = kind;
        true
    }

    /// Whether it makes anything of the [details](Context::details). One that does not is called without waiting for them, unless its
    /// `enrich` or its `when` asks for them.
    fn needs_details(&self) -> bool {
        true
    }

    /// What this handler would tell people of an event, as text; none if it would tell them nothing. It is for trying out how things
    /// read: nothing is sent.
    ///
    /// # Errors
    /// When it cannot be put into words.
    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        let _ = told;
        None
    }

    /// What this handler would send for it, with a mark in the place of each secret; none if that is not JSON, or if there is no
    /// [`preview`](Self::preview) either. It is for seeing how things look and who is called.
    ///
    /// # Errors
    /// When it cannot be made.
    fn payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        let _ = told;
        None
    }

    /// Whether a message that says that it is a test may be sent through this handler. It may if all that a call does is to tell people;
    /// [`Context::is_test`] tells such calls apart.
    fn takes_test(&self) -> bool {
        false
    }
}

/// What a handler is told besides the event.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) handler: Arc<str>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) receipt: i64,
    pub(crate) received_at: Timestamp,
    pub(crate) recovered: bool,
    pub(crate) signature: Option<String>,
    pub(crate) idempotency_key: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) details: Option<Arc<Details>>,
    pub(crate) kept: Option<Arc<dyn Kept>>,
    pub(crate) is_test: bool,
    pub(crate) cancelled: CancellationToken,
}

impl Context {
    /// The most bytes of a note, its key included.
    pub const LONGEST_NOTE: usize = 16 * 1_024;

    /// The name of the handler, as configured.
    pub fn handler(&self) -> &str {
        &self.handler
    }

    /// The name of the endpoint that received the event.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The number of the receipt, as `events show` takes it.
    pub fn receipt(&self) -> i64 {
        self.receipt
    }

    /// When the notification was received.
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// Whether the event was fetched from Apple after it had been missed.
    pub fn is_recovered(&self) -> bool {
        self.recovered
    }

    /// Apple's signature header as it arrived; none on a recovered event.
    pub fn signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }

    /// A text that is the same for every attempt at this event by this handler, and for no other.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether somebody tries the handler out: there is no receipt, and the event is made up. Only handlers that
    /// [take tests](Handler::takes_test) see this.
    pub fn is_test(&self) -> bool {
        self.is_test
    }

    /// What App Store Connect says of the event's subject, as far as it could be learned in time; none if it was not asked.
    pub fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    /// The bytes of a [file](crate::event::details::File) that the details name; none if it is not kept any more.
    ///
    /// # Errors
    /// When the store cannot be read. The error is one to try again after.
    pub async fn file(&self, name: &str) -> Result<Option<Bytes>, HandlerError> {
        match &self.kept {
            Some(kept) => kept.file(name).await.map_err(HandlerError::retry),
            None => Ok(None),
        }
    }

    /// When the event's subject came into the state that it has left now, as far as we have heard.
    ///
    /// # Errors
    /// When the store cannot be read. The error is one to try again after.
    pub async fn since(&self) -> Result<Option<Timestamp>, HandlerError> {
        match &self.kept {
            Some(kept) => kept.since().await.map_err(HandlerError::retry),
            None => Ok(None),
        }
    }

    /// What this handler noted under a key at an event before, if that is still kept.
    ///
    /// # Errors
    /// When the store cannot be read. The error is one to try again after.
    pub async fn note(&self, key: &str) -> Result<Option<String>, HandlerError> {
        match &self.kept {
            Some(kept) => kept.note(key).await.map_err(HandlerError::retry),
            None => Ok(None),
        }
    }

    /// Notes a short text under a key, in the place of what was noted there before, for this and later events.
    ///
    /// After `Ok` it survives a crash. It is kept until nothing was noted under the key for as long as receipts are kept. A handler sees
    /// no other handler's notes; one that is renamed starts without any.
    ///
    /// # Errors
    /// When the text is longer than [`LONGEST_NOTE`](Self::LONGEST_NOTE), which is never to be tried again, or the store cannot keep it.
    pub async fn keep_note(&self, key: &str, text: &str) -> Result<(), HandlerError> {
        let (found, most) = (key.len() + text.len(), Self::LONGEST_NOTE);
        if found > most {
            return Err(HandlerError::reject(format!("found a note of {found} bytes, expected at most {most}")));
        }
        match &self.kept {
            Some(kept) => kept.keep_note(key, text).await.map_err(HandlerError::retry),
            None => Ok(()),
        }
    }

    /// What a handler is told when somebody tries it out.
    pub(crate) fn test(handler: Arc<str>, details: Details, now: Timestamp) -> Self {
        Self {
            idempotency_key: format!("test_{handler}_{}", now.as_microsecond()).into(),
            handler,
            endpoint: "test".into(),
            receipt: 0,
            received_at: now,
            recovered: false,
            signature: None,
            attempt: 1,
            details: Some(Arc::new(details)),
            kept: None,
            is_test: true,
            cancelled: CancellationToken::new(),
        }
    }

    /// What a message about the event is made of.
    pub(crate) async fn told<'a>(&'a self, event: &'a Event) -> Told<'a> {
        static NOTHING: LazyLock<Details> = LazyLock::new(Details::default);
        // A message without it is better than none.
        let since = if event.previous_state().is_some() { self.since().await.ok().flatten() } else { None };
        Told {
            event,
            details: self.details().unwrap_or(&NOTHING),
            endpoint: &self.endpoint,
            since,
            received_at: self.received_at,
            recovered: self.recovered,
        }
    }

    /// Resolves when the attempt is about to be cut off because the program stops.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }
}

#[cfg(test)]
mod tests;
