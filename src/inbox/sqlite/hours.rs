//! Numbers and times of receipts: which number the next one has, and which numbers those of a time have.
//!
//! Numbers rise with time unless a clock is set back. So a row for each hour, with the first number in it, says where in the table to
//! look for a time, and nothing has to be written for every receipt. What it says is only where to look: the receipt's own time decides.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result};

use super::{
    super::query::Hour,
    column::{self, micros},
    ledger::Ledger,
};

/// How many microseconds an hour has.
const MICROS: i64 = Hour::SECONDS * 1_000_000;

/// What is true of every receipt `r` of this hour or an earlier one.
pub(super) const UNTIL: &str = "r.id <= (SELECT coalesce((SELECT min(after.first) - 1 FROM hour after WHERE after.first > last.first), \
     9223372036854775807) FROM hour last WHERE last.at <= ? ORDER BY last.first DESC LIMIT 1)";

/// The hour in which something was received, counted from 1970 on.
pub(super) fn hour_of(received_at: Timestamp) -> i64 {
    micros(received_at) / MICROS
}

/// The number of the next receipt, and the hour of the one before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    number: i64,
    hour: Option<i64>,
}

impl Ledger<'_> {
    /// Gives the next receipt its number.
    pub(super) fn next_receipt(&mut self, received_at: Timestamp) -> Result<i64> {
        let Next { number, hour } = match self.next {
            Some(next) => next,
            None => self
                .prepared(
                    "SELECT max(coalesce((SELECT max(id) FROM receipt), 0) + 1, coalesce((SELECT max(first) FROM hour), 1)), \
                     (SELECT at FROM hour ORDER BY first DESC LIMIT 1)",
                )?
                .query_row([], |row| Ok(Next { number: row.get(0)?, hour: row.get(1)? }))?,
        };
        let now = hour_of(received_at);
        if hour != Some(now) {
            self.begin_hour(number, now)?;
        }
        self.next = Some(Next { number: number + 1, hour: Some(now) });
        Ok(number)
    }

    /// The number and the hour of the newest receipt.
    pub(super) fn newest_receipt(&mut self) -> Result<Option<(i64, i64)>> {
        self.prepared("SELECT id, received_at / ?1 FROM receipt ORDER BY id DESC LIMIT 1")?
            .query_row([MICROS], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    }

    /// From this number on, receipts are of this hour; and the next has no lower one, whatever is removed.
    pub(super) fn begin_hour(&mut self, number: i64, hour: i64) -> Result<()> {
        self.prepared("INSERT INTO hour (first, at) VALUES (?1, ?2) ON CONFLICT (first) DO UPDATE SET at = excluded.at")?
            .execute([number, hour])
            .map(drop)
    }

    /// Forgets the hours of which no receipt is left, but for the last.
    pub(super) fn forget_hours(&mut self) -> Result<()> {
        self.prepared(
            "DELETE FROM hour WHERE first < \
             (SELECT max(first) FROM hour WHERE first <= coalesce((SELECT min(id) FROM receipt), 9223372036854775807))",
        )?
        .execute([])
        .map(drop)
    }
}

/// The lowest number that a receipt can have that was received since then; none if there can be no such receipt.
pub(super) fn first_since(connection: &Connection, since: Timestamp) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT first FROM hour WHERE at >= ? ORDER BY first LIMIT 1")?
        .query_row([hour_of(since)], |row| row.get(0))
        .optional()
}

/// See [`super::super::Store::hours`].
pub(super) fn hours(connection: &Connection, since: Timestamp) -> Result<Vec<Hour>> {
    let mut hours = BTreeMap::<i64, u64>::new();
    let mut spans = connection.prepare_cached(
        "SELECT at, (SELECT count(*) FROM receipt WHERE id BETWEEN first AND last AND received_at >= ?2) FROM \
         (SELECT first, at, lead(first - 1, 1, 9223372036854775807) OVER (ORDER BY first) AS last FROM hour) WHERE at >= ?1",
    )?;
    let mut rows = spans.query([hour_of(since), micros(since)])?;
    while let Some(row) = rows.next()? {
        *hours.entry(row.get(0)?).or_default() += row.get::<_, i64>(1)?.cast_unsigned();
    }
    let hours = hours.into_iter().filter(|(_, receipts)| *receipts > 0);
    hours.map(|(hour, receipts)| Ok(Hour { begins_at: column::timestamp(0, hour.saturating_mul(MICROS))?, receipts })).collect()
}
