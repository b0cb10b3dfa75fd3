//! What has been put off for longer than anybody is made to wait.
//!
//! The time at which a dispatch falls due is a time of day, because the next process must understand it. If the machine's clock stood days
//! ahead when it was written and is right at the next start, the dispatch would wait for days. So it would if an operator has shortened the
//! schedule that it was put off by. So whatever waits longer than its handler's schedule can ask for is made due, at the start and
//! whenever handlers are replaced.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Worker, backoff, later};
use crate::inbox::StoreError;

/// Whether the handlers have been looked through.
#[derive(Debug, Default)]
pub(super) struct Stranded {
    are_looked_through: AtomicBool,
}

impl Stranded {
    /// Has the handlers looked through once more.
    pub(super) fn look_again(&self) {
        self.are_looked_through.store(false, Ordering::Release);
    }
}

impl Worker {
    /// Fetches back what would wait longer than anybody is made to wait, once for all these handlers.
    pub(super) async fn hasten(&self) -> Result<(), StoreError> {
        // Before it looks: if the handlers are replaced meanwhile, it looks again.
        if self.stranded.are_looked_through.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.hasten_all().await.inspect_err(|_| self.stranded.look_again())
    }

    async fn hasten_all(&self) -> Result<(), StoreError> {
        let now = self.clock.steady();
        for lane in self.lanes.load_full().values() {
            let latest = later(now, backoff::longest(&lane.retry));
            let hastened = self.store.hasten(&lane.name, latest, now).await?;
            if hastened > 0 {
                tracing::warn!(
                    handler.name = &*lane.name,
                    hastened,
                    "events were put off for longer than the retry schedule says, by a clock that stood wrong or by an earlier schedule; they \
                     are due now"
                );
            }
        }
        Ok(())
    }
}
