//! The store of one machine: a SQLite database in a file.
//!
//! ```text
//!   accept, claim, finish, replay …                     receipts, receipt, stats …
//!            │ bounded queue                                      │
//!            ▼                                                    ▼
//!   writer thread ── one transaction, one sync, ──► file ◄── readers (read-only connections)
//!            │       for all that wait               ▲
//!            └─ calls ─► checkpoint thread ──────────┘
//! ```
//!
//! Whoever serves is alone with the file: it holds a lock beside it. Commands may open the same file at the same time, with
//! [`Options::shared`], to read and to make small changes such as a replay.
//!
//! What a purge removes makes room in the file for what comes, and not on the disk: the file keeps its largest size. Giving pages
//! back would mean to move others into their place, and a map of all pages to do it by, written at every insert.

mod account;
mod anchor;
mod checkpoint;
mod column;
mod company;
mod disk;
mod fault;
mod history;
mod hours;
mod ledger;
mod listing;
mod notes;
mod options;
mod pause;
mod place;
mod reading;
mod schema;
mod secrets;
mod tally;
mod work;
mod writer;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

pub use self::options::Options;
use self::{anchor::Anchor, checkpoint::Checkpoints, disk::Disk, ledger::Ledger, reading::Readers, schema::Age, writer::Writer};
use super::{
    Accepted, Arrival, Attempt, Claim, Claimed, Content, DispatchId, Finish, Identity, Owed, ReceiptId, Store, StoreError, Unread,
    account::{Account, Entry, Pass},
    history::{HistoryFilter, HistoryPage, app_of},
    query::{Hour, NewestOfApp, Page, PageRequest, Purged, ReceiptFilter, ReceiptRecord, Replay, Stats},
    secrets::{KeptSecret, KeptSecrets, SecretsReader},
};

/// How many dispatches one transaction revives or hastens, so that no notification waits long behind thousands of them.
const AT_ONCE: usize = 500;

/// A store in a SQLite database.
///
/// Dropping it closes it too, and blocks for that.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    writer: Arc<Writer>,
    readers: Readers,
    disk: Disk,
}

