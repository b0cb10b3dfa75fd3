//! Questions, answered from connections that can only read, so that nobody who looks can hold up the one who writes.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokio::sync::Semaphore;

use super::{
    super::{
        Attempt, Dispatch, DispatchId, DispatchState, ReceiptId, StoreError, Unread, next_try,
        query::{DispatchRecord, EndpointStats, HandlerStats, ReceiptRecord, Stats},
    },
    Options,
    column::{self, BODY_AND_DETAILS, RECEIPT, dispatch_range, micros, receipt_of},
    fault,
    hours::{self, hour_of},
    pause, place,
    tally::{WHOLE_STORE, What},
    writer::Fate,
};

/// The most questions at one time; more wait.
const AT_ONCE: usize = 4;

/// The most connections that are kept open while nobody asks.
const KEPT: usize = 2;

/// How many dispatches are few enough to look them up one by one, rather than to meet them on a walk.
pub(super) const FEW: u64 = 20_000;

/// The oldest dispatch of a handler that waits, and the oldest that is claimed: by their indexes, which hold nothing else, however much
/// is done already.
const OPEN: [&str; 2] = [
    "SELECT min(id) FROM dispatch INDEXED BY dispatch_waiting WHERE state = 0 AND handler = ?1",
    "SELECT min(id) FROM dispatch INDEXED BY dispatch_claimed WHERE state = 1 AND handler = ?1",
];

/// The receipt of a subject that is next before another, by the index of subjects.
pub(super) const ENTERED: &str = "SELECT e.state IS r.previous_state, coalesce(e.time, e.received_at) \
     FROM receipt r JOIN receipt e ON e.subject_id = r.subject_id AND e.subject_type IS r.subject_type \
     AND e.endpoint = r.endpoint AND e.kind = r.kind AND coalesce(e.time, e.received_at) <= coalesce(r.time, r.received_at) \
     AND (coalesce(e.time, e.received_at) < coalesce(r.time, r.received_at) OR e.id < r.id) \
     WHERE r.id = ?1 AND r.previous_state IS NOT NULL ORDER BY coalesce(e.time, e.received_at) DESC, e.id DESC LIMIT 1";

/// A few connections for reading, opened when they are needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    options: Options,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    fate: Fate,
}

impl Readers {
    /// Readers of the database at `path`.
    pub(super) fn new(path: PathBuf, options: Options, fate: Fate) -> Self {
        Self { path, options, idle: Arc::default(), permits: Arc::new(Semaphore::new(AT_ONCE)), fate }
    }

    /// Asks something. All of `question` sees the same state of the database.
    pub(super) async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        if let Some(fate) = self.fate.get() {
            return Err(fate.clone());
        }
        let permit =
            self.permits.clone().acquire_owned().await.map_err(|_| StoreError::Unavailable("it has been closed".into()))?;
        let (path, options, idle) = (self.path.clone(), self.options.clone(), self.idle.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| place::connect_for_reading(&path, &options), Ok)?;
            let answer = connection
                .unchecked_transaction()
                .and_then(|moment| {
                    let answer = question(&moment)?;
                    moment.commit()?;
                    Ok(answer)
                })
                .map_err(|error| fault::of_read(&error))?;
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT {
                idle.push(connection);
            }
            Ok(answer)
        });
        answer.await.map_err(|_| StoreError::Unavailable("the question was interrupted".into()))?
    }

    /// Gives the connections back. Later questions are refused.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// See [`super::super::Store::receipt`].
pub(super) fn receipt(connection: &Connection, id: ReceiptId) -> rusqlite::Result<Option<ReceiptRecord>> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {RECEIPT}, {BODY_AND_DETAILS} FROM receipt r JOIN original o ON o.receipt = r.id WHERE r.id = ?1"
        ))?
        .query_row([id.0], |row| Ok((column::receipt(row)?, column::body_and_details(row)?)))
        .optional()?;
    let Some((receipt, (body, details))) = found else { return Ok(None) };
    let mut dispatches = Vec::new();
    for dispatch in dispatches_of(connection, id)? {
        let history = history_of(connection, dispatch.id)?;
        dispatches.push(DispatchRecord { dispatch, history });
    }
    Ok(Some(ReceiptRecord { receipt, body, details, dispatches }))
}

