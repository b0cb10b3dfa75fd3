//! Keeps the house in order while the worker works: gives back leases that ran out, removes receipts whose time is over, and
//! keeps the gauges true.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Notify, time::Instant};

use crate::{
    clock::Clock,
    inbox::{DispatchState, Store, StoreError},
    shutdown::Shutdown,
    telemetry::metrics,
};

/// How often leases are looked at and gauges are set.
const ROUND: Duration = Duration::from_secs(10);

/// How often receipts are looked at whose time may be over.
const PURGE_ROUND: Duration = Duration::from_hours(1);

/// How many receipts one transaction removes, so that no notification waits long behind it.
const PURGE_BATCH: usize = 200;

/// The tidying task.
#[derive(Debug)]
pub struct Janitor {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    work: Arc<Notify>,
    retention: Duration,
    /// The handlers that were paused at the last round: one that was never owed anything is not counted any more once it goes on.
    paused: BTreeSet<String>,
}

impl Janitor {
    /// Tidies `store`, removing what owes nothing and is older than `retention`, and tells of new work through `work`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, work: Arc<Notify>, retention: Duration) -> Self {
        Self { store, clock, work, retention, paused: BTreeSet::new() }
    }

    /// Tidies until the end is asked for.
    ///
    /// # Errors
    /// When the store is broken, so that the program must end.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), StoreError> {
        let mut purge_at = Instant::now();
        while !shutdown.has_begun() {
            if let Err(error) = self.round(&mut purge_at, &shutdown).await {
                metrics::store_failed(&error);
                if error.is_fatal() {
                    return Err(error);
                }
                tracing::error!(error = %error, "could not tidy the store; trying again");
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = shutdown.begun() => {}
            }
        }
        Ok(())
    }

    async fn round(&mut self, purge_at: &mut Instant, shutdown: &Shutdown) -> Result<(), StoreError> {
        let released = self.store.release_expired(self.clock.steady()).await?;
        if released > 0 {
            tracing::warn!(released, "leases ran out; their dispatches wait again");
            self.work.notify_one();
        }
        self.measure().await?;
        if Instant::now() >= *purge_at {
            self.purge(shutdown).await?;
            *purge_at = Instant::now() + PURGE_ROUND;
        }
        Ok(())
    }

    async fn measure(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let stats = self.store.stats(now).await?;
        for handler in &stats.handlers {
            let counts = [handler.waiting, handler.claimed, handler.done, handler.dead];
            for (state, count) in DispatchState::ALL.into_iter().zip(counts) {
                metrics::dispatches(&handler.handler, state, count);
            }
            let age = handler.oldest_open.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
            metrics::oldest_open(&handler.handler, Duration::try_from(age).unwrap_or(Duration::ZERO));
            metrics::handler_paused(&handler.handler, handler.paused.is_some());
        }
        let paused = stats.handlers.iter().filter(|handler| handler.paused.is_some()).map(|handler| handler.handler.clone());
        let before = std::mem::replace(&mut self.paused, paused.collect());
        before.difference(&self.paused).for_each(|handler| metrics::handler_paused(handler, false));
        Ok(())
    }

    async fn purge(&self, shutdown: &Shutdown) -> Result<(), StoreError> {
        let retention = SignedDuration::try_from(self.retention).unwrap_or(SignedDuration::MAX);
        let before = self.clock.now().saturating_sub(retention).unwrap_or(Timestamp::MIN);
        let mut removed = 0;
        while !shutdown.has_begun() {
            let purged = self.store.purge(before, PURGE_BATCH).await?;
            removed += purged.receipts;
            if !purged.more {
                break;
            }
        }
        if removed > 0 {
            tracing::info!(removed, "removed receipts older than the retention; their identities stay");
        }
        Ok(())
    }
}