impl Sqlite {
    /// Opens the database, and brings it to the present schema. Blocks: it reads and writes the disk.
    ///
    /// Whoever opens it alone finds nothing claimed: those who had claimed something are gone, so their attempts are recorded as
    /// lost, and their dispatches wait, due as they were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be used: not a regular local file, no right to write, open in another
    /// server. [`StoreError::Unreadable`] if it is not our database, or that of a newer version.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let said = options.path.display().to_string();
        Self::open_at(options).map_err(|error| in_file(error, &said))
    }

    fn open_at(options: Options) -> Result<Self, StoreError> {
        let path = place::locate(&options.path, options.exclusive)?;
        let held = options.exclusive.then(|| place::lock(&path)).transpose()?;
        let mut connection = place::connect(&path, &options)?;
        if schema::age(&connection)? != Age::Current {
            let _alone = lock_to_migrate(held.as_ref(), &path)?;
            // Looked at again: whoever had the lock may have done it.
            if let Age::Older(version) = schema::age(&connection)? {
                schema::migrate(&mut connection, version)?;
            }
        }
        let fate = writer::Fate::default();
        let (checkpoints, anchor) = if options.exclusive {
            connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(|error| fault::of_read(&error))?;
            Checkpoints::make_durable(&connection)?;
            take_back(&mut Ledger::new(&connection)).map_err(|error| fault::of_read(&error))?;
            (Checkpoints::start(place::connect(&path, &options)?, fate.clone())?, options.anchor(&path)?)
        } else {
            (Checkpoints::Theirs, Anchor::default())
        };
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self {
            writer: Arc::new(Writer::start(connection, checkpoints, anchor, fate.clone(), held)?),
            disk: Disk::new(directory, options.reserve),
            readers: Readers::new(path.clone(), options, fate),
            path,
        })
    }

    /// Writes what takes more of the disk than it gives back: room for `bytes`, and what goes with them, is held until the answer.
    ///
    /// It queues at once, as [`Writer::write`] does.
    fn keep<T, F>(&self, bytes: usize, mut sentence: F) -> Result<impl Future<Output = Result<T, StoreError>> + Send, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let room = self.disk.admit(bytes)?;
        Ok(self.writer.write(move |ledger| {
            let _held = &room;
            sentence(ledger)
        }))
    }

    async fn replay_dead(&self, handler: Option<String>, now: Timestamp) -> Result<u64, StoreError> {
        let _room = self.disk.admit(0)?;
        let (mut revived, mut from) = (0, Some((i64::MIN, i64::MIN)));
        while let Some(place) = from {
            let handler = handler.clone();
            let step = self.writer.write(move |ledger| ledger.replay_dead(handler.as_deref(), place, AT_ONCE, now));
            let (count, next) = step.await?;
            revived += count;
            from = next;
        }
        Ok(revived)
    }

    fn bytes(&self) -> u64 {
        let files = [self.path.clone(), place::beside(&self.path, "-wal"), place::beside(&self.path, "-shm")];
        files.iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        self.keep(arrival.body.len(), move |ledger| ledger.accept(&arrival))?.await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        self.writer.write_in_company(move |ledger| ledger.claim(&claim)).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        self.writer.write_in_company(move |ledger| ledger.finish(&finish)).await
    }

    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer.write(move |ledger| ledger.release_expired(now)).await
    }

    async fn hasten(&self, handler: &str, latest: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let mut hastened = 0;
        loop {
            let handler = handler.to_owned();
            let step = self.writer.write(move |ledger| ledger.hasten(&handler, latest, now, AT_ONCE)).await?;
            hastened += step as u64;
            if step < AT_ONCE {
                return Ok(hastened);
            }
        }
    }

    async fn next_due(&self, handlers: &[Arc<str>]) -> Result<Option<Timestamp>, StoreError> {
        let handlers = handlers.to_vec();
        self.readers.read(move |connection| reading::next_due(connection, &handlers)).await
    }

    async fn keep_details(&self, id: ReceiptId, details: Bytes, files: Vec<(String, Bytes)>) -> Result<bool, StoreError> {
        let size = details.len() + files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let app = app_of(&details);
        self.keep(size, move |ledger| ledger.keep_details(id.0, &details, app.as_deref(), &files))?.await
    }

    async fn file(&self, id: ReceiptId, name: &str) -> Result<Option<Bytes>, StoreError> {
        let name = name.to_owned();
        self.readers.read(move |connection| reading::file(connection, id, &name)).await
    }

    async fn entered(&self, id: ReceiptId) -> Result<Option<Timestamp>, StoreError> {
        self.readers.read(move |connection| reading::entered(connection, id)).await
    }

    async fn note(&self, handler: &str, key: &str) -> Result<Option<String>, StoreError> {
        let (handler, key) = (handler.to_owned(), key.to_owned());
        self.readers.read(move |connection| notes::note(connection, &handler, &key)).await
    }

    async fn keep_note(&self, handler: &str, key: &str, text: &str, now: Timestamp) -> Result<(), StoreError> {
        let (handler, key, text) = (handler.to_owned(), key.to_owned(), text.to_owned());
        self.writer.write(move |ledger| ledger.keep_note(&handler, &key, &text, now)).await
    }

    async fn histories(&self, filter: &HistoryFilter, page: PageRequest) -> Result<HistoryPage, StoreError> {
        let filter = filter.clone();
        self.readers.read(move |connection| history::histories(connection, &filter, page)).await
    }

    async fn apps(&self) -> Result<Vec<String>, StoreError> {
        self.readers.read(history::apps).await
    }

    async fn newest_of_apps(&self) -> Result<Vec<NewestOfApp>, StoreError> {
        self.readers.read(history::newest_of_apps).await
    }

    async fn receipts(&self, filter: &ReceiptFilter, page: PageRequest) -> Result<Page, StoreError> {
        let filter = filter.clone();
        self.readers.read(move |connection| listing::receipts(connection, &filter, page)).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<ReceiptRecord>, StoreError> {
        self.readers.read(move |connection| reading::receipt(connection, id)).await
    }

    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError> {
        match replay.clone() {
            Replay::Receipt { id, handlers } => self.keep(0, move |ledger| ledger.replay_receipt(id, &handlers, now))?.await,
            Replay::Dead { handler } => self.replay_dead(handler, now).await,
        }
    }

    async fn skip(&self, id: DispatchId, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let reason = reason.to_owned();
        self.writer.write(move |ledger| ledger.skip(id, &reason, now)).await
    }

    async fn pause(&self, handler: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (handler, reason) = (handler.to_owned(), reason.to_owned());
        self.writer.write(move |ledger| ledger.pause(&handler, &reason, now)).await
    }

    async fn resume(&self, handler: &str) -> Result<bool, StoreError> {
        let handler = handler.to_owned();
        self.writer.write(move |ledger| ledger.resume(&handler)).await
    }

    async fn unparsed(&self, after: Option<ReceiptId>, limit: usize) -> Result<Vec<Unread>, StoreError> {
        self.readers.read(move |connection| reading::unparsed(connection, after, limit)).await
    }

    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.keep(0, move |ledger| ledger.reparsed(id, &content, &identity, &owed, now))?.await
    }

    async fn stats(&self, _now: Timestamp) -> Result<Stats, StoreError> {
        let bytes = self.bytes();
        self.readers.read(move |connection| reading::stats(connection, bytes)).await
    }

    async fn hours(&self, since: Timestamp) -> Result<Vec<Hour>, StoreError> {
        self.readers.read(move |connection| hours::hours(connection, since)).await
    }

    async fn attempts(&self, limit: usize) -> Result<Vec<(String, Attempt)>, StoreError> {
        self.readers.read(move |connection| reading::attempts(connection, limit)).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        // Looking for them may take a while, so a reader does it. The writer makes sure of each.
        let mut receipts =
            self.readers.read(move |connection| reading::removable(connection, before, limit.saturating_add(1))).await?;
        let more = receipts.len() > limit;
        receipts.truncate(limit);
        let purged = self.writer.write(move |ledger| ledger.purge(&receipts, before, limit)).await?;
        Ok(Purged { more: more || purged.more, ..purged })
    }

    async fn note_listed(&self, endpoint: &str, entries: Vec<Entry>, now: Timestamp) -> Result<(), StoreError> {
        let endpoint = endpoint.to_owned();
        self.keep(0, move |ledger| ledger.note_listed(&endpoint, &entries, now))?.await
    }

    async fn end_pass(&self, endpoint: &str, pass: Pass, now: Timestamp) -> Result<(), StoreError> {
        let endpoint = endpoint.to_owned();
        self.writer.write(move |ledger| ledger.end_pass(&endpoint, &pass, now)).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.readers.read(account::accounts).await
    }

    async fn secrets(&self) -> Result<KeptSecrets, StoreError> {
        self.readers.read(secrets::read).await
    }

    async fn keep_secrets(&self, endpoint: &str, secrets: Vec<KeptSecret>, since: i64) -> Result<bool, StoreError> {
        let endpoint = endpoint.to_owned();
        self.writer.write(move |ledger| ledger.keep_secrets(&endpoint, &secrets, since)).await
    }

    async fn note_secrets_reader(&self, reader: SecretsReader) -> Result<(), StoreError> {
        self.writer.write(move |ledger| ledger.note_secrets_reader(&reader)).await
    }

    async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.keep(0, move |ledger| ledger.probe(now))?.await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        let writer = self.writer.clone();
        let closing = tokio::task::spawn_blocking(move || writer.close());
        closing.await.map_err(|_| StoreError::Unavailable("closing it was interrupted".into()))?
    }
}

/// A program that reads may bring an older file up to date too, but not under the feet of an older server.
fn lock_to_migrate(held: Option<&File>, path: &Path) -> Result<Option<File>, StoreError> {
    match held {
        Some(_) => Ok(None),
        None => place::lock(path).map(Some),
    }
}

fn take_back(ledger: &mut Ledger<'_>) -> rusqlite::Result<()> {
    ledger.begin()?;
    let lost = ledger.release_all()?;
    ledger.forget_secrets_readers()?;
    ledger.commit()?;
    if lost > 0 {
        tracing::warn!(store.lost = lost, "attempts were under way when the last process ended; they will be made again");
    }
    Ok(())
}

fn in_file(error: StoreError, path: &str) -> StoreError {
    let say = |reason: String| format!("`{path}`: {reason}");
    match error {
        StoreError::Busy(reason) => StoreError::Busy(say(reason)),
        StoreError::Full(reason) => StoreError::Full(say(reason)),
        StoreError::Unavailable(reason) => StoreError::Unavailable(say(reason)),
        StoreError::Broken(reason) => StoreError::Broken(say(reason)),
        StoreError::Unreadable(reason) => StoreError::Unreadable(say(reason)),
    }
}

#[cfg(test)]
mod tests;
