//! Handlers that are given nothing for now. Claims look at the table by themselves; see `work.rs`.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::{
    super::query::Paused,
    column::{self, micros},
    ledger::Ledger,
};

/// Since when a handler is given nothing, and why.
pub(super) fn of(connection: &Connection, handler: i64) -> Result<Option<Paused>> {
    connection
        .prepare_cached("SELECT since, reason FROM paused WHERE handler = ?1")?
        .query_row([handler], |row| Ok(Paused { since: column::time(row, 0)?, reason: row.get(1)? }))
        .optional()
}

impl Ledger<'_> {
    /// See [`super::super::Store::pause`].
    pub(super) fn pause(&mut self, handler: &str, reason: &str, now: Timestamp) -> Result<bool> {
        let handler = self.name(handler)?;
        let made = self
            .prepared("INSERT INTO paused (handler, since, reason) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![handler, micros(now), reason])?;
        Ok(made > 0)
    }

    /// See [`super::super::Store::resume`].
    pub(super) fn resume(&mut self, handler: &str) -> Result<bool> {
        let Some(handler) = self.known_name(handler)? else { return Ok(false) };
        Ok(self.prepared("DELETE FROM paused WHERE handler = ?1")?.execute([handler])? > 0)
    }
}
