//! What a clock that stood wrong has put off.
//!
//! The time at which a dispatch falls due is a time of day, because the next process must understand it. If the machine's clock stood days
//! ahead when it was written and is right at the next start, the dispatch would wait for days. So whatever waits longer than the handler's
//! schedule can ask for is due at the start.

use super::{Worker, backoff, later};
use crate::inbox::StoreError;

impl Worker {
    /// Fetches back what would wait longer than anybody is made to wait.
    pub(super) async fn hasten(&self) -> Result<(), StoreError> {
        let now = self.clock.steady();
        for lane in self.lanes.load_full().values() {
            let latest = later(now, backoff::longest(&lane.retry));
            let hastened = self.store.hasten(&lane.name, latest, now).await?;
            if hastened > 0 {
                tracing::warn!(
                    handler.name = &*lane.name,
                    hastened,
                    "events were put off for longer than the retry schedule says, by a clock that stood wrong; they are due now"
                );
            }
        }
        Ok(())
    }
}
