//! The sentences that every store must be able to say.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Accepted, Arrival, Attempt, Claim, Claimed, Content, DispatchId, Finish, Identity, Owed, ReceiptId, Source,
    account::{Account, Entry, Pass},
    history::{HistoryFilter, HistoryPage},
    query::{Hour, NewestOfApp, Page, PageRequest, Purged, ReceiptFilter, ReceiptRecord, Replay, Stats},
    secrets::{KeptSecret, KeptSecrets, SecretsReader},
};

/// A place where receipts, dispatches and attempts are kept.
///
/// Each method is atomic: when it returns `Ok`, all of what it says is on disk; when it returns `Err`, nothing is that anybody
/// will see (but for a failed commit, of which a store cannot know whether it reached the disk: the same call again is then safe).
/// Dropping a method's future never stops half way: what was begun is finished or undone by the store itself.
/// The present time comes in as a parameter; a store asks no clock.
///
/// Implement it to keep receipts somewhere else: `tests/it/store` holds the suite that every store must pass.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Keeps a notification: writes its receipt, its identity, and a waiting dispatch for each handler it is owed to, due at
    /// once. If the identity is known, writes nothing and says so.
    ///
    /// After `Ok`, the receipt survives the loss of power.
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError>;

    /// Claims due dispatches for the handlers that have room: oldest due first, each with a new lease, its attempt counted.
    /// Nothing is claimed for a handler that is [paused](Store::pause).
    /// A dispatch that is owed in order is passed over while any other of the same handler and subject is claimed, and while an
    /// earlier one (by Apple's time, then by arrival) is waiting.
    ///
    /// After `Ok`, nobody else is given the same dispatch until it is finished or its lease has run out.
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError>;

    /// Records what came of a claimed dispatch. `false` means that the lease is no longer ours and nothing was changed.
    async fn finish(&self, finish: Finish) -> Result<bool, StoreError>;

    /// Makes every dispatch wait again, due at `now`, whose lease ran out before `now`, and records the attempt as lost.
    /// Returns how many.
    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Makes due at `now` what waits for a handler until after `latest` and is not due yet. Returns how many that is. Whoever asks knows that
    /// nobody is made to wait so long: a clock stood wrong when these were put off, or the handler's schedule has been shortened since.
    ///
    /// Many may be taken a few hundred at a time; each of these steps is whole in itself.
    async fn hasten(&self, handler: &str, latest: Timestamp, now: Timestamp) -> Result<u64, StoreError>;

    /// When the earliest waiting dispatch of the named handlers falls due, of those that no other one holds back and
    /// whose handler is not paused; none if nothing waits.
    async fn next_due(&self, handlers: &[Arc<str>]) -> Result<Option<Timestamp>, StoreError>;

    /// Keeps with a receipt what is known besides of what it is about: `details`, a JSON text, and files by name. What was kept
    /// of both before is gone. If they tell of an app, the history that the receipt is part of is one of that app's from now on.
    /// `false` means that there is no such receipt.
    async fn keep_details(&self, id: ReceiptId, details: Bytes, files: Vec<(String, Bytes)>) -> Result<bool, StoreError>;

    /// The bytes of a file that is kept with a receipt.
    async fn file(&self, id: ReceiptId, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// When the subject of a receipt came into the state that the receipt says it has left: the time of the newest earlier receipt of the
    /// same endpoint, kind and subject, if that one tells of this state. Times are Apple's, or else when it was received. None if nothing
    /// tells of it.
    async fn entered(&self, id: ReceiptId) -> Result<Option<Timestamp>, StoreError>;

    /// What a handler has noted under a key.
    async fn note(&self, handler: &str, key: &str) -> Result<Option<String>, StoreError>;

    /// Keeps what a handler notes under a key, in the place of what it noted there before.
    ///
    /// After `Ok`, the note survives the loss of power.
    async fn keep_note(&self, handler: &str, key: &str, text: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Lists the [histories](super::history) of subjects of a kind, the one that was heard of last first. The number in the page's
    /// request and in its `next` is that of the receipt that told of a subject first.
    async fn histories(&self, filter: &HistoryFilter, page: PageRequest) -> Result<HistoryPage, StoreError>;

    /// Every app that a history belongs to: see [`History::app`](super::history::History::app). The one with the newest subject
    /// comes first.
    async fn apps(&self) -> Result<Vec<String>, StoreError>;

    /// The newest receipt of each app, the newest of them first: as far as details have told which app a receipt is about. An app whose
    /// newest receipt has been removed is not among them.
    async fn newest_of_apps(&self) -> Result<Vec<NewestOfApp>, StoreError>;

    /// Lists receipts, newest first.
    async fn receipts(&self, filter: &ReceiptFilter, page: PageRequest) -> Result<Page, StoreError>;

    /// One receipt with its body, its dispatches and their attempts.
    async fn receipt(&self, id: ReceiptId) -> Result<Option<ReceiptRecord>, StoreError>;

    /// Makes dispatches wait again, due at `now`, with their attempts counted from the start; for a handler that the receipt was
    /// not owed to, makes a new dispatch. Claimed and waiting dispatches are left alone. Returns how many will be tried.
    ///
    /// Many dead ones may be taken a few hundred at a time; each of these steps is whole in itself.
    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError>;

    /// Ends a dead dispatch that nobody wants tried again: it counts as done, and its history tells the reason. `false` means that it
    /// was not dead and nothing was changed.
    async fn skip(&self, id: DispatchId, reason: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Pauses a handler, whether it is configured or not: from now on nothing that is owed to it is claimed. What is claimed already
    /// ends as it would, and what comes in is owed to it all the same. `false` means that it was paused, and nothing was changed.
    async fn pause(&self, handler: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends a handler's pause. `false` means that it was not paused.
    async fn resume(&self, handler: &str) -> Result<bool, StoreError>;

    /// The receipts that are kept unparsed, after the given number, oldest first.
    async fn unparsed(&self, after: Option<ReceiptId>, limit: usize) -> Result<Vec<Unread>, StoreError>;

    /// Replaces what is known of an unparsed receipt's content, and makes the dispatches it is owed to, due at `now`. `false` means
    /// that it was not unparsed any more and nothing was changed.
    ///
    /// From now on `identity` is known too, so that the same event, sent again, is not taken for another. If it is known already,
    /// the event has been accepted as another receipt since: then this one is owed to nobody.
    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Counts what is kept.
    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError>;

    /// How many receipts were received in each hour of UTC since `since`, oldest first. Hours without any are left out.
    async fn hours(&self, since: Timestamp) -> Result<Vec<Hour>, StoreError>;

    /// Up to `limit` attempts, each with its handler: those of the newest receipts first, and of one dispatch the last first. So what was
    /// tried last is not always among the first: an old receipt may be tried again.
    async fn attempts(&self, limit: usize) -> Result<Vec<(String, Attempt)>, StoreError>;

    /// Removes up to `limit` receipts that were received before `before` and owe nothing any more, with their dispatches (dead ones are
    /// counted), attempts, details and files, and up to `limit` notes that were last kept before it. Identities stay, so an old notification that is sent
    /// again is still known.
    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError>;

    /// Enters events that Apple lists into the account of an endpoint. Of an event that is there already, the earlier time in Apple's list
    /// counts, and what was kept stays kept.
    async fn note_listed(&self, endpoint: &str, entries: Vec<Entry>, now: Timestamp) -> Result<(), StoreError>;

    /// Ends a look at what Apple lists for an endpoint. A complete one moves the mark, forgets the failures before it and the entries
    /// whose time is over; one that failed only leaves word of why.
    async fn end_pass(&self, endpoint: &str, pass: Pass, now: Timestamp) -> Result<(), StoreError>;

    /// The account of every endpoint of which a look at Apple's list has ended, in order of name.
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// The sealed secrets, and the servers that go by them.
    async fn secrets(&self) -> Result<KeptSecrets, StoreError>;

    /// Replaces the secrets of an endpoint, and counts the version up by one. `false` means that the version is not `since` any more
    /// and nothing was changed: so of two who change the same, one must look again.
    async fn keep_secrets(&self, endpoint: &str, secrets: Vec<KeptSecret>, since: i64) -> Result<bool, StoreError>;

    /// Notes which version of the secrets a server goes by, and forgets servers that were not heard of for an hour.
    async fn note_secrets_reader(&self, reader: SecretsReader) -> Result<(), StoreError>;

    /// Commits something real, to prove that the store can.
    async fn probe(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Ends orderly: finishes what was begun and gives the files back. Later calls fail.
    async fn close(&self) -> Result<(), StoreError>;

    /// How long a caller who was told [`StoreError::Busy`] or [`StoreError::Full`] should wait.
    fn retry_after(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// A receipt that is kept unparsed: what it takes to read it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its number.
    pub id: ReceiptId,
    /// The name of the endpoint it belongs to.
    pub endpoint: String,
    /// How it reached us.
    pub source: Source,
    /// Its bytes.
    pub body: Bytes,
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too much is waiting to be written. It passes by itself.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// There is no room on the disk, or only the reserve is left. It passes when somebody makes room.
    #[error("the store is full: {0}")]
    Full(String),
    /// The store cannot be reached, or refused. It may pass.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store can no longer be trusted: a write or a sync failed, and what is in memory may differ from what is on disk.
    /// The process must end; the next one reads the disk afresh.
    #[error("the store is broken: {0}")]
    Broken(String),
    /// What is kept cannot be understood by this version.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// Whether the process must end, because only a fresh start can mend this.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}
