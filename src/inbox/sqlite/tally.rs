//! Counts of what is kept, so that nobody has to count a million rows.
//!
//! Whoever changes a row says here what that does to the counts; the sum is written once a transaction, in the same transaction. So
//! the counts are as right as the rows, and cost a few updates a commit however many receipts it holds.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result};

use super::{super::DispatchState, column::state_code};

/// What is counted, for a handler, an endpoint, or the store as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// Dispatches of a handler in a state.
    Dispatches(DispatchState),
    /// Receipts of an endpoint.
    Receipts,
    /// Receipts of an endpoint that are not an event.
    Unparsed,
    /// Receipts of an endpoint that were recovered.
    Recovered,
    /// Not a count: when the newest receipt of an endpoint was received.
    Newest,
    /// Identities, of the store as a whole.
    Identities,
    /// Not a count: the newest receipt that is about an app.
    NewestOfApp,
}

impl What {
    /// The number that stands for it in the table.
    pub(super) fn code(self) -> i64 {
        match self {
            Self::Dispatches(state) => state_code(state),
            Self::Receipts => 10,
            Self::Unparsed => 11,
            Self::Recovered => 12,
            Self::Newest => 13,
            Self::Identities => 14,
            Self::NewestOfApp => 15,
        }
    }
}

/// The name under which the store as a whole is counted.
pub(super) const WHOLE_STORE: i64 = 0;

/// The changes of one transaction.
#[derive(Debug, Default)]
pub(super) struct Tally {
    changes: BTreeMap<(i64, i64), i64>,
    newest: BTreeMap<(i64, i64), i64>,
}

impl Tally {
    /// Counts `by` more, or less.
    pub(super) fn add(&mut self, name: i64, what: What, by: i64) {
        *self.changes.entry((name, what.code())).or_default() += by;
    }

    /// Counts a dispatch that went from one state to another.
    pub(super) fn moved(&mut self, handler: i64, from: DispatchState, to: DispatchState) {
        self.add(handler, What::Dispatches(from), -1);
        self.add(handler, What::Dispatches(to), 1);
    }

    /// Notes when a receipt of an endpoint was received.
    pub(super) fn received(&mut self, endpoint: i64, at: i64) {
        self.raise(endpoint, What::Newest, at);
    }

    /// Notes that a receipt is about an app.
    pub(super) fn is_about(&mut self, app: i64, receipt: i64) {
        self.raise(app, What::NewestOfApp, receipt);
    }

    /// Forgets everything: the transaction is undone.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.newest.clear();
    }

    /// Writes everything.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<()> {
        let mut add = connection.prepare_cached(
            "INSERT INTO tally (name, what, n) VALUES (?1, ?2, ?3) ON CONFLICT (name, what) DO UPDATE SET n = n + excluded.n",
        )?;
        for ((name, what), by) in std::mem::take(&mut self.changes).into_iter().filter(|(_, by)| *by != 0) {
            add.execute((name, what, by))?;
        }
        let mut raise = connection.prepare_cached(
            "INSERT INTO tally (name, what, n) VALUES (?1, ?2, ?3) ON CONFLICT (name, what) DO UPDATE SET n = max(n, excluded.n)",
        )?;
        for ((name, what), newest) in std::mem::take(&mut self.newest) {
            raise.execute((name, what, newest))?;
        }
        Ok(())
    }

    fn raise(&mut self, name: i64, what: What, to: i64) {
        let newest = self.newest.entry((name, what.code())).or_insert(to);
        *newest = to.max(*newest);
    }
}
