//! Counts of what is kept, so that nobody has to count a million rows.
//!
//! Whoever changes a row says here what that does to the counts; the sum is written once a transaction, in the same transaction. So
//! the counts are as right as the rows, and cost a few updates a commit however many receipts it holds.

use std::collections::BTreeMap;

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

    /// What is to be added: for which name, to what, how much.
    pub(super) fn take_changes(&mut self) -> impl Iterator<Item = (i64, i64, i64)> + use<> {
        let changes = std::mem::take(&mut self.changes).into_iter();
        changes.map(|((name, what), by)| (name, what, by)).filter(|(_, _, by)| *by != 0)
    }

    /// What is to be raised, unless it is higher already.
    pub(super) fn take_newest(&mut self) -> impl Iterator<Item = (i64, i64, i64)> + use<> {
        std::mem::take(&mut self.newest).into_iter().map(|((name, what), newest)| (name, what, newest))
    }

    fn raise(&mut self, name: i64, what: What, to: i64) {
        let newest = self.newest.entry((name, what.code())).or_insert(to);
        *newest = to.max(*newest);
    }
}
