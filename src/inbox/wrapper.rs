//! A store around another store: measure, slow down or refuse what is asked of a store, without writing one.
//!
//! A [`Wrapper`] says which store is inside, and writes only those methods that are to do something else; all others go inside as
//! they are. It is a [`Store`] by that, and can be wrapped again.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Accepted, Arrival, Attempt, Claim, Claimed, Content, DispatchId, Finish, Identity, Owed, ReceiptId, Store, StoreError, Unread,
    account::{Account, Entry, Pass},
    history::{HistoryFilter, HistoryPage},
    query::{Hour, NewestOfApp, Page, PageRequest, Purged, ReceiptFilter, ReceiptRecord, Replay, Stats},
    secrets::{KeptSecret, KeptSecrets, SecretsReader},
};

/// A [`Store`] that passes on to another whatever it does not do itself.
///
/// It owes its callers what every store owes them: a method that does more than pass on must still be one whole sentence. Do not
/// use it to keep some receipts here and others there; that takes a store of your own.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use asc_webhooks::inbox::{Accepted, Arrival, Store, StoreError, memory::Memory, wrapper::Wrapper};
///
/// #[derive(Debug)]
/// struct Counting {
///     store: Memory,
///     known: AtomicU64,
/// }
///
/// #[async_trait::async_trait]
/// impl Wrapper for Counting {
///     fn inner(&self) -> &dyn Store {
///         &self.store
///     }
///
///     async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
///         let accepted = self.inner().accept(arrival).await?;
///         if accepted == Accepted::Known {
///             self.known.fetch_add(1, Ordering::Relaxed);
///         }
///         Ok(accepted)
///     }
/// }
///
/// fn takes_any(_store: impl Store) {}
/// takes_any(Counting { store: Memory::new(), known: AtomicU64::new(0) });
/// ```
#[async_trait]
pub trait Wrapper: Debug + Send + Sync + 'static {
    /// The store inside.
    fn inner(&self) -> &dyn Store;

    /// See [`Store::accept`].
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        self.inner().accept(arrival).await
    }

    /// See [`Store::claim`].
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        self.inner().claim(claim).await
    }

    /// See [`Store::finish`].
    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        self.inner().finish(finish).await
    }

    /// See [`Store::release_expired`].
    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner().release_expired(now).await
    }

    /// See [`Store::hasten`].
    async fn hasten(&self, handler: &str, latest: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        self.inner().hasten(handler, latest, now).await
    }

    /// See [`Store::purge`].
    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.inner().purge(before, limit).await
    }

    /// See [`Store::keep_note`].
    async fn keep_note(&self, handler: &str, key: &str, text: &str, now: Timestamp) -> Result<(), StoreError> {
        self.inner().keep_note(handler, key, text, now).await
    }

    /// See [`Store::keep_details`].
    async fn keep_details(&self, id: ReceiptId, details: Bytes, files: Vec<(String, Bytes)>) -> Result<bool, StoreError> {
        self.inner().keep_details(id, details, files).await
    }

    /// See [`Store::replay`].
    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError> {
        self.inner().replay(replay, now).await
    }

    /// See [`Store::skip`].
    async fn skip(&self, id: DispatchId, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.inner().skip(id, reason, now).await
    }

    /// See [`Store::reparsed`].
    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.inner().reparsed(id, content, identity, owed, now).await
    }

    /// See [`Store::note_secrets_reader`].
    async fn note_secrets_reader(&self, reader: SecretsReader) -> Result<(), StoreError> {
        self.inner().note_secrets_reader(reader).await
    }

    /// See [`Store::probe`].
    async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.inner().probe(now).await
    }

    /// See [`Store::close`].
    async fn close(&self) -> Result<(), StoreError> {
        self.inner().close().await
    }

    /// See [`Store::retry_after`].
    fn retry_after(&self) -> Duration {
        self.inner().retry_after()
    }
}

