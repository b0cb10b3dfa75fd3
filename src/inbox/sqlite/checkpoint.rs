//! Moving what is committed from the write-ahead log into the database, so that the log stays small.
//!
//! A commit is safe in the log; a checkpoint only tidies. It would stop the writer for many milliseconds, so a thread of its own
//! does it, on its own connection, while the writer goes on. What that thread cannot do is start the log over while there is always
//! something new in it. So when the log has grown long, the writer itself moves the little that is left, once in many thousand
//! commits, and its next commit starts the log over.

use std::{
    sync::mpsc::{SyncSender, sync_channel},
    thread::JoinHandle,
};

use rusqlite::{Connection, Result};

use super::{super::StoreError, fault, writer::Fate};

/// How many pages (of 4 KiB) are left to move when the thread is called: 16 MiB. A page that has been written again and again since the
/// last time is moved once, so to wait a little spares work.
const CALL_AT: i64 = 4_096;

/// How many pages the log holds when the writer lends a hand: 32 MiB.
const HELP_AT: i64 = 2 * CALL_AT;

/// The log file is cut back to this size when it starts over.
pub(super) const LOG_LIMIT: i64 = 48 * 1_024 * 1_024;

/// Who keeps the log small.
#[derive(Debug)]
pub(super) enum Checkpoints {
    /// Somebody else: another process serves.
    Theirs,
    /// The thread, and the writer.
    Ours {
        /// Calls the thread.
        call: Option<SyncSender<()>>,
        /// The thread.
        thread: Option<JoinHandle<()>>,
    },
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, fate: Fate) -> std::result::Result<Self, StoreError> {
        let (call, calls) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || {
                while calls.recv().is_ok() {
                    if let Err(error) = log_after(&connection, "PASSIVE")
                        && let StoreError::Broken(reason) = fault::of_write(&error)
                    {
                        fate.get_or_init(|| fault::broken(reason));
                    }
                }
            })
            .map_err(|error| StoreError::Unavailable(format!("cannot start the checkpoint thread: {error}")))?;
        Ok(Self::Ours { call: Some(call), thread: Some(thread) })
    }

    /// Makes sure that what the log of an earlier process says is on disk, before anything is built on it. That process may have ended
    /// because a sync failed, or before it: then the log that is read here is the system's memory of it, and perhaps of nothing else.
    pub(super) fn make_durable(connection: &Connection) -> std::result::Result<(), StoreError> {
        log_after(connection, "PASSIVE").map(drop).map_err(|error| fault::of_write(&error))
    }

    /// Looks at the log after a commit, and has done what is to be done.
    pub(super) fn after_commit(&self, connection: &Connection) -> Result<()> {
        let Self::Ours { call: Some(call), .. } = self else { return Ok(()) };
        let log = log_after(connection, "NOOP")?;
        if log.pages >= HELP_AT {
            log_after(connection, "PASSIVE")?;
        } else if log.pages - log.moved >= CALL_AT {
            // A full queue means that the thread is called already.
            let _ = call.try_send(());
        }
        Ok(())
    }

    /// Moves what can be moved, so that the log can start over instead of growing.
    pub(super) fn make_room(connection: &Connection) {
        // There may be no room even for that; then the next one tries again.
        let _ = log_after(connection, "PASSIVE");
    }

    /// Ends the thread and leaves an empty log, if nobody else has the database open.
    pub(super) fn finish(&mut self, connection: &Connection) {
        let Self::Ours { call, thread } = self else { return };
        drop(call.take());
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
        // What is left in the log is as safe there as in the database.
        let _ = log_after(connection, "TRUNCATE");
    }
}

/// How long the log is, in pages, and how many of them are in the database already.
struct Log {
    pages: i64,
    moved: i64,
}

fn log_after(connection: &Connection, mode: &str) -> Result<Log> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| Ok(Log { pages: row.get(1)?, moved: row.get(2)? }))
}
