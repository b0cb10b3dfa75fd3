//! Handlers' notes, as rows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::{column::micros, ledger::Ledger, reading::count};

/// See [`super::super::Store::note`].
pub(super) fn note(connection: &Connection, handler: &str, key: &str) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT text FROM note WHERE handler = ?1 AND key = ?2")?
        .query_row([handler, key], |row| row.get(0))
        .optional()
}

impl Ledger<'_> {
    /// See [`super::super::Store::keep_note`].
    pub(super) fn keep_note(&mut self, handler: &str, key: &str, text: &str, now: Timestamp) -> Result<()> {
        self.prepared(
            "INSERT INTO note (handler, key, text, kept_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (handler, key) DO UPDATE SET text = excluded.text, kept_at = excluded.kept_at",
        )?
        .execute(params![handler, key, text, micros(now)])
        .map(drop)
    }

    /// Removes the oldest notes that were last kept before `before`. Returns how many.
    pub(super) fn purge_notes(&mut self, before: Timestamp, limit: usize) -> Result<u64> {
        let removed = self
            .prepared(
                "DELETE FROM note WHERE (handler, key) IN \
                 (SELECT handler, key FROM note WHERE kept_at < ?1 ORDER BY kept_at LIMIT ?2)",
            )?
            .execute(params![micros(before), count(limit)])?;
        Ok(removed as u64)
    }
}