/// What a wrapper has no say in goes inside directly. To let wrappers have a say, give [`Wrapper`] the method too.
#[async_trait]
impl<W: Wrapper> Store for W {
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        Wrapper::accept(self, arrival).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        Wrapper::claim(self, claim).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        Wrapper::finish(self, finish).await
    }

    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        Wrapper::release_expired(self, now).await
    }

    async fn hasten(&self, handler: &str, latest: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        Wrapper::hasten(self, handler, latest, now).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        Wrapper::purge(self, before, limit).await
    }

    async fn keep_note(&self, handler: &str, key: &str, text: &str, now: Timestamp) -> Result<(), StoreError> {
        Wrapper::keep_note(self, handler, key, text, now).await
    }

    async fn note_secrets_reader(&self, reader: SecretsReader) -> Result<(), StoreError> {
        Wrapper::note_secrets_reader(self, reader).await
    }

    async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        Wrapper::probe(self, now).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        Wrapper::close(self).await
    }

    fn retry_after(&self) -> Duration {
        Wrapper::retry_after(self)
    }

    async fn next_due(&self, handlers: &[Arc<str>]) -> Result<Option<Timestamp>, StoreError> {
        self.inner().next_due(handlers).await
    }

    async fn keep_details(&self, id: ReceiptId, details: Bytes, files: Vec<(String, Bytes)>) -> Result<bool, StoreError> {
        Wrapper::keep_details(self, id, details, files).await
    }

    async fn file(&self, id: ReceiptId, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner().file(id, name).await
    }

    async fn entered(&self, id: ReceiptId) -> Result<Option<Timestamp>, StoreError> {
        self.inner().entered(id).await
    }

    async fn note(&self, handler: &str, key: &str) -> Result<Option<String>, StoreError> {
        self.inner().note(handler, key).await
    }

    async fn histories(&self, filter: &HistoryFilter, page: PageRequest) -> Result<HistoryPage, StoreError> {
        self.inner().histories(filter, page).await
    }

    async fn apps(&self) -> Result<Vec<String>, StoreError> {
        self.inner().apps().await
    }

    async fn newest_of_apps(&self) -> Result<Vec<NewestOfApp>, StoreError> {
        self.inner().newest_of_apps().await
    }

    async fn receipts(&self, filter: &ReceiptFilter, page: PageRequest) -> Result<Page, StoreError> {
        self.inner().receipts(filter, page).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<ReceiptRecord>, StoreError> {
        self.inner().receipt(id).await
    }

    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError> {
        Wrapper::replay(self, replay, now).await
    }

    async fn skip(&self, id: DispatchId, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        Wrapper::skip(self, id, reason, now).await
    }

    async fn unparsed(&self, after: Option<ReceiptId>, limit: usize) -> Result<Vec<Unread>, StoreError> {
        self.inner().unparsed(after, limit).await
    }

    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Wrapper::reparsed(self, id, content, identity, owed, now).await
    }

    async fn secrets(&self) -> Result<KeptSecrets, StoreError> {
        self.inner().secrets().await
    }

    async fn keep_secrets(&self, endpoint: &str, secrets: Vec<KeptSecret>, since: i64) -> Result<bool, StoreError> {
        self.inner().keep_secrets(endpoint, secrets, since).await
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        self.inner().stats(now).await
    }

    async fn hours(&self, since: Timestamp) -> Result<Vec<Hour>, StoreError> {
        self.inner().hours(since).await
    }

    async fn attempts(&self, limit: usize) -> Result<Vec<(String, Attempt)>, StoreError> {
        self.inner().attempts(limit).await
    }

    async fn note_listed(&self, endpoint: &str, entries: Vec<Entry>, now: Timestamp) -> Result<(), StoreError> {
        self.inner().note_listed(endpoint, entries, now).await
    }

    async fn end_pass(&self, endpoint: &str, pass: Pass, now: Timestamp) -> Result<(), StoreError> {
        self.inner().end_pass(endpoint, pass, now).await
    }

    async fn pause(&self, handler: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.inner().pause(handler, reason, now).await
    }

    async fn resume(&self, handler: &str) -> Result<bool, StoreError> {
        self.inner().resume(handler).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.inner().accounts().await
    }
}