/// See [`super::super::Store::file`].
pub(super) fn file(connection: &Connection, id: ReceiptId, name: &str) -> rusqlite::Result<Option<Bytes>> {
    connection
        .prepare_cached("SELECT bytes FROM file WHERE receipt = ?1 AND name = ?2")?
        .query_row(params![id.0, name], |row| row.get::<_, Vec<u8>>(0))
        .optional()
        .map(|bytes| bytes.map(Bytes::from))
}

/// See [`super::super::Store::entered`].
pub(super) fn entered(connection: &Connection, id: ReceiptId) -> rusqlite::Result<Option<Timestamp>> {
    let earlier =
        connection.prepare_cached(ENTERED)?.query_row([id.0], |row| Ok((row.get(0)?, column::time(row, 1)?))).optional()?;
    Ok(earlier.and_then(|(is_told, at): (bool, _)| is_told.then_some(at)))
}

/// The dispatches of a receipt, in the order in which they were made.
pub(super) fn dispatches_of(connection: &Connection, receipt: ReceiptId) -> rusqlite::Result<Vec<Dispatch>> {
    let (first, last) = dispatch_range(receipt.0);
    connection
        .prepare_cached(
            "SELECT d.id, n.name, d.state, d.attempts, d.due_at FROM dispatch d JOIN name n ON n.id = d.handler \
             WHERE d.id BETWEEN ?1 AND ?2 ORDER BY d.id",
        )?
        .query_map([first, last], |row| {
            let (id, state): (i64, _) = (row.get(0)?, column::state(row, 2)?);
            let due_at = column::time(row, 4)?;
            Ok(Dispatch {
                id: DispatchId(id),
                receipt: ReceiptId(receipt_of(id)),
                handler: row.get(1)?,
                state,
                attempts: row.get(3)?,
                due_at: next_try(state, due_at),
            })
        })?
        .collect()
}

fn history_of(connection: &Connection, dispatch: DispatchId) -> rusqlite::Result<Vec<Attempt>> {
    connection
        .prepare_cached("SELECT number, started_at, took, result, error FROM attempt WHERE dispatch = ?1 ORDER BY token")?
        .query_map([dispatch.0], attempt)?
        .collect()
}

/// See [`super::super::Store::attempts`].
pub(super) fn attempts(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<(String, Attempt)>> {
    connection
        .prepare_cached(
            "SELECT a.number, a.started_at, a.took, a.result, a.error, n.name \
             FROM (SELECT * FROM attempt ORDER BY dispatch DESC, token DESC LIMIT ?1) a \
             JOIN dispatch d ON d.id = a.dispatch JOIN name n ON n.id = d.handler ORDER BY a.dispatch DESC, a.token DESC",
        )?
        .query_map([count(limit)], |row| Ok((row.get(5)?, attempt(row)?)))?
        .collect()
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: row.get(0)?,
        started_at: column::time(row, 1)?,
        took: column::duration(row, 2)?,
        result: column::attempt_result(row, 3)?,
        error: row.get(4)?,
    })
}

/// See [`super::super::Store::unparsed`].
pub(super) fn unparsed(connection: &Connection, after: Option<ReceiptId>, limit: usize) -> rusqlite::Result<Vec<Unread>> {
    connection
        .prepare_cached(
            "SELECT r.id, n.name, r.source, o.body FROM receipt r JOIN original o ON o.receipt = r.id JOIN name n ON n.id = r.endpoint \
             WHERE r.reason IS NOT NULL AND r.id > ?1 ORDER BY r.id LIMIT ?2",
        )?
        .query_map(params![after.map_or(0, |after| after.0), count(limit)], |row| {
            let body = Bytes::from(row.get::<_, Vec<u8>>(3)?);
            Ok(Unread { id: ReceiptId(row.get(0)?), endpoint: row.get(1)?, source: column::source(row, 2)?, body })
        })?
        .collect()
}

