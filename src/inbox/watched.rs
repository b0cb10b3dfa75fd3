//! A store that says which receipts have changed, for whoever shows them while it happens.
//!
//! It keeps nothing itself and slows nobody down: what has changed is noted as a number in memory, and taken by one reader whenever that
//! one has time. The notes are bounded. What does not fit, or cannot be said one by one, becomes the word that more has changed.
//!
//! Only what happens through this very store is seen. What other processes write to the same disk is for the reader to look up.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    Accepted, Arrival, Claim, Claimed, Content, DispatchId, Finish, Identity, Owed, ReceiptId, Store, StoreError,
    query::{Purged, Replay},
    wrapper::Wrapper,
};

/// How many receipts are noted one by one.
const MOST: usize = 8_192;

/// A store whose changes are noted.
#[derive(Debug)]
pub struct Watched {
    store: Arc<dyn Store>,
    changes: Arc<Changes>,
    /// Whose dispatches they are that are under way: who finishes one shows its number only.
    claimed: Mutex<HashMap<DispatchId, ReceiptId>>,
}

impl Watched {
    /// The same store with its changes noted, and where they are noted.
    pub fn around(store: Arc<dyn Store>) -> (Arc<Self>, Arc<Changes>) {
        let changes = Arc::new(Changes::default());
        (Arc::new(Self { store, changes: Arc::clone(&changes), claimed: Mutex::default() }), changes)
    }
}

/// What has changed in a store since it was last looked at.
#[derive(Debug, Default)]
pub struct Changes {
    noted: Mutex<Noted>,
    told: Notify,
}

/// Receipts that have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Those that are new, or whose dispatches or details are.
    pub receipts: BTreeSet<ReceiptId>,
    /// Whether others have changed that are not among them.
    pub others: bool,
}

impl Changes {
    /// Resolves when there is something to take. For one reader.
    pub async fn noted(&self) {
        self.told.notified().await;
    }

    /// Takes all that is noted.
    pub fn take(&self) -> Noted {
        std::mem::take(&mut *locked(&self.noted))
    }

    /// Puts back that something has changed, when what was taken could not be looked at: less exactly than it was taken. It wakes
    /// nobody, since whoever took it knows.
    pub fn put_back(&self) {
        locked(&self.noted).others = true;
    }

    fn note(&self, receipts: impl IntoIterator<Item = ReceiptId>) {
        let mut noted = locked(&self.noted);
        for receipt in receipts {
            if noted.receipts.len() < MOST {
                noted.receipts.insert(receipt);
            } else {
                noted.others |= !noted.receipts.contains(&receipt);
            }
        }
        drop(noted);
        self.told.notify_one();
    }

    fn note_others(&self) {
        locked(&self.noted).others = true;
        self.told.notify_one();
    }
}

#[async_trait]
impl Wrapper for Watched {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        let accepted = self.store.accept(arrival).await?;
        if let Accepted::New { receipt, .. } = accepted {
            self.changes.note([receipt]);
        }
        Ok(accepted)
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let claimed = self.store.claim(claim).await?;
        if !claimed.is_empty() {
            locked(&self.claimed).extend(claimed.iter().map(|one| (one.lease.dispatch, one.receipt.id)));
            self.changes.note(claimed.iter().map(|one| one.receipt.id));
        }
        Ok(claimed)
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        let dispatch = finish.lease.dispatch;
        let finished = self.store.finish(finish).await?;
        // The lock is let go before the other is asked for.
        let receipt = locked(&self.claimed).remove(&dispatch);
        match receipt {
            Some(receipt) => self.changes.note([receipt]),
            None if finished => self.changes.note_others(),
            None => {}
        }
        Ok(finished)
    }

    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let released = self.store.release_expired(now).await?;
        if released > 0 {
            self.changes.note_others();
        }
        Ok(released)
    }

    async fn hasten(&self, handler: &str, latest: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let hastened = self.store.hasten(handler, latest, now).await?;
        if hastened > 0 {
            self.changes.note_others();
        }
        Ok(hastened)
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        let purged = self.store.purge(before, limit).await?;
        if purged.receipts > 0 {
            self.changes.note_others();
        }
        Ok(purged)
    }

    async fn keep_details(&self, id: ReceiptId, details: Bytes, files: Vec<(String, Bytes)>) -> Result<bool, StoreError> {
        let kept = self.store.keep_details(id, details, files).await?;
        self.changes.note([id]);
        Ok(kept)
    }

    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError> {
        let count = self.store.replay(replay, now).await?;
        match replay {
            Replay::Receipt { id, .. } => self.changes.note([*id]),
            Replay::Dead { .. } => self.changes.note_others(),
        }
        Ok(count)
    }

    async fn skip(&self, id: DispatchId, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let skipped = self.store.skip(id, reason, now).await?;
        self.changes.note_others();
        Ok(skipped)
    }

    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self.store.reparsed(id, content, identity, owed, now).await?;
        self.changes.note([id]);
        Ok(changed)
    }
}

