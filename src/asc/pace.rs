//! How fast we ask.
//!
//! Apple counts the requests of each key over a rolling hour and says in every answer how many are left
//! ([Identifying rate limits](https://developer.apple.com/documentation/appstoreconnectapi/identifying-rate-limits)). The key may be
//! shared with tools that are in a hurry, such as a release pipeline, so we are not: [`Pace`] hands out turns, a few at once and then at
//! a fixed interval, and stretches the interval when little is left. When Apple says *too many*, everybody waits.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// The part of the hour's requests below which we slow down: a tenth.
const LOW_WATER: u32 = 10;

/// The longest interval between two turns, however little is left.
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);

/// A wait for a turn from which on it is said in the log.
const LONG_WAIT: Duration = Duration::from_secs(10);

/// How much of Apple's allowance is left, as its last answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RateLimit {
    /// How many requests an hour may hold.
    pub limit: u32,
    /// How many of them are left.
    pub remaining: u32,
}

impl RateLimit {
    /// Reads the value of an `X-Rate-Limit` header: `user-hour-lim:3500;user-hour-rem:500;`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let number = |name| {
            let mut parts = value.split(';').filter_map(|part| part.split_once(':'));
            parts.find(|(key, _)| key.trim() == name)?.1.trim().parse().ok()
        };
        Some(Self { limit: number("user-hour-lim")?, remaining: number("user-hour-rem")? })
    }

    /// How much longer than usual the interval is to be: once while there is plenty, and from a tenth of the limit downwards the more the
    /// less is left.
    fn stretched(self, interval: Duration) -> Duration {
        let low = self.limit / LOW_WATER;
        if self.remaining >= low { interval } else { (interval.saturating_mul(low) / self.remaining.max(1)).min(LONGEST_INTERVAL) }
    }
}

/// Hands out turns to ask, to one after the other in the order in which they come; but many who ask for little things wait in a queue of
/// their own, of which only the first stands among the others. Whoever goes away while waiting takes no turn.
#[derive(Debug)]
pub(super) struct Pace {
    queue: tokio::sync::Mutex<()>,
    queue_of_many: tokio::sync::Mutex<()>,
    interval: Duration,
    /// How far ahead of the interval one may be: what a burst amounts to.
    allowance: Duration,
    /// Whether the log has been told that Apple makes everybody wait.
    is_told: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next turn would be if there were no bursts.
    due: Option<Instant>,
    /// When the last turn was taken.
    last: Option<Instant>,
    /// Until when nobody may ask.
    held_until: Option<Instant>,
    left: Option<RateLimit>,
}

