//! The account, in memory: see [`super::super::account`].

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::account::{Account, Entry, Failure, Pass};

/// The accounts of all endpoints.
#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<String, Book>);

/// The account of one endpoint.
#[derive(Debug, Default)]
struct Book {
    /// By Apple's id, each with when it was first noted.
    entries: BTreeMap<String, (Entry, Timestamp)>,
    mark: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    failure: Option<Failure>,
}

impl Accounts {
    /// See [`super::super::Store::note_listed`].
    pub(super) fn note_listed(&mut self, endpoint: &str, entries: Vec<Entry>, now: Timestamp) {
        let book = self.0.entry(endpoint.to_owned()).or_default();
        for entry in entries {
            let (noted, _) = book.entries.entry(entry.event.clone()).or_insert_with(|| (entry.clone(), now));
            noted.listed_at = noted.listed_at.min(entry.listed_at);
            noted.is_kept |= entry.is_kept;
        }
    }

    /// See [`super::super::Store::end_pass`].
    pub(super) fn end_pass(&mut self, endpoint: &str, pass: Pass, now: Timestamp) {
        let book = self.0.entry(endpoint.to_owned()).or_default();
        match pass {
            Pass::Complete { mark, forget_before } => {
                book.entries.retain(|_, (entry, _)| entry.listed_at >= forget_before);
                book.mark = mark.or(book.mark);
                book.completed_at = Some(now);
                book.failure = None;
            }
            Pass::Failed { error } => book.failure = Some(Failure { at: now, error }),
        }
    }

    /// See [`super::super::Store::accounts`].
    pub(super) fn all(&self) -> Vec<Account> {
        let has_ended = |book: &Book| book.completed_at.is_some() || book.failure.is_some();
        self.0.iter().filter(|(_, book)| has_ended(book)).map(|(endpoint, book)| book.account(endpoint)).collect()
    }
}

impl Book {
    fn account(&self, endpoint: &str) -> Account {
        let missing = || self.entries.values().filter(|(entry, _)| !entry.is_kept);
        let (listed, missing_count) = (self.entries.len() as u64, missing().count() as u64);
        Account {
            endpoint: endpoint.to_owned(),
            listed,
            kept: listed - missing_count,
            missing: missing_count,
            missing_since: missing().map(|(_, noted_at)| *noted_at).min(),
            since: self.entries.values().map(|(entry, _)| entry.listed_at).min(),
            mark: self.mark,
            completed_at: self.completed_at,
            failure: self.failure.clone(),
        }
    }
}
