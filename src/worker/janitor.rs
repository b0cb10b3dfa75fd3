//! Keeps the house in order while the worker works: gives back leases that ran out, removes receipts whose time is over, and
//! keeps the gauges true: also those of review, which come out of what is kept and not out of what this process has seen.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Notify, time::Instant};

use crate::{
    clock::Clock,
    event::EventKind,
    inbox::{DispatchState, Store, StoreError, history::HistoryFilter, query::PageRequest},
    review::{Journey, LAST, Times},
    shutdown::Shutdown,
    telemetry::metrics::{self, Reviewed},
};

/// How often leases are looked at and gauges are set.
const ROUND: Duration = Duration::from_secs(10);

/// How often receipts are looked at whose time may be over.
const PURGE_ROUND: Duration = Duration::from_hours(1);

/// How often the times of review are summed up, which change a few times a day.
const REVIEW_ROUND: Duration = Duration::from_mins(1);

/// The most apps whose times of review are summed up: those with the newest versions.
const MOST_APPS: usize = 50;

/// The kinds of event that tell of a review, and what each review is called.
const REVIEWS: [(EventKind, &str); 2] = [
    (EventKind::AppStoreVersionAppVersionStateUpdated, "app_store"),
    (EventKind::BuildBetaDetailExternalBuildStateUpdated, "beta"),
];

/// What the phases of a review are called.
const PHASES: [&str; 2] = ["waiting", "in_review"];

/// How many receipts one transaction removes, so that no notification waits long behind it.
const PURGE_BATCH: usize = 200;

/// When what is not done in every round is to be done again.
#[derive(Debug)]
struct Due {
    purge: Instant,
    review: Instant,
}

/// The tidying task.
#[derive(Debug)]
pub struct Janitor {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    work: Arc<Notify>,
    retention: Duration,
    /// The handlers that had figures at the last round: what has none any more is set to nothing, or it would be shown for ever.
    shown: BTreeSet<String>,
    /// The apps, each with a review, whose times were summed up last: those go the same way.
    reviewed: BTreeSet<(String, &'static str)>,
}

impl Janitor {
    /// Tidies `store`, removing what owes nothing and is older than `retention`, and tells of new work through `work`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, work: Arc<Notify>, retention: Duration) -> Self {
        Self { store, clock, work, retention, shown: BTreeSet::new(), reviewed: BTreeSet::new() }
    }