impl Pace {
    /// A pace of one turn an interval, after `burst` turns at once.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self {
            queue: tokio::sync::Mutex::default(),
            queue_of_many: tokio::sync::Mutex::default(),
            interval,
            allowance: interval * burst.saturating_sub(1),
            is_told: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let _head_of_the_queue = self.queue.lock().await;
        // Apple may say "too many" to somebody else in the meantime.
        while let Err(start) = self.take(Instant::now()) {
            tokio::time::sleep_until(start).await;
        }
    }

    /// Waits for a turn as one of many, and lets everybody else go first.
    pub(super) async fn turn_of_many(&self) {
        let _first_of_many = self.queue_of_many.lock().await;
        self.turn().await;
    }

    /// Waits for a turn, as one of many or as somebody else. If it takes long and Apple is the reason, the first who waits says so.
    pub(super) async fn told_turn(&self, of_many: bool) {
        let turn = async { if of_many { self.turn_of_many().await } else { self.turn().await } };
        tokio::pin!(turn);
        if tokio::time::timeout(LONG_WAIT, &mut turn).await.is_err() {
            if self.wait().is_some() && !self.is_told.swap(true, Ordering::Relaxed) {
                let left = self.left().map(|limit| limit.remaining);
                tracing::info!(
                    asc.requests_left = left,
                    "going slowly: App Store Connect asks to wait, or has few requests left for this hour"
                );
            }
            turn.await;
        }
        if self.wait().is_none() {
            self.is_told.store(false, Ordering::Relaxed);
        }
    }

    /// Waits until an interval has passed since the last turn, so that the next one uses up nothing of a burst. Nobody takes a turn
    /// meanwhile, or it might never end.
    pub(super) async fn lull(&self) {
        let _head_of_the_queue = self.queue.lock().await;
        let last = self.state().last;
        if let Some(last) = last {
            tokio::time::sleep_until(last + self.interval).await;
        }
    }

    /// Takes note of what Apple says is left.
    pub(super) fn note(&self, left: RateLimit) {
        self.state().left = Some(left);
    }

    /// What Apple said last.
    pub(super) fn left(&self) -> Option<RateLimit> {
        self.state().left
    }

    /// How long until a turn can be had, if Apple is the reason: it said that there were too many requests, or that few are left.
    pub(super) fn wait(&self) -> Option<Duration> {
        let (now, state) = (Instant::now(), self.state());
        let is_slow = state.left.is_some_and(|left| left.stretched(self.interval) > self.interval);
        let due = state.due.filter(|_| is_slow).and_then(|due| due.checked_sub(self.allowance));
        let start = state.held_until.max(due)?;
        Some(start.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Lets nobody ask for a while.
    pub(super) fn hold(&self, wait: Duration) {
        let end = Instant::now() + wait;
        let mut state = self.state();
        state.held_until = state.held_until.max(Some(end));
    }

    /// Takes the turn, or says when it may be taken.
    fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.state();
        let due = state.due.unwrap_or(now).max(now);
        let start = due.checked_sub(self.allowance).unwrap_or(now).max(state.held_until.unwrap_or(now));
        if start > now {
            return Err(start);
        }
        let interval = state.left.map_or(self.interval, |left| left.stretched(self.interval));
        state.due = Some(due + interval);
        state.last = Some(now);
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<(u32, u32)>) {
        assert_eq!(RateLimit::parse(value), expected.map(|(limit, remaining)| RateLimit { limit, remaining }), "{value}");
    }

    #[test]
    fn the_header_is_read_and_anything_else_is_not() {
        check("user-hour-lim:3500;user-hour-rem:500;", Some((3500, 500)));
        check("user-hour-rem:0; user-hour-lim: 3600", Some((3600, 0)));
        check("user-hour-lim:3500;user-minute-rem:2;user-hour-rem:7", Some((3500, 7)));
        check("user-hour-lim:3500", None);
        check("user-hour-lim:3500;user-hour-rem:-1;", None);
        check("", None);
    }

    /// When each of `count` turns comes, in milliseconds.
    async fn turns(pace: &Pace, count: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..count {
            pace.turn().await;
            times.push(start.elapsed().as_millis());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_one_of_many_lets_others_go_first() {
        let pace = std::sync::Arc::new(Pace::new(Duration::from_secs(1), 1));
        let mut many = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let pace = std::sync::Arc::clone(&pace);
            many.spawn(async move { pace.turn_of_many().await });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        pace.lull().await;
        pace.turn().await;
        assert!(start.elapsed() <= Duration::from_secs(4), "{:?}", start.elapsed());
        assert!(std::iter::from_fn(|| many.try_join_next()).count() < 6);
        many.join_all().await;
        assert!(start.elapsed() >= Duration::from_secs(49), "everybody has had a turn of their own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_one_an_interval() {
        let pace = Pace::new(Duration::from_secs(1), 3);
        assert_eq!(turns(&pace, 6).await, [0, 0, 0, 1_000, 2_000, 3_000]);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(turns(&pace, 5).await, [0, 0, 0, 1_000, 2_000], "a pause earns a burst and no more");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_lull_leaves_the_burst_alone() {
        let pace = Pace::new(Duration::from_secs(1), 3);
        let start = Instant::now();
        for second in 0..4 {
            pace.lull().await;
            pace.turn().await;
            assert_eq!(start.elapsed().as_secs(), second, "one turn a second, from the first on");
        }
        assert_eq!(turns(&pace, 4).await, [0, 0, 1_000, 2_000], "others still have theirs");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_takes_no_turn() {
        let pace = Pace::new(Duration::from_secs(1), 1);
        pace.turn().await;
        let impatient = (0..50).map(|_| tokio::time::timeout(Duration::from_millis(500), pace.turn()));
        assert!(futures_util::future::join_all(impatient).await.iter().all(Result::is_err));
        assert_eq!(turns(&pace, 2).await, [500, 1_500]);
    }

    #[tokio::test(start_paused = true)]
    async fn little_left_stretches_the_interval() {
        for (remaining, seconds) in [(3_500, 1), (350, 1), (175, 2), (35, 10), (7, 50), (1, 60), (0, 60)] {
            let pace = Pace::new(Duration::from_secs(1), 1);
            pace.note(RateLimit { limit: 3_500, remaining });
            assert_eq!(turns(&pace, 3).await, [0, seconds * 1_000, seconds * 2_000], "{remaining} left");
            let wait = (seconds > 1).then(|| Duration::from_millis(u64::try_from(seconds * 1_000).unwrap()));
            assert_eq!(pace.wait(), wait, "our own pace is no wait that Apple asks for");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_makes_everybody_wait_even_those_in_the_queue() {
        let pace = Pace::new(Duration::from_secs(1), 1);
        pace.turn().await;
        let start = Instant::now();
        let waiting = async {
            pace.turn().await;
            start.elapsed()
        };
        let refused = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            pace.hold(Duration::from_secs(30));
        };
        let (waited, ()) = tokio::join!(waiting, refused);
        assert!(waited >= Duration::from_millis(30_500), "{waited:?}");
        assert_eq!(pace.wait(), None);
        pace.hold(Duration::from_secs(1));
        assert_eq!(pace.wait(), Some(Duration::from_secs(1)));
        assert!(turns(&pace, 1).await[0] >= 1_000);
    }
}
