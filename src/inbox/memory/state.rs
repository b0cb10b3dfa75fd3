//! What the store in memory holds, and what each of its sentences does to it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;

use super::super::{
    Accepted, Arrival, Attempt, AttemptResult, Claim, Claimed, Content, Dispatch, DispatchId, DispatchState, Finish, Identity,
    Lease, Owed, Receipt, ReceiptId, Source, Summary, Verdict, next_try,
    query::{EndpointStats, HandlerStats, Paused, Purged, Replay, Stats},
    secrets::KeptSecrets,
};
use super::{account::Accounts, history::Subject};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) receipts: BTreeMap<i64, (Receipt, Bytes)>,
    pub(super) dispatches: BTreeMap<i64, Owing>,
    pub(super) details: BTreeMap<i64, (Bytes, HashMap<String, Bytes>)>,
    /// By handler and key, each with when it was last kept.
    pub(super) notes: BTreeMap<(String, String), (String, Timestamp)>,
    /// By the receipt that told of them first.
    pub(super) subjects: BTreeMap<i64, Subject>,
    /// By app, the newest receipt that is about it.
    pub(super) newest_of_apps: BTreeMap<String, i64>,
    identities: HashMap<i64, HashSet<[u8; 16]>>,
    newest: BTreeMap<String, Timestamp>,
    pub(super) paused: BTreeMap<String, Paused>,
    last_receipt: i64,
    last_dispatch: i64,
    pub(super) accounts: Accounts,
    pub(super) secrets: KeptSecrets,
    pub(super) closed: bool,
}

/// A dispatch, with what only the store needs to know of it.
#[derive(Debug)]
pub(super) struct Owing {
    pub(super) receipt: i64,
    pub(super) handler: Arc<str>,
    pub(super) state: DispatchState,
    attempts: u32,
    token: i64,
    pub(super) due_at: Timestamp,
    claimed_at: Timestamp,
    lease_until: Timestamp,
    line: Option<Line>,
    pub(super) history: Vec<Attempt>,
}

/// Where a dispatch stands that is owed in order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    subject: (Option<String>, String),
    place: Timestamp,
}

impl Line {
    fn of(receipt: &Receipt) -> Option<Self> {
        let summary = summary(receipt)?;
        let subject = (summary.subject_type.clone(), summary.subject_id.clone()?);
        Some(Self { subject, place: summary.time.unwrap_or(receipt.received_at) })
    }
}

impl Owing {
    fn is_open(&self) -> bool {
        matches!(self.state, DispatchState::Waiting | DispatchState::Claimed)
    }

    pub(super) fn shown(&self, id: i64) -> Dispatch {
        Dispatch {
            id: DispatchId(id),
            receipt: ReceiptId(self.receipt),
            handler: self.handler.to_string(),
            state: self.state,
            attempts: self.attempts,
            due_at: next_try(self.state, self.due_at),
        }
    }

    fn record(&mut self, started_at: Timestamp, took: Duration, result: AttemptResult, error: Option<String>) {
        self.history.push(Attempt { number: self.attempts, started_at, took, result, error });
    }

    fn revive(&mut self, now: Timestamp) {
        self.state = DispatchState::Waiting;
        self.attempts = 0;
        self.due_at = now;
    }
}

impl State {
    pub(super) fn accept(&mut self, arrival: Arrival) -> Accepted {
        let Arrival { endpoint, received_at, due_at, way, body, content, identity, owed } = arrival;
        let same_id = !is_unparsed(&content) && self.identities.contains_key(&identity.event);
        if !self.remember(&identity) {
            return Accepted::Known;
        }
        self.last_receipt += 1;
        let id = ReceiptId(self.last_receipt);
        let newest = self.newest.entry(endpoint.to_string()).or_insert(received_at);
        *newest = received_at.max(*newest);
        let receipt = Receipt {
            id,
            endpoint: endpoint.to_string(),
            received_at,
            source: way.source(),
            signature: way.signature().map(str::to_owned),
            secret: way.secret().map(str::to_owned),
            identity: identity.to_hex(),
            content,
            size: body.len() as u64,
        };
        self.receipts.insert(id.0, (receipt, body));
        self.note_subject(id);
        self.owe(id.0, &owed, due_at);
        Accepted::New { receipt: id, same_id }
    }

