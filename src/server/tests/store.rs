//! A store that does what the test says: works, fails, panics, or takes its time.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;

use super::*;
use crate::inbox::{
    Accepted, Arrival, Claim, Claimed, Content, Finish, Identity, Owed, ReceiptId,
    memory::Memory,
    query::{Page, PageRequest, Purged, ReceiptFilter, ReceiptRecord, Replay, Stats},
};

/// What the store does when it is asked to keep something, or to prove that it could.
#[derive(Clone, Debug)]
pub(super) enum Mood {
    Works,
    Fails(StoreError),
    Panics,
    /// Until there is a permit for each call.
    Waits,
    Hangs,
}

#[derive(Debug)]
pub(super) struct Moody {
    memory: Memory,
    mood: Mutex<Mood>,
    pub(super) permits: Semaphore,
    pub(super) probes: AtomicUsize,
}

impl Moody {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            memory: Memory::new(),
            mood: Mutex::new(Mood::Works),
            permits: Semaphore::new(0),
            probes: AtomicUsize::new(0),
        })
    }

    pub(super) fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(super) async fn receipts(&self) -> u64 {
        self.memory.stats(Timestamp::UNIX_EPOCH).await.unwrap().receipts
    }

    async fn feel(&self) -> Result<(), StoreError> {
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::Works => Ok(()),
            Mood::Fails(error) => Err(error),
            Mood::Panics => panic!("the store panics, as the test says"),
            Mood::Waits => {
                self.permits.acquire().await.unwrap().forget();
                Ok(())
            }
            Mood::Hangs => std::future::pending().await,
        }
    }
}

#[async_trait::async_trait]
impl Store for Moody {
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        self.feel().await?;
        self.memory.accept(arrival).await
    }

    async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.probes.fetch_add(1, Ordering::SeqCst);
        self.feel().await?;
        self.memory.probe(now).await
    }

    fn retry_after(&self) -> Duration {
        Duration::from_secs(9)
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        self.memory.claim(claim).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        self.memory.finish(finish).await
    }

    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.memory.release_expired(now).await
    }

    async fn next_due(&self, handlers: &[Arc<str>]) -> Result<Option<Timestamp>, StoreError> {
        self.memory.next_due(handlers).await
    }

    async fn receipts(&self, filter: &ReceiptFilter, page: PageRequest) -> Result<Page, StoreError> {
        self.memory.receipts(filter, page).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<ReceiptRecord>, StoreError> {
        self.memory.receipt(id).await
    }

    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError> {
        self.memory.replay(replay, now).await
    }

    async fn unparsed(&self, after: Option<ReceiptId>, limit: usize) -> Result<Vec<(ReceiptId, String, Bytes)>, StoreError> {
        self.memory.unparsed(after, limit).await
    }

    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.memory.reparsed(id, content, identity, owed, now).await
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        self.memory.stats(now).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.memory.purge(before, limit).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.memory.close().await
    }
}
