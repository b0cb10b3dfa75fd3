//! A store in memory: for tests, here and in programs that embed the crate.
//!
//! It keeps every promise of [`Store`] but one: what it holds ends with the process. It is written to be read, not to be fast:
//! where SQLite has an index, this walks.

mod account;
mod history;
mod state;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use self::state::{State, is_unparsed};
use super::{
    Accepted, Arrival, Attempt, Claim, Claimed, Content, DispatchId, DispatchState, Finish, Identity, Owed, Receipt, ReceiptId,
    Store, StoreError, Unread,
    account::{Account, Entry, Pass},
    history::{HistoryFilter, HistoryPage},
    query::{
        DispatchRecord, Hour, Listed, NewestOfApp, Page, PageRequest, Paused, Purged, ReceiptFilter, ReceiptRecord, Replay, Stats,
    },
    secrets::{KeptSecret, KeptSecrets, SecretsReader},
};

/// A store that ends with the process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<State>);

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(StoreError::Unavailable("it has been closed".into())) } else { Ok(state) }
    }
}

#[async_trait]
impl Store for Memory {
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        Ok(self.state()?.accept(arrival))
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        Ok(self.state()?.claim(&claim))
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        Ok(self.state()?.finish(finish))
    }

    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state()?.release_expired(now))
    }

    async fn hasten(&self, handler: &str, latest: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state()?.hasten(handler, latest, now))
    }

    async fn next_due(&self, handlers: &[Arc<str>]) -> Result<Option<Timestamp>, StoreError> {
        let state = self.state()?;
        let waiting = state.dispatches.iter().filter(|(_, owing)| owing.state == DispatchState::Waiting);
        let is_given = |handler: &Arc<str>| handlers.contains(handler) && !state.paused.contains_key(&**handler);
        let asked_for = waiting.filter(|(_, owing)| is_given(&owing.handler));
        Ok(asked_for.filter(|(id, owing)| !state.is_behind(**id, owing)).map(|(_, owing)| owing.due_at).min())
    }

    async fn keep_details(&self, id: ReceiptId, details: Bytes, files: Vec<(String, Bytes)>) -> Result<bool, StoreError> {
        let mut state = self.state()?;
        let is_there = state.receipts.contains_key(&id.0);
        if is_there {
            state.note_app(id, &details);
            state.details.insert(id.0, (details, files.into_iter().collect()));
        }
        Ok(is_there)
    }

    async fn file(&self, id: ReceiptId, name: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state()?.details.get(&id.0).and_then(|(_, files)| files.get(name)).cloned())
    }

    async fn entered(&self, id: ReceiptId) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state()?.entered(id))
    }

    async fn note(&self, handler: &str, key: &str) -> Result<Option<String>, StoreError> {
        let place = (handler.to_owned(), key.to_owned());
        Ok(self.state()?.notes.get(&place).map(|(text, _)| text.clone()))
    }

    async fn keep_note(&self, handler: &str, key: &str, text: &str, now: Timestamp) -> Result<(), StoreError> {
        self.state()?.notes.insert((handler.to_owned(), key.to_owned()), (text.to_owned(), now));
        Ok(())
    }

    async fn histories(&self, filter: &HistoryFilter, page: PageRequest) -> Result<HistoryPage, StoreError> {
        Ok(self.state()?.histories(filter, page))
    }

    async fn apps(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.state()?.apps())
    }

    async fn newest_of_apps(&self) -> Result<Vec<NewestOfApp>, StoreError> {
        Ok(self.state()?.newest_of_apps())
    }

    async fn receipts(&self, filter: &ReceiptFilter, page: PageRequest) -> Result<Page, StoreError> {
        let state = self.state()?;
        let limit = page.limit.max(1);
        let end = page.before.map_or(i64::MAX, |before| before.0);
        let mut items: Vec<Listed> = state
            .receipts
            .range(..end)
            .rev()
            .map(|(id, (receipt, _))| Listed { receipt: receipt.clone(), dispatches: state.dispatches_of(*id) })
            .filter(|listed| {
                let details = state.details.get(&listed.receipt.id.0).map(|(details, _)| details);
                filter.admits(listed, details.map(|details| &**details))
            })
            .take(limit.saturating_add(1))
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.receipt.id);
        Ok(Page { items, next })
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<ReceiptRecord>, StoreError> {
        let state = self.state()?;
        Ok(state.receipts.get(&id.0).map(|(receipt, body)| ReceiptRecord {
            receipt: receipt.clone(),
            body: body.clone(),
            details: state.details.get(&id.0).map(|(details, _)| details.clone()),
            dispatches: state
                .dispatches
                .iter()
                .filter(|(_, owing)| owing.receipt == id.0)
                .map(|(id, owing)| DispatchRecord { dispatch: owing.shown(*id), history: owing.history.clone() })
                .collect(),
        }))
    }

    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state()?.replay(replay, now))
    }

    async fn skip(&self, id: DispatchId, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.state()?.skip(id, reason, now))
    }

    async fn pause(&self, handler: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let paused = &mut self.state()?.paused;
        let is_new = !paused.contains_key(handler);
        paused.entry(handler.to_owned()).or_insert_with(|| Paused { since: now, reason: reason.to_owned() });
        Ok(is_new)
    }

    async fn resume(&self, handler: &str) -> Result<bool, StoreError> {
        Ok(self.state()?.paused.remove(handler).is_some())
    }

    async fn unparsed(&self, after: Option<ReceiptId>, limit: usize) -> Result<Vec<Unread>, StoreError> {
        let state = self.state()?;
        let later = state.receipts.values().filter(|(receipt, _)| after.is_none_or(|after| receipt.id > after));
        let unparsed = later.filter(|(receipt, _)| is_unparsed(&receipt.content)).take(limit);
        let unread = |(Receipt { id, endpoint, source, .. }, body): &(Receipt, Bytes)| Unread {
            id: *id,
            endpoint: endpoint.clone(),
            source: *source,
            body: body.clone(),
        };
        Ok(unparsed.map(unread).collect())
    }

    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.state()?.reparsed(id, content, &identity, &owed, now))
    }

    async fn stats(&self, _now: Timestamp) -> Result<Stats, StoreError> {
        Ok(self.state()?.stats())
    }

    async fn attempts(&self, limit: usize) -> Result<Vec<(String, Attempt)>, StoreError> {
        let state = self.state()?;
        let newest_first = state.dispatches.values().rev();
        let attempts =
            newest_first.flat_map(|owing| owing.history.iter().rev().map(|attempt| (owing.handler.to_string(), attempt.clone())));
        Ok(attempts.take(limit).collect())
    }

    async fn hours(&self, since: Timestamp) -> Result<Vec<Hour>, StoreError> {
        let state = self.state()?;
        let times = state.receipts.values().map(|(receipt, _)| receipt.received_at).filter(|&time| time >= since);
        let mut hours = BTreeMap::<i64, u64>::new();
        times.for_each(|time| *hours.entry(time.as_second().div_euclid(Hour::SECONDS)).or_default() += 1);
        let hours = hours.into_iter().map(|(hour, receipts)| {
            let begins_at = Timestamp::from_second(hour * Hour::SECONDS).unwrap_or(Timestamp::MIN);
            Hour { begins_at, receipts }
        });
        Ok(hours.collect())
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        Ok(self.state()?.purge(before, limit))
    }

    async fn note_listed(&self, endpoint: &str, entries: Vec<Entry>, now: Timestamp) -> Result<(), StoreError> {
        self.state()?.accounts.note_listed(endpoint, entries, now);
        Ok(())
    }

    async fn end_pass(&self, endpoint: &str, pass: Pass, now: Timestamp) -> Result<(), StoreError> {
        self.state()?.accounts.end_pass(endpoint, pass, now);
        Ok(())
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.state()?.accounts.all())
    }

    async fn secrets(&self) -> Result<KeptSecrets, StoreError> {
        Ok(self.state()?.secrets.clone())
    }

    async fn keep_secrets(&self, endpoint: &str, secrets: Vec<KeptSecret>, since: i64) -> Result<bool, StoreError> {
        let kept = &mut self.state()?.secrets;
        if kept.version != since {
            return Ok(false);
        }
        kept.version += 1;
        kept.endpoints.insert(endpoint.to_owned(), secrets);
        kept.endpoints.retain(|_, secrets| !secrets.is_empty());
        Ok(true)
    }

    async fn note_secrets_reader(&self, reader: SecretsReader) -> Result<(), StoreError> {
        let forgotten = reader.seen_at.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
        let readers = &mut self.state()?.secrets.readers;
        readers.retain(|known| known.name != reader.name && known.seen_at >= forgotten);
        readers.push(reader);
        readers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    async fn probe(&self, _now: Timestamp) -> Result<(), StoreError> {
        self.state().map(drop)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        Ok(())
    }
}
