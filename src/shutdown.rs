//! How the program stops: first softly, then at once.
//!
//! Every task is spawned through a [`Shutdown`], so none outlives the program unseen. [`Shutdown::begin`] asks for an end: no new
//! connection is accepted, no new work is claimed, what is under way may finish. [`Shutdown::cut_off`] ends what is left. The
//! time between the two is the grace period, and it belongs to whoever calls them.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A handle on the program's end, shared by all its parts.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A program that is running.
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task that [`Shutdown::finished`] waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Asks for the end: take on nothing new.
    pub fn begin(&self) {
        self.soft.cancel();
        self.tasks.close();
    }

    /// Ends the grace period: stop where you are.
    pub fn cut_off(&self) {
        self.begin();
        self.hard.cancel();
    }

    /// Whether the end has been asked for.
    pub fn has_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Resolves when the end is asked for.
    pub async fn begun(&self) {
        self.soft.cancelled().await;
    }

    /// A token that is cancelled when the grace period is over.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Waits until every task has ended, for at most `patience`; says whether they all have.
    pub async fn finished(&self, patience: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_what_is_under_way_and_no_longer_than_asked() {
        let shutdown = Shutdown::new();
        shutdown.spawn(tokio::time::sleep(Duration::from_secs(5)));
        shutdown.begin();
        assert!(shutdown.has_begun());
        assert!(!shutdown.finished(Duration::from_secs(1)).await, "a task of five seconds is not done after one");
        assert!(shutdown.finished(Duration::from_secs(10)).await);
    }
}