/// Notes are numbers: what a thread that panicked left of them is as good as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{Room, Verdict, memory::Memory},
        *,
    };
    use crate::{
        event::{Event, EventKind, sample},
        secret::Secret,
        signature::{Secrets, SigningKey, sign},
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn arrival() -> Arrival {
        let secret = Secret::new("a secret for the tests of changes");
        let body = sample::of(&EventKind::WebhookPingCreated).body();
        let header = sign(&secret, &body).to_string();
        let authentic = Secrets::new([SigningKey::new(&secret, "only")]).verify([header.as_bytes()], body, at(1)).unwrap();
        let event = Event::parse(authentic.get().clone());
        let owed = vec![Owed { handler: "log".into(), in_order: false }];
        Arrival::new("my-app".into(), authentic, event.as_ref(), owed, at(1))
    }

    fn log(second: i64) -> Claim {
        let room = Room { handler: "log".into(), slots: 1, lease: Duration::from_secs(1) };
        Claim { handlers: vec![room], now: at(second) }
    }

    #[tokio::test]
    async fn what_the_janitor_does_is_noted() {
        let (store, changes) = Watched::around(Arc::new(Memory::new()));
        Store::accept(&*store, arrival()).await.unwrap();
        let claimed = Store::claim(&*store, log(2)).await.unwrap().remove(0);
        assert_eq!(changes.take(), Noted { receipts: [claimed.receipt.id].into(), others: false });
        let others = Noted { receipts: BTreeSet::new(), others: true };
        for (now, expected) in [(2, Noted::default()), (9, others.clone())] {
            Store::release_expired(&*store, at(now)).await.unwrap();
            assert_eq!(changes.take(), expected, "leases that ran out by {now}");
        }
        let claimed = Store::claim(&*store, log(9)).await.unwrap().remove(0);
        let verdict = Verdict::Done;
        Store::finish(&*store, Finish { lease: claimed.lease, started_at: at(9), took: Duration::ZERO, verdict }).await.unwrap();
        changes.take();
        for (before, expected) in [(1, Noted::default()), (99, others)] {
            Store::purge(&*store, at(before), 9).await.unwrap();
            assert_eq!(changes.take(), expected, "receipts from before {before}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_said_in_one_word() {
        let changes = Changes::default();
        changes.note([ReceiptId(2), ReceiptId(1), ReceiptId(2)]);
        changes.noted().await;
        assert_eq!(changes.take(), Noted { receipts: [ReceiptId(1), ReceiptId(2)].into(), others: false });
        assert_eq!(changes.take(), Noted::default());
        let most = i64::try_from(MOST).unwrap();
        changes.note((0..most).chain(0..most).map(ReceiptId));
        assert!(!changes.take().others, "it fits");
        changes.note((0..most + 3).map(ReceiptId));
        let noted = changes.take();
        assert_eq!((noted.receipts.len(), noted.others), (MOST, true));
    }
}
