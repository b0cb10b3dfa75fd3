//! A store that does what the test says: works, fails, panics, or takes its time.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;

use super::*;
use crate::inbox::{Accepted, Arrival, memory::Memory, wrapper::Wrapper};

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
impl Wrapper for Moody {
    fn inner(&self) -> &dyn Store {
        &self.memory
    }

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
}
