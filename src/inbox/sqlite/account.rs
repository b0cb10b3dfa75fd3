//! The account, as rows: see [`super::super::account`].

use jiff::Timestamp;
use rusqlite::{Connection, Result, Row, params};

use super::{
    super::account::{Account, Entry, Failure, Pass},
    column::{micros, timestamp},
    ledger::Ledger,
};

impl Ledger<'_> {
    /// See [`super::super::Store::note_listed`].
    pub(super) fn note_listed(&mut self, endpoint: &str, entries: &[Entry], now: Timestamp) -> Result<()> {
        let endpoint = self.name(endpoint)?;
        let note = self.prepared(
            "INSERT INTO listed (endpoint, event, listed_at, noted_at, kept) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (endpoint, event) \
             DO UPDATE SET listed_at = min(listed_at, excluded.listed_at), kept = max(kept, excluded.kept) \
             WHERE listed_at > excluded.listed_at OR kept < excluded.kept",
        )?;
        for Entry { event, listed_at, is_kept } in entries {
            note.execute(params![endpoint, event, micros(*listed_at), micros(now), is_kept])?;
        }
        Ok(())
    }

    /// See [`super::super::Store::end_pass`].
    pub(super) fn end_pass(&mut self, endpoint: &str, pass: &Pass, now: Timestamp) -> Result<()> {
        let endpoint = self.name(endpoint)?;
        match pass {
            Pass::Complete { mark, forget_before } => {
                self.prepared("DELETE FROM listed WHERE endpoint = ?1 AND listed_at < ?2")?
                    .execute(params![endpoint, micros(*forget_before)])?;
                self.prepared(
                    "INSERT INTO recovery (endpoint, mark, completed_at) VALUES (?1, ?2, ?3) ON CONFLICT (endpoint) DO UPDATE SET \
                     mark = coalesce(excluded.mark, mark), completed_at = excluded.completed_at, failed_at = NULL, error = NULL",
                )?
                .execute(params![endpoint, mark.map(micros), micros(now)])?;
            }
            Pass::Failed { error } => {
                self.prepared(
                    "INSERT INTO recovery (endpoint, failed_at, error) VALUES (?1, ?2, ?3) ON CONFLICT (endpoint) DO UPDATE SET \
                     failed_at = excluded.failed_at, error = excluded.error",
                )?
                .execute(params![endpoint, micros(now), error])?;
            }
        }
        Ok(())
    }
}

/// See [`super::super::Store::accounts`].
pub(super) fn accounts(connection: &Connection) -> Result<Vec<Account>> {
    connection
        .prepare_cached(
            "SELECT n.name, count(l.event), coalesce(sum(l.kept), 0), min(CASE l.kept WHEN 0 THEN l.noted_at END), min(l.listed_at), \
             r.mark, r.completed_at, r.failed_at, r.error \
             FROM recovery r JOIN name n ON n.id = r.endpoint LEFT JOIN listed l ON l.endpoint = r.endpoint \
             GROUP BY r.endpoint ORDER BY n.name",
        )?
        .query_map([], account)?
        .collect()
}

fn account(row: &Row<'_>) -> Result<Account> {
    let (listed, kept): (u32, u32) = (row.get(1)?, row.get(2)?);
    let (failed_at, error): (_, Option<String>) = (time(row, 7)?, row.get(8)?);
    Ok(Account {
        endpoint: row.get(0)?,
        listed: listed.into(),
        kept: kept.into(),
        missing: listed.saturating_sub(kept).into(),
        missing_since: time(row, 3)?,
        since: time(row, 4)?,
        mark: time(row, 5)?,
        completed_at: time(row, 6)?,
        failure: failed_at.zip(error).map(|(at, error)| Failure { at, error }),
    })
}

/// Reads a time that may be none.
fn time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|at| timestamp(column, at)).transpose()
}
