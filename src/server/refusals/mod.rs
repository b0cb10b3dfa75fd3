//! What is known of requests that were refused: a line in the log, the latest of them, and whether signatures fail that used to match.
//!
//! Strangers decide how many requests are refused, so nothing here grows with their number, and nothing is written to the store:
//! refusals for one reason, from one source, within one minute are one [`Row`], and only so many rows are kept ([`latest`]). A restart
//! forgets them; log and figures have them then. Neither headers nor bodies are ever kept.
//!
//! What it costs to refuse: a lock that only refusals of the same endpoint share, and a walk over the rows of the present minute.

mod alarm;
mod latest;
mod log;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::Timestamp;

use self::{alarm::Alarm, latest::Ring, log::Log};
pub(super) use self::{
    alarm::Failing,
    latest::{Row, Source},
};
use super::error::Refused;
use crate::{shutdown::Shutdown, signature};

/// The name that stands for the endpoint where there is none.
const NO_ENDPOINT: &str = "none";

/// What is known of refused requests, to all endpoints.
#[derive(Debug)]
pub struct Refusals {
    since: Timestamp,
    log: Log,
    last_id: Arc<AtomicI64>,
    records: Mutex<BTreeMap<Arc<str>, Arc<Record>>>,
    nowhere: Arc<Record>,
}

/// What is known of refused requests to one endpoint.
#[derive(Debug)]
pub(super) struct Record {
    endpoint: Arc<str>,
    last_id: Arc<AtomicI64>,
    rings: Mutex<BTreeMap<&'static str, Ring>>,
    /// None where there is no endpoint, so that nothing is ever taken in.
    alarm: Option<Alarm>,
}

/// How many requests were refused for a reason since the program started.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Total {
    pub(super) reason: &'static str,
    pub(super) count: u64,
}

impl Refusals {
    pub(super) fn new(now: Timestamp, shutdown: Shutdown) -> Self {
        let last_id = Arc::new(AtomicI64::new(0));
        let nowhere = Arc::new(Record::new(NO_ENDPOINT.into(), None, &last_id));
        Self { since: now, log: Log::new(shutdown), last_id, records: Mutex::default(), nowhere }
    }

    /// Since when refusals are known.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// The record of an endpoint; one that outlives reloads.
    pub(super) fn of(&self, endpoint: &Arc<str>) -> Arc<Record> {
        let new = || Arc::new(Record::new(Arc::clone(endpoint), Some(Alarm::new(endpoint)), &self.last_id));
        Arc::clone(self.records().entry(Arc::clone(endpoint)).or_insert_with(new))
    }

    /// Gives up the alarms of endpoints that are no longer there.
    pub(super) fn forget_all_but(&self, is_there: impl Fn(&str) -> bool) {
        let records = self.records();
        let gone = records.values().filter(|record| !is_there(&record.endpoint));
        gone.filter_map(|record| record.alarm.as_ref()).for_each(Alarm::forget);
    }

    /// Notes a request that was refused; without a record if it was to none of our endpoints.
    pub(super) fn note(&self, refused: &Refused, record: Option<&Record>, peer: Option<SocketAddr>, now: Timestamp) {
        let record = record.unwrap_or(&self.nowhere);
        self.log.tell(refused, &record.endpoint, peer);
        record.note(refused, peer, now);
    }

    /// Notes that the operator's listener was asked with a token that is none: in the log only, and never the token.
    pub(super) fn note_wrong_bearer(&self, peer: Option<&str>) {
        self.log.tell_wrong_bearer(peer);
    }

    /// The latest refusals, newest first: at most `limit` of those before the row with the number `before`.
    pub(super) fn rows(&self, meets: impl Fn(&Row) -> bool, before: Option<i64>, limit: usize) -> Vec<Row> {
        let records: Vec<_> = self.records().values().chain([&self.nowhere]).map(Arc::clone).collect();
        let mut rows: Vec<Row> = records.iter().flat_map(|record| record.rows()).collect();
        rows.retain(|row| before.is_none_or(|before| row.id < before) && meets(row));
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        rows.truncate(limit);
        rows
    }

    /// How many requests were refused, by reason, most first.
    pub(super) fn totals(&self) -> Vec<Total> {
        let mut totals = BTreeMap::<_, u64>::new();
        for record in self.records().values().chain([&self.nowhere]) {
            record.rings().iter().for_each(|(reason, latest)| *totals.entry(*reason).or_default() += latest.total());
        }
        let mut totals: Vec<_> = totals.into_iter().map(|(reason, count)| Total { reason, count }).collect();
        totals.sort_by_key(|total| std::cmp::Reverse(total.count));
        totals
    }

    /// The endpoints whose signatures fail after having matched, in order of name.
    pub(super) fn failing(&self) -> Vec<Failing> {
        self.records().values().filter_map(|record| record.alarm.as_ref()?.failing(&record.endpoint)).collect()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn new(endpoint: Arc<str>, alarm: Option<Alarm>, last_id: &Arc<AtomicI64>) -> Self {
        Self { endpoint, last_id: Arc::clone(last_id), rings: Mutex::default(), alarm }
    }

    /// Notes that something was taken in that was not known before. Where it was signed, its signature matched, which ends the alarm.
    pub(super) fn took_in_new(&self) {
        if let Some(alarm) = &self.alarm {
            alarm.matched(&self.endpoint);
        }
    }

    fn note(&self, refused: &Refused, peer: Option<SocketAddr>, now: Timestamp) {
        let next_id = || self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        self.rings().entry(refused.reason()).or_default().note(Source::of(peer), now, next_id);
        if let (Some(alarm), Refused::NotAuthentic(signature::Refusal::Wrong)) = (&self.alarm, refused) {
            alarm.failed(&self.endpoint, now);
        }
    }

    fn rows(&self) -> Vec<Row> {
        let endpoint = (*self.endpoint != *NO_ENDPOINT).then_some(&self.endpoint);
        self.rings().iter().flat_map(|(reason, latest)| latest.rows(endpoint, reason)).collect()
    }

    fn rings(&self) -> MutexGuard<'_, BTreeMap<&'static str, Ring>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