/// See [`super::super::Store::next_due`].
pub(super) fn next_due(connection: &Connection, handlers: &[Arc<str>]) -> rusqlite::Result<Option<Timestamp>> {
    let mut earliest = None;
    for handler in handlers {
        let due: Option<i64> = connection
            .prepare_cached(
                "SELECT due_at FROM dispatch WHERE state = 0 AND behind = 0 AND handler = (SELECT id FROM name WHERE name = ?1) \
                 AND NOT EXISTS (SELECT 1 FROM paused p JOIN name n ON n.id = p.handler WHERE n.name = ?1) ORDER BY due_at LIMIT 1",
            )?
            .query_row([handler.as_ref()], |row| row.get(0))
            .optional()?;
        earliest = [earliest, due].into_iter().flatten().min();
    }
    earliest.map(|at| column::timestamp(0, at)).transpose()
}

/// The oldest receipts that were received before `before` and owe nothing any more. See [`super::super::Store::purge`].
pub(super) fn removable(connection: &Connection, before: Timestamp, limit: usize) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(&format!(
            "SELECT id FROM receipt r WHERE {} AND received_at < ? AND NOT EXISTS \
             (SELECT 1 FROM dispatch d WHERE d.id BETWEEN r.id * 1000 AND r.id * 1000 + 999 AND d.state <= 1) \
             ORDER BY id LIMIT ?",
            hours::UNTIL
        ))?
        .query_map(params![hour_of(before), micros(before), count(limit)], |row| row.get(0))?
        .collect()
}

/// See [`super::super::Store::stats`]. `bytes` is what the files take.
pub(super) fn stats(connection: &Connection, bytes: u64) -> rusqlite::Result<Stats> {
    let mut stats = Stats { bytes, ..Stats::default() };
    stats.identities = tallied(connection, WHOLE_STORE, What::Identities)?;
    for (id, endpoint) in names_with(connection, "what = 13")? {
        let receipts = tallied(connection, id, What::Receipts)?;
        stats.receipts += receipts;
        stats.unparsed += tallied(connection, id, What::Unparsed)?;
        stats.recovered += tallied(connection, id, What::Recovered)?;
        let newest: i64 = connection.query_row("SELECT n FROM tally WHERE name = ?1 AND what = 13", [id], |row| row.get(0))?;
        stats.endpoints.push(EndpointStats { endpoint, receipts, newest: Some(column::timestamp(0, newest)?) });
    }
    for (id, handler) in names_with(connection, "what <= 3 AND n > 0 UNION SELECT handler FROM paused")? {
        let [waiting, claimed, done, dead] = DispatchState::ALL.map(|state| tallied(connection, id, What::Dispatches(state)));
        let (waiting, claimed, done, dead) = (waiting?, claimed?, done?, dead?);
        let (oldest_open, paused) = (oldest_open(connection, id)?, pause::of(connection, id)?);
        stats.handlers.push(HandlerStats { handler, waiting, claimed, done, dead, oldest_open, paused });
    }
    Ok(stats)
}

/// How many there are, by the store's own count.
pub(super) fn tallied(connection: &Connection, name: i64, what: What) -> rusqlite::Result<u64> {
    let n: Option<i64> = connection
        .prepare_cached("SELECT n FROM tally WHERE name = ?1 AND what = ?2")?
        .query_row([name, what.code()], |row| row.get(0))
        .optional()?;
    Ok(n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// A number of rows as SQLite takes it.
pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn names_with(connection: &Connection, tally: &str) -> rusqlite::Result<Vec<(i64, String)>> {
    connection
        .prepare_cached(&format!("SELECT id, name FROM name WHERE id IN (SELECT name FROM tally WHERE {tally}) ORDER BY name"))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn oldest_open(connection: &Connection, handler: i64) -> rusqlite::Result<Option<Timestamp>> {
    let mut oldest: Option<i64> = None;
    for sql in OPEN {
        let found: Option<i64> = connection.prepare_cached(sql)?.query_row([handler], |row| row.get(0))?;
        oldest = [oldest, found].into_iter().flatten().min();
    }
    let Some(oldest) = oldest else { return Ok(None) };
    connection
        .prepare_cached("SELECT received_at FROM receipt WHERE id = ?1")?
        .query_row([receipt_of(oldest)], |row| column::time(row, 0))
        .optional()
}
