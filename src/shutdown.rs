//! How the program stops: first softly, then at once.
//!
//! Every task is spawned through a [`Shutdown`], so none outlives the program unseen. [`Shutdown::begin`] asks for an end: no new
//! connection is accepted, no new work is claimed, what is under way may finish. [`Shutdown::cut_off`] ends what is left. The
//! time between the two is the grace period, and it belongs to whoever calls them.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

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

    /// Makes sure that what has begun comes to its end: a future that goes on in a task of its own when whoever polls it lets it
    /// go, even before the first poll. It costs less than a task from the start, which would be needed only then.
    ///
    /// It must not be polled again after it has ended: it would never answer.
    pub fn see_through<F>(&self, begun: F) -> SeenThrough<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        SeenThrough { rest: Some(Box::pin(begun)), tasks: self.tasks.clone(), _awaited: self.tasks.token() }
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

/// See [`Shutdown::see_through`].
#[must_use = "its answer is lost when it is not awaited: it then goes on in a task of its own"]
pub struct SeenThrough<T: Send + 'static> {
    /// What is left to do: none once it has ended, by itself or by a panic.
    rest: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    tasks: TaskTracker,
    _awaited: TaskTrackerToken,
}

impl<T: Send> fmt::Debug for SeenThrough<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenThrough").field("has_ended", &self.rest.is_none()).finish_non_exhaustive()
    }
}

impl<T: Send> Future for SeenThrough<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(mut rest) = self.rest.take() else { return Poll::Pending };
        let polled = rest.as_mut().poll(context);
        if polled.is_pending() {
            self.rest = Some(rest);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for SeenThrough<T> {
    fn drop(&mut self) {
        // Without a runtime there is nothing it could go on in.
        if let Some(rest) = self.rest.take()
            && let Ok(runtime) = Handle::try_current()
        {
            self.tasks.spawn_on(rest, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    };

    use tokio::sync::Semaphore;

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

    /// Work of two steps, between which it waits to be let on.
    fn steps(gate: &Arc<Semaphore>, done: &Arc<AtomicU8>) -> impl Future<Output = ()> + use<> {
        let (gate, done) = (Arc::clone(gate), Arc::clone(done));
        async move {
            done.fetch_add(1, Ordering::Relaxed);
            let _place = gate.acquire().await;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn what_has_begun_goes_on_when_nobody_waits_for_it_any_more() {
        let (shutdown, gate, done) = (Shutdown::new(), Arc::new(Semaphore::new(0)), Arc::new(AtomicU8::new(0)));
        let mut begun = shutdown.see_through(steps(&gate, &done));
        assert!(futures_util::poll!(&mut begun).is_pending());
        drop(begun);
        shutdown.begin();
        assert!(!shutdown.finished(Duration::from_millis(20)).await, "it is under way");
        gate.add_permits(1);
        assert!(shutdown.finished(Duration::from_secs(5)).await);
        assert_eq!(done.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_is_awaited_is_under_way_too_and_ends_once() {
        let (shutdown, gate, done) = (Shutdown::new(), Arc::new(Semaphore::new(0)), Arc::new(AtomicU8::new(0)));
        let mut begun = shutdown.see_through(steps(&gate, &done));
        assert!(futures_util::poll!(&mut begun).is_pending());
        shutdown.begin();
        assert!(!shutdown.finished(Duration::from_millis(20)).await, "it is under way");
        gate.add_permits(1);
        begun.await;
        assert!(shutdown.finished(Duration::from_secs(5)).await);
        assert_eq!(done.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_panicked_is_not_gone_on_with() {
        let shutdown = Shutdown::new();
        let begun = shutdown.see_through(async { assert!(std::hint::black_box(false), "as it should") });
        assert!(shutdown.spawn(begun).await.unwrap_err().is_panic());
        assert!(shutdown.finished(Duration::from_secs(5)).await);
    }

    #[test]
    fn without_a_runtime_it_ends_where_it_is() {
        let (shutdown, gate, done) = (Shutdown::new(), Arc::new(Semaphore::new(0)), Arc::new(AtomicU8::new(0)));
        drop(shutdown.see_through(steps(&gate, &done)));
        assert_eq!((done.load(Ordering::Relaxed), Arc::strong_count(&done)), (0, 1));
    }
}