    /// Tidies until the end is asked for.
    ///
    /// # Errors
    /// When the store is broken, so that the program must end.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), StoreError> {
        let mut due = Due { purge: Instant::now(), review: Instant::now() };
        while !shutdown.has_begun() {
            if let Err(error) = self.round(&mut due, &shutdown).await {
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

    async fn round(&mut self, due: &mut Due, shutdown: &Shutdown) -> Result<(), StoreError> {
        let released = self.store.release_expired(self.clock.steady()).await?;
        if released > 0 {
            tracing::warn!(released, "leases ran out; their dispatches wait again");
            self.work.notify_one();
        }
        // Before the figures: one that cannot be had must not keep the store from being tidied.
        if Instant::now() >= due.purge {
            self.purge(shutdown).await?;
            due.purge = Instant::now() + PURGE_ROUND;
        }
        self.measure().await?;
        if Instant::now() >= due.review {
            self.measure_review().await?;
            due.review = Instant::now() + REVIEW_ROUND;
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
        let shown = stats.handlers.into_iter().map(|handler| handler.handler).collect();
        let before = std::mem::replace(&mut self.shown, shown);
        for handler in before.difference(&self.shown) {
            for state in DispatchState::ALL {
                metrics::dispatches(handler, state, 0);
            }
            metrics::oldest_open(handler, Duration::ZERO);
            metrics::handler_paused(handler, false);
        }
        Ok(())
    }

    async fn measure_review(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut reviewed = BTreeSet::new();
        for app in self.store.apps().await?.iter().take(MOST_APPS) {
            for (kind, review) in REVIEWS {
                let filter = HistoryFilter { kind: kind.as_str().to_owned(), app: Some(app.clone()) };
                let page = self.store.histories(&filter, PageRequest { before: None, limit: LAST }).await?;
                if page.items.is_empty() {
                    continue;
                }
                let times = Times::of(&page.items.iter().map(Journey::of).collect::<Vec<_>>());
                let told = [(times.waiting, times.waiting_since), (times.in_review, times.in_review_since)];
                for (phase, (median, since)) in PHASES.into_iter().zip(told) {
                    let present = since.map(|since| now.duration_since(since));
                    metrics::reviewed(&Reviewed { app, review, phase, median: median.seconds, rounds: median.rounds, present });
                }
                reviewed.insert((app.clone(), review));
            }
        }
        for (app, review) in self.reviewed.difference(&reviewed) {
            for phase in PHASES {
                metrics::reviewed(&Reviewed { app, review, phase, median: Some(0), rounds: 0, present: None });
            }
        }
        self.reviewed = reviewed;
        Ok(())
    }

    async fn purge(&self, shutdown: &Shutdown) -> Result<(), StoreError> {
        let retention = SignedDuration::try_from(self.retention).unwrap_or(SignedDuration::MAX);
        let before = self.clock.now().saturating_sub(retention).unwrap_or(Timestamp::MIN);
        let (mut removed, mut dead) = (0, 0);
        while !shutdown.has_begun() {
            let purged = self.store.purge(before, PURGE_BATCH).await?;
            removed += purged.receipts;
            dead += purged.dead;
            if !purged.more {
                break;
            }
        }
        if removed > 0 {
            tracing::info!(removed, "removed receipts older than the retention; their identities stay");
        }
        if dead > 0 {
            tracing::warn!(dead, "dead dispatches that nobody replayed or skipped were removed with their receipts");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        event::{Event, sample},
        inbox::{Arrival, memory::Memory},
        secret::Secret,
        signature::{Secrets, SigningKey, sign},
    };

    /// Keeps what these states tell of a subject, each with its hour.
    async fn tell(store: &dyn Store, kind: &EventKind, subject: &str, states: &[(&str, i64)]) {
        let secret = Secret::new("a secret for the tests of the janitor");
        let mut left: Option<&str> = None;
        for (state, hour) in states {
            let time = Timestamp::from_second(hour * 3_600).unwrap();
            let event = sample::of(kind).id(format!("{subject} {state}")).subject_id(subject).state(*state).time(time);
            let body = left.into_iter().fold(event, sample::Sample::previous_state).body();
            let header = sign(&secret, &body).to_string();
            let authentic = Secrets::new([SigningKey::new(&secret, "only")]).verify([header.as_bytes()], body, time).unwrap();
            let event = Event::parse(authentic.get().clone());
            store.accept(Arrival::new("my-app".into(), authentic, event.as_ref(), Vec::new(), time)).await.unwrap();
            left = Some(*state);
        }
    }

    #[test]
    fn the_times_of_review_come_out_of_what_is_kept() {
        let shown = scrape_after(async |store, mut janitor| {
            let [(version, _), (beta, _)] = REVIEWS;
            tell(store, &version, "v1", &[("WAITING_FOR_REVIEW", 0), ("IN_REVIEW", 10), ("REJECTED", 12)]).await;
            tell(store, &version, "v2", &[("WAITING_FOR_REVIEW", 50), ("IN_REVIEW", 70), ("REJECTED", 71)]).await;
            tell(store, &version, "v3", &[("WAITING_FOR_REVIEW", 90)]).await;
            tell(store, &beta, "b1", &[("WAITING_FOR_BETA_REVIEW", 0), ("IN_BETA_REVIEW", 4)]).await;
            janitor.measure_review().await.unwrap();
        });
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn an_app_of_which_nothing_is_kept_has_no_times_any_more() {
        let shown = scrape_after(async |store, mut janitor| {
            let [(version, _), _] = REVIEWS;
            tell(store, &version, "v1", &[("WAITING_FOR_REVIEW", 0), ("IN_REVIEW", 10)]).await;
            janitor.measure_review().await.unwrap();
            store.purge(Timestamp::MAX, PURGE_BATCH).await.unwrap();
            janitor.measure_review().await.unwrap();
        });
        assert_eq!(shown.len(), 6, "three figures of two phases: {shown:?}");
        assert!(shown.iter().all(|line| line.ends_with(" 0")), "{shown:?}");
    }

    /// What a scrape shows of review after something has happened in a store, in the hundredth hour.
    fn scrape_after(happen: impl AsyncFnOnce(&Memory, Janitor)) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (store, clock) = (Arc::new(Memory::new()), Arc::new(ManualClock::new(Timestamp::from_second(360_000).unwrap())));
        let janitor = Janitor::new(Arc::clone(&store) as Arc<dyn Store>, clock, Arc::default(), Duration::MAX);
        let shown = metrics::tests::scrape_after(|| runtime.block_on(happen(&store, janitor)));
        let mut values: Vec<_> = shown.lines().filter(|line| line.starts_with("asc_webhooks_review")).map(str::to_owned).collect();
        values.sort_unstable();
        values
    }
}