    /// `false` if it was known.
    fn remember(&mut self, identity: &Identity) -> bool {
        self.identities.entry(identity.event).or_default().insert(identity.content)
    }

    fn owe(&mut self, receipt: i64, owed: &[Owed], due_at: Timestamp) -> u64 {
        let line = self.receipts.get(&receipt).and_then(|(receipt, _)| Line::of(receipt));
        let mut made = 0;
        for Owed { handler, in_order } in owed {
            if self.dispatches.values().any(|owing| owing.receipt == receipt && owing.handler == *handler) {
                continue;
            }
            self.last_dispatch += 1;
            let owing = Owing {
                receipt,
                handler: handler.clone(),
                state: DispatchState::Waiting,
                attempts: 0,
                token: 0,
                due_at,
                claimed_at: due_at,
                lease_until: due_at,
                line: line.clone().filter(|_| *in_order),
                history: Vec::new(),
            };
            self.dispatches.insert(self.last_dispatch, owing);
            made += 1;
        }
        made
    }

    /// Whether one that waits must wait for another of its line: for one that is claimed, or for an earlier one.
    pub(super) fn is_behind(&self, id: i64, owing: &Owing) -> bool {
        let Some(line) = &owing.line else { return false };
        self.dispatches.iter().any(|(other_id, other)| {
            let Some(other_line) = other.line.as_ref().filter(|_| other.is_open() && other.handler == owing.handler) else {
                return false;
            };
            let is_earlier = (other_line.place, other.receipt, *other_id) < (line.place, owing.receipt, id);
            other_line.subject == line.subject && (other.state == DispatchState::Claimed || is_earlier)
        })
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Vec<Claimed> {
        let mut claimed = Vec::new();
        for room in claim.handlers.iter().filter(|room| !self.paused.contains_key(&*room.handler)) {
            let due =
                |owing: &Owing| owing.state == DispatchState::Waiting && owing.handler == room.handler && owing.due_at <= claim.now;
            let mut ids: Vec<_> = self
                .dispatches
                .iter()
                .filter(|(id, owing)| due(owing) && !self.is_behind(**id, owing))
                .map(|(id, owing)| (owing.due_at, *id))
                .collect();
            ids.sort_unstable();
            for (_, id) in ids.into_iter().take(room.slots) {
                let Some(owing) = self.dispatches.get_mut(&id) else { continue };
                let Some((receipt, body)) = self.receipts.get(&owing.receipt) else { continue };
                owing.state = DispatchState::Claimed;
                owing.attempts += 1;
                owing.token += 1;
                owing.claimed_at = claim.now;
                owing.lease_until = claim.now.saturating_add(room.lease).unwrap_or(Timestamp::MAX);
                claimed.push(Claimed {
                    lease: Lease { dispatch: DispatchId(id), token: owing.token },
                    handler: room.handler.clone(),
                    attempt: owing.attempts,
                    receipt: receipt.clone(),
                    body: body.clone(),
                    details: self.details.get(&owing.receipt).map(|(details, _)| details.clone()),
                });
            }
        }
        claimed
    }

    pub(super) fn finish(&mut self, finish: Finish) -> bool {
        let Finish { lease, started_at, took, verdict } = finish;
        let Some(owing) = self.dispatches.get_mut(&lease.dispatch.0) else { return false };
        if owing.state != DispatchState::Claimed || owing.token != lease.token {
            return false;
        }
        owing.state = match verdict {
            Verdict::Done => {
                owing.record(started_at, took, AttemptResult::Ok, None);
                DispatchState::Done
            }
            Verdict::PassedOver => {
                owing.record(started_at, took, AttemptResult::PassedOver, None);
                DispatchState::Done
            }
            Verdict::Retry { due_at, result, error } => {
                owing.record(started_at, took, result, Some(error));
                owing.due_at = due_at;
                DispatchState::Waiting
            }
            Verdict::Dead { result, error } => {
                owing.record(started_at, took, result, Some(error));
                DispatchState::Dead
            }
            Verdict::PutBack => {
                owing.attempts -= 1;
                DispatchState::Waiting
            }
        };
        true
    }

    pub(super) fn release_expired(&mut self, now: Timestamp) -> u64 {
        let claimed = self.dispatches.values_mut().filter(|owing| owing.state == DispatchState::Claimed);
        let mut released = 0;
        for owing in claimed.filter(|owing| owing.lease_until < now) {
            let took = Duration::try_from(now.duration_since(owing.claimed_at)).unwrap_or_default();
            owing.record(owing.claimed_at, took, AttemptResult::Lost, None);
            owing.state = DispatchState::Waiting;
            owing.due_at = now;
            released += 1;
        }
        released
    }

    pub(super) fn hasten(&mut self, handler: &str, latest: Timestamp, now: Timestamp) -> u64 {
        let waiting =
            self.dispatches.values_mut().filter(|owing| owing.state == DispatchState::Waiting && *owing.handler == *handler);
        waiting.filter(|owing| owing.due_at > latest.max(now)).map(|owing| owing.due_at = now).count() as u64
    }

    pub(super) fn replay(&mut self, replay: &Replay, now: Timestamp) -> u64 {
        match replay {
            Replay::Receipt { id, handlers } => {
                let Some((receipt, _)) = self.receipts.get(&id.0).filter(|(receipt, _)| !is_unparsed(&receipt.content)) else {
                    return 0;
                };
                let line = Line::of(receipt);
                let mut count = 0;
                for owing in self.dispatches.values_mut().filter(|owing| owing.receipt == id.0 && !owing.is_open()) {
                    let Some(owed) = handlers.iter().find(|owed| owed.handler == owing.handler) else { continue };
                    owing.line = line.clone().filter(|_| owed.in_order);
                    owing.revive(now);
                    count += 1;
                }
                count + self.owe(id.0, handlers, now)
            }
            Replay::Dead { handler } => {
                let dead = self.dispatches.values_mut().filter(|owing| owing.state == DispatchState::Dead);
                let asked_for = dead.filter(|owing| handler.as_deref().is_none_or(|handler| *owing.handler == *handler));
                asked_for.map(|owing| owing.revive(now)).count() as u64
            }
        }
    }

    pub(super) fn skip(&mut self, id: DispatchId, reason: &str, now: Timestamp) -> bool {
        let Some(owing) = self.dispatches.get_mut(&id.0).filter(|owing| owing.state == DispatchState::Dead) else { return false };
        owing.state = DispatchState::Done;
        owing.record(now, Duration::ZERO, AttemptResult::Skipped, Some(reason.to_owned()));
        true
    }

    pub(super) fn reparsed(&mut self, id: ReceiptId, content: Content, identity: &Identity, owed: &[Owed], now: Timestamp) -> bool {
        let Some((receipt, _)) = self.receipts.get_mut(&id.0).filter(|(receipt, _)| is_unparsed(&receipt.content)) else {
            return false;
        };
        let is_event = !is_unparsed(&content);
        receipt.content = content;
        if is_event && self.identities.entry(identity.event).or_default().insert(identity.content) {
            receipt.identity = identity.to_hex();
            self.owe(id.0, owed, now);
        }
        self.note_subject(id);
        true
    }

    pub(super) fn entered(&self, id: ReceiptId) -> Option<Timestamp> {
        let (receipt, _) = self.receipts.get(&id.0)?;
        let (tells, line) = (summary(receipt)?, Line::of(receipt)?);
        let left = tells.previous_state.as_ref()?;
        let others = self.receipts.values().filter_map(|(other, _)| Some((other, summary(other)?, Line::of(other)?)));
        let earlier = others.filter(|(other, told, of)| {
            (&other.endpoint, &told.kind, &of.subject) == (&receipt.endpoint, &tells.kind, &line.subject)
                && (of.place, other.id) < (line.place, receipt.id)
        });
        let (_, told, of) = earlier.max_by_key(|(other, _, of)| (of.place, other.id))?;
        (told.state.as_ref() == Some(left)).then_some(of.place)
    }

    pub(super) fn purge(&mut self, before: Timestamp, limit: usize) -> Purged {
        let open: HashSet<i64> = self.dispatches.values().filter(|owing| owing.is_open()).map(|owing| owing.receipt).collect();
        let old = self.receipts.values().filter(|(receipt, _)| receipt.received_at < before && !open.contains(&receipt.id.0));
        let mut ids: Vec<_> = old.map(|(receipt, _)| (receipt.received_at, receipt.id.0)).collect();
        ids.sort_unstable();
        let more = ids.len() > limit;
        let ids: BTreeSet<i64> = ids.into_iter().take(limit).map(|(_, id)| id).collect();
        let dead =
            self.dispatches.values().filter(|owing| owing.state == DispatchState::Dead && ids.contains(&owing.receipt)).count();
        self.receipts.retain(|id, _| !ids.contains(id));
        self.details.retain(|id, _| !ids.contains(id));
        self.dispatches.retain(|_, owing| !ids.contains(&owing.receipt));
        self.forget_subjects();
        let notes = self.purge_notes(before, limit);
        Purged { receipts: ids.len() as u64, dead: dead as u64, notes, more: more || (notes > 0 && notes == limit as u64) }
    }

    fn purge_notes(&mut self, before: Timestamp, limit: usize) -> u64 {
        let old = self.notes.iter().filter(|(_, (_, kept_at))| *kept_at < before);
        let mut old: Vec<_> = old.map(|(place, (_, kept_at))| (*kept_at, place.clone())).collect();
        old.sort_unstable();
        old.truncate(limit);
        old.iter().filter_map(|(_, place)| self.notes.remove(place)).count() as u64
    }

    pub(super) fn stats(&self) -> Stats {
        let receipts = || self.receipts.values().map(|(receipt, _)| receipt);
        let mut handlers: BTreeMap<&str, HandlerStats> = BTreeMap::new();
        for owing in self.dispatches.values() {
            let stats = handlers.entry(&owing.handler).or_insert_with(|| HandlerStats::idle(&owing.handler));
            match owing.state {
                DispatchState::Waiting => stats.waiting += 1,
                DispatchState::Claimed => stats.claimed += 1,
                DispatchState::Done => stats.done += 1,
                DispatchState::Dead => stats.dead += 1,
            }
            if let Some((receipt, _)) = self.receipts.get(&owing.receipt).filter(|_| owing.is_open()) {
                let oldest = stats.oldest_open.get_or_insert(receipt.received_at);
                *oldest = receipt.received_at.min(*oldest);
            }
        }
        for (handler, paused) in &self.paused {
            handlers.entry(handler).or_insert_with(|| HandlerStats::idle(handler)).paused = Some(paused.clone());
        }
        let endpoints = self.newest.iter().map(|(endpoint, newest)| EndpointStats {
            endpoint: endpoint.clone(),
            receipts: receipts().filter(|receipt| receipt.endpoint == *endpoint).count() as u64,
            newest: Some(*newest),
        });
        Stats {
            receipts: self.receipts.len() as u64,
            unparsed: receipts().filter(|receipt| is_unparsed(&receipt.content)).count() as u64,
            recovered: receipts().filter(|receipt| receipt.source == Source::Recovered).count() as u64,
            identities: self.identities.values().map(HashSet::len).sum::<usize>() as u64,
            bytes: 0,
            endpoints: endpoints.collect(),
            handlers: handlers.into_values().collect(),
        }
    }

    pub(super) fn dispatches_of(&self, receipt: i64) -> Vec<Dispatch> {
        self.dispatches.iter().filter(|(_, owing)| owing.receipt == receipt).map(|(id, owing)| owing.shown(*id)).collect()
    }
}

fn summary(receipt: &Receipt) -> Option<&Summary> {
    match &receipt.content {
        Content::Event(summary) => Some(summary),
        Content::Unparsed { .. } => None,
    }
}

pub(super) fn is_unparsed(content: &Content) -> bool {
    matches!(content, Content::Unparsed { .. })
}
