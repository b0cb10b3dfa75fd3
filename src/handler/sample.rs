//! A context for the test of a handler: no store, no worker and no Apple behind it.
//!
//! Beside [`event::sample`](crate::event::sample), which has the events: whatever a handler may be told can be put into one of these. Like
//! those it is the same every time: nothing here is random, and nothing reads the clock.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Context, kept::Kept};
use crate::event::Details;

const RECEIVED: Timestamp = Timestamp::constant(1_772_443_801, 0);

impl Context {
    /// A context for the test of a handler: the first attempt of the handler `ci` at a receipt of the endpoint `ios`, without details. What
    /// the handler [notes](Self::keep_note) is kept in memory, for this context and its clones.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use asc_webhooks::{
    ///     Handler as _,
    ///     event::{EventKind, sample},
    ///     handler::{Context, HandlerError, handler_fn},
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), asc_webhooks::event::NotAnEvent> {
    /// let hesitant = handler_fn(async |_, ctx| match ctx.attempt() {
    ///     1 => Err(HandlerError::reject("not at the first attempt")),
    ///     _ => Ok(()),
    /// });
    ///
    /// let event = Arc::new(sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").event()?);
    /// let refused = hesitant.handle(Arc::clone(&event), Context::sample()).await.unwrap_err();
    /// assert!(refused.is_reject());
    /// assert!(hesitant.handle(event, Context::sample().with_attempt(2)).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn sample() -> Self {
        Self {
            handler: "ci".into(),
            endpoint: "ios".into(),
            receipt: 7,
            received_at: RECEIVED,
            recovered: false,
            signature: Some(format!("hmacsha256={}", "ab".repeat(32))),
            idempotency_key: "5c3f0a".into(),
            attempt: 1,
            details: None,
            kept: Some(Arc::new(KeptInMemory::default())),
            is_test: false,
            cancelled: CancellationToken::new(),
        }
    }

    /// The same for a handler of this name.
    #[must_use]
    pub fn with_handler(self, name: impl Into<Arc<str>>) -> Self {
        Self { handler: name.into(), ..self }
    }

    /// The same of an event that this endpoint received.
    #[must_use]
    pub fn with_endpoint(self, name: impl Into<Arc<str>>) -> Self {
        Self { endpoint: name.into(), ..self }
    }

    /// The same of a notification that was received then.
    #[must_use]
    pub fn with_received_at(self, at: Timestamp) -> Self {
        Self { received_at: at, ..self }
    }

    /// The same with this idempotency key: that of another event, or of another handler.
    #[must_use]
    pub fn with_idempotency_key(self, key: impl Into<Arc<str>>) -> Self {
        Self { idempotency_key: key.into(), ..self }
    }

    /// The same of this attempt, from 1.
    #[must_use]
    pub fn with_attempt(self, number: u32) -> Self {
        Self { attempt: number, ..self }
    }

    /// The same with these details; [`event::details::sample`](crate::event::details::sample) has some that fit an event.
    #[must_use]
    pub fn with_details(self, details: Details) -> Self {
        Self { details: Some(Arc::new(details)), ..self }
    }

    /// The same with these files and notes, in the place of those it had.
    #[must_use]
    pub fn with_kept(self, kept: KeptInMemory) -> Self {
        Self { kept: Some(Arc::new(kept)), ..self }
    }

    /// The same of an event that was fetched from Apple after it had been missed, and so has no signature.
    #[must_use]
    pub fn recovered(self) -> Self {
        Self { recovered: true, signature: None, ..self }
    }

    /// The same of somebody who tries the handler out.
    #[must_use]
    pub fn of_a_test(self) -> Self {
        Self { is_test: true, ..self }
    }

    /// The same of an attempt that is about to be cut off, because the program stops.
    #[must_use]
    pub fn cut_off(self) -> Self {
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        Self { cancelled, ..self }
    }
}

/// What a [sample](Context::sample) of a context has instead of a store.
#[derive(Debug, Default)]
pub struct KeptInMemory {
    files: HashMap<String, Bytes>,
    since: Option<Timestamp>,
    notes: Mutex<HashMap<String, String>>,
}

impl KeptInMemory {
    /// The same with a file, for [`Context::file`].
    #[must_use]
    pub fn with_file(mut self, name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        self.files.insert(name.into(), bytes.into());
        self
    }

    /// The same of a subject that came into the state that it has left then, for [`Context::since`].
    #[must_use]
    pub fn with_since(self, since: Timestamp) -> Self {
        Self { since: Some(since), ..self }
    }

    /// The same with a note, for [`Context::note`].
    #[must_use]
    pub fn with_note(self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes().insert(key.into(), text.into());
        self
    }

    fn notes(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Kept for KeptInMemory {
    async fn file(&self, name: &str) -> Result<Option<Bytes>, String> {
        Ok(self.files.get(name).cloned())
    }

    async fn since(&self) -> Result<Option<Timestamp>, String> {
        Ok(self.since)
    }

    async fn note(&self, key: &str) -> Result<Option<String>, String> {
        Ok(self.notes().get(key).cloned())
    }

    async fn keep_note(&self, key: &str, text: &str) -> Result<(), String> {
        self.notes().insert(key.to_owned(), text.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_what_was_put_into_it() {
        let at = RECEIVED + jiff::SignedDuration::from_secs(9);
        let ctx = Context::sample().with_handler("farm").with_endpoint("mac").with_idempotency_key("k").with_attempt(2);
        assert_eq!((ctx.handler(), ctx.endpoint(), ctx.idempotency_key(), ctx.attempt()), ("farm", "mac", "k", 2));
        let ctx = ctx.with_received_at(at).with_details(Details::default()).recovered().of_a_test();
        assert_eq!((ctx.received_at(), ctx.details()), (at, Some(&Details::default())));
        assert_eq!((ctx.is_recovered(), ctx.signature(), ctx.is_test()), (true, None, true));
    }

    #[tokio::test]
    async fn what_is_kept_is_shared_by_its_clones() {
        let kept = KeptInMemory::default().with_file("a.png", "png").with_since(RECEIVED).with_note("before", "1");
        let ctx = Context::sample().with_kept(kept);
        assert_eq!(ctx.file("a.png").await.unwrap().unwrap(), "png");
        assert_eq!(ctx.file("b.png").await.unwrap(), None);
        assert_eq!(ctx.since().await.unwrap(), Some(RECEIVED));
        ctx.clone().keep_note("now", "2").await.unwrap();
        assert_eq!(
            [ctx.note("before").await.unwrap(), ctx.note("now").await.unwrap()],
            ["1", "2"].map(|text| Some(text.to_owned()))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn only_one_that_is_cut_off_is_cancelled() {
        let soon = async |ctx: Context| tokio::time::timeout(std::time::Duration::from_secs(1), ctx.cancelled()).await.is_ok();
        assert!(soon(Context::sample().cut_off()).await);
        assert!(!soon(Context::sample()).await);
    }
}
