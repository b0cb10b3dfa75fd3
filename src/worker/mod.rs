//! Gets dispatches done: claim, handle, record, until each is done or dead.
//!
//! One task claims work for every handler that has room, and spawns a task for each attempt. An attempt is bounded by the handler's
//! time-out and isolated from all others: a panic, a hang or an error ends that attempt only. What came of it is recorded under
//! the lease it was claimed with; a failed one waits as the retry schedule says, and is dead when that is used up.
//!
//! No transaction is open while a handler runs. If the process dies, its leases are void and the work is claimed again.

pub mod backoff;
mod call;
mod end;
mod hold;
pub mod janitor;
mod kept;
mod lane;
mod stranded;
pub mod trial;
mod under_way;

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

pub use self::lane::Lane;
use self::{
    call::call,
    end::End,
    hold::Holds,
    kept::InStore,
    stranded::Stranded,
    under_way::{Counted, UnderWay},
};
use crate::{
    clock::Clock,
    config::Enrich,
    enrichment::{Enrichment, Known},
    event::{Details, Event},
    handler::{Context, HandlerError},
    inbox::{AttemptResult, Claim, Claimed, Finish, Room, Source, Store, StoreError, Verdict},
    plain,
    shutdown::Shutdown,
    telemetry::metrics,
};

/// How long a lease outlasts the handler's time-out: time to record the result even when the store is slow.
const LEASE_MARGIN: Duration = Duration::from_mins(1);

/// How many attempts are made beyond the schedule for those that did not end, because the process was killed or the lease ran out. Without a
/// bound, an event that takes the process down with it would do so for ever.
const BEYOND: u32 = 2;

/// How often to look for work that nobody announced: replays, and what other commands make.
const POLL: Duration = Duration::from_secs(1);

/// How long nothing must be announced before the store is asked when the next dispatch falls due.
const LULL: Duration = Duration::from_millis(5);

/// How long to wait before asking a store again that could not answer.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// The part of the program that handles events.
#[derive(Debug)]
pub struct Worker {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    work: Arc<Notify>,
    lanes: ArcSwap<HashMap<Arc<str>, Arc<Lane>>>,
    enrichment: Option<Arc<Enrichment>>,
    under_way: UnderWay,
    holds: Holds,
    stranded: Stranded,
}

impl Worker {
    /// A worker on `store` that is told of new work through `work`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, work: Arc<Notify>, lanes: Vec<Lane>) -> Self {
        let lanes = ArcSwap::from_pointee(by_name(lanes));
        let (under_way, holds, stranded) = (UnderWay::default(), Holds::default(), Stranded::default());
        Self { store, clock, work, lanes, enrichment: None, under_way, holds, stranded }
    }

    /// The same with details of events, for the handlers that are to have them.
    #[must_use]
    pub fn enriched(mut self, enrichment: Option<Arc<Enrichment>>) -> Self {
        self.enrichment = enrichment;
        self
    }

    /// Replaces the handlers. Attempts that are under way end as they began, and count towards the concurrency of the handler that
    /// now has their name.
    pub fn replace(&self, lanes: Vec<Lane>) {
        self.lanes.store(Arc::new(by_name(lanes)));
        self.stranded.look_again();
        self.holds.lift();
        self.work.notify_one();
    }

    /// For how much longer a handler is given nothing, because its other side asked to wait; none if it is not so.
    pub fn held_for(&self, handler: &str) -> Option<Duration> {
        let now = self.clock.steady();
        Duration::try_from(self.holds.until(handler, now)?.duration_since(now)).ok()
    }

    /// Claims and handles until the end is asked for; attempts that are under way then go on in tasks of their own.
    ///
    /// # Errors
    /// When the store is broken, so that the program must end.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> Result<(), StoreError> {
        while !shutdown.has_begun() {
            let round = async {
                self.hasten().await?;
                let names = self.claim(&shutdown).await?;
                self.rest(&names, &shutdown).await
            };
            if let Err(error) = round.await {
                metrics::store_failed(&error);
                if error.is_fatal() {
                    return Err(error);
                }
                tracing::error!(error = %error, "could not claim work; trying again");
                self.wait(STORE_PAUSE, &shutdown).await;
            }
        }
        Ok(())
    }

    /// Claims as much as there is room for, and starts it. Returns the handlers that had room.
    async fn claim(self: &Arc<Self>, shutdown: &Shutdown) -> Result<Vec<Arc<str>>, StoreError> {
        let (lanes, now) = (self.lanes.load_full(), self.clock.steady());
        let handlers: Vec<Room> = lanes
            .values()
            .filter(|lane| self.holds.until(&lane.name, now).is_none())
            .map(|lane| Room {
                handler: Arc::clone(&lane.name),
                slots: lane.concurrency.saturating_sub(self.under_way.of(&lane.name)),
                lease: lane.timeout + self.patience() + LEASE_MARGIN,
            })
            .filter(|room| room.slots > 0)
            .collect();
        let names: Vec<_> = handlers.iter().map(|room| Arc::clone(&room.handler)).collect();
        if !handlers.is_empty() {
            for claimed in self.store.claim(Claim { handlers, now }).await? {
                self.start(&lanes, claimed, shutdown).await;
            }
        }
        Ok(names)
    }

    /// Waits until there may be something to claim: what could be claimed was, so it must come, fall due, or find room.
    async fn rest(&self, names: &[Arc<str>], shutdown: &Shutdown) -> Result<(), StoreError> {
        // While one piece of work follows the other, nobody has to ask the store when the next falls due.
        if tokio::time::timeout(LULL, self.work.notified()).await.is_err() {
            let due = tokio::select! {
                due = self.store.next_due(names) => due?,
                // The store has a few readers, which may all be busy with what people ask.
                () = self.work.notified() => return Ok(()),
            };
            let until_due = due.map(|due| Duration::try_from(due.duration_since(self.clock.steady())).unwrap_or(Duration::ZERO));
            // What is due and was not claimed waits for its turn, so asking again at once would only spin.
            self.wait(until_due.filter(|wait| !wait.is_zero()).map_or(POLL, |wait| wait.min(POLL)), shutdown).await;
        }
        Ok(())
    }

    async fn wait(&self, pause: Duration, shutdown: &Shutdown) {
        tokio::select! {
            () = self.work.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = shutdown.begun() => {}
        }
    }

    async fn start(self: &Arc<Self>, lanes: &HashMap<Arc<str>, Arc<Lane>>, claimed: Claimed, shutdown: &Shutdown) {
        let (worker, stop) = (Arc::clone(self), shutdown.clone());
        match lanes.get(&claimed.handler).map(Arc::clone) {
            Some(lane) if !shutdown.has_begun() => {
                // Counted before the next claim is made, which must know of it.
                let counted = self.under_way.begin(&lane.name);
                shutdown.spawn(async move { worker.attempt(&lane, counted, claimed, &stop).await });
            }
            _ => {
                self.record(
                    Finish { lease: claimed.lease, started_at: self.clock.now(), took: Duration::ZERO, verdict: Verdict::PutBack },
                    shutdown,
                )
                .await;
            }
        }
    }

    async fn attempt(&self, lane: &Lane, counted: Counted, claimed: Claimed, shutdown: &Shutdown) {
        let prepared = self.prepare(lane, &claimed, shutdown).await;
        let (started_at, started) = (self.clock.now(), tokio::time::Instant::now());
        let end = match prepared {
            Ok((event, details)) => self.handle(lane, &claimed, event, details, shutdown).await,
            Err(end) => end,
        };
        let took = started.elapsed();
        self.hold(lane, &end);
        let for_log = if let End::Failed(failure) = &end { failure.for_log() } else { None };
        let verdict = end.verdict(&lane.retry, claimed.attempt, self.clock.steady(), chance);
        match &verdict {
            Verdict::Done => metrics::attempt(&lane.name, AttemptResult::Ok, took),
            Verdict::PassedOver => metrics::attempt(&lane.name, AttemptResult::PassedOver, took),
            Verdict::Retry { result, .. } | Verdict::Dead { result, .. } => metrics::attempt(&lane.name, *result, took),
            // It leaves no trace in the history either.
            Verdict::PutBack => {}
        }
        self.tell(lane, &claimed, &verdict, for_log.as_deref());
        // The result goes first, and with it the claim of the next, so that they share a transaction.
        let make_room = async {
            drop(counted);
            self.work.notify_one();
        };
        tokio::join!(biased; self.record(Finish { lease: claimed.lease, started_at, took, verdict }, shutdown), make_room);
        // A later one of the same subject may have had to wait for this result.
        self.work.notify_one();
    }

    /// What the handler is to be called with: the event, and what is known of it. Or how the attempt ends without a call.
    async fn prepare(
        &self,
        lane: &Lane,
        claimed: &Claimed,
        shutdown: &Shutdown,
    ) -> Result<(Arc<Event>, Option<Arc<Details>>), End> {
        if claimed.attempt > backoff::attempts(&lane.retry).saturating_add(BEYOND) {
            return Err(End::NoneLeft);
        }
        let event = Arc::new(claimed.receipt.source.read(claimed.body.clone()).map_err(HandlerError::reject)?);
        let known = tokio::select! {
            biased;
            known = self.details(lane, claimed, &event, shutdown) => known?,
            () = shutdown.hard().cancelled() => return Err(End::CutOff),
        };
        let details = known.as_ref().map(|known| &*known.details);
        let unknown = known.as_ref().map_or(Some("App Store Connect is not asked"), |known| known.missing.as_deref());
        match lane.when.as_ref().map(|when| when.holds(&claimed.receipt.endpoint, &event, details, unknown)) {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => return Err(End::PassedOver),
            Some(Err(doubt)) => doubt.tell(&lane.name, &event),
        }
        Ok((event, known.map(|known| known.details)))
    }

    async fn handle(
        &self,
        lane: &Lane,
        claimed: &Claimed,
        event: Arc<Event>,
        details: Option<Arc<Details>>,
        shutdown: &Shutdown,
    ) -> End {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let kept = InStore { store, clock, receipt: claimed.receipt.id, handler: Arc::clone(&lane.name) };
        let context = Context { kept: Some(Arc::new(kept)), details, ..context(claimed, shutdown) };
        tokio::select! {
            biased;
            answer = call(&lane.handler, event, context, lane.timeout) => answer.map_or_else(End::Failed, |()| End::Done),
            () = shutdown.hard().cancelled() => End::CutOff,
        }
    }

    /// What the handler is told of the event's subject: after a while whatever is known, unless it must know all. None if nobody is asked.
    async fn details(
        &self,
        lane: &Lane,
        claimed: &Claimed,
        event: &Arc<Event>,
        shutdown: &Shutdown,
    ) -> Result<Option<Known>, HandlerError> {
        // Nobody is sent to Apple with ids that nobody signed.
        let may_ask = lane.enrich != Enrich::Off && !event.kind.family().is_unsigned();
        let Some(enrichment) = self.enrichment.as_ref().filter(|_| may_ask) else { return Ok(None) };
        let known = enrichment.details(&claimed.receipt, event, claimed.details.as_ref(), shutdown).await;
        match &known.missing {
            Some(missing) if lane.enrich == Enrich::Required => {
                Err(HandlerError::retry(format!("the details of the event are required and not all known: {missing}")))
            }
            _ => Ok(Some(known)),
        }
    }

    /// Gives the handler nothing for a while, if that is what its other side asks for.
    fn hold(&self, lane: &Lane, end: &End) {
        let End::Failed(failure) = end else { return };
        if let Some(wait) = failure.after().and_then(|asked| self.holds.hold(&lane.name, asked, self.clock.steady())) {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or_default();
            tracing::warn!(
                handler.name = &*lane.name,
                wait_ms,
                "the other side asks to wait; until then the handler is given nothing"
            );
        }
    }

    fn patience(&self) -> Duration {
        self.enrichment.as_ref().map_or(Duration::ZERO, |enrichment| enrichment.patience())
    }

    /// Records a result, however long the store makes us wait: giving up would run the handler again.
    async fn record(&self, finish: Finish, shutdown: &Shutdown) {
        loop {
            let error = match self.store.finish(finish.clone()).await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::warn!(dispatch.id = finish.lease.dispatch.0, "the lease ran out before the result was recorded");
                    return;
                }
                Err(error) => error,
            };
            metrics::store_failed(&error);
            tracing::error!(dispatch.id = finish.lease.dispatch.0, error = %error, "could not record a result");
            if error.is_fatal() || shutdown.hard().is_cancelled() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(STORE_PAUSE) => {}
                () = shutdown.hard().cancelled() => {}
            }
        }
    }

    fn tell(&self, lane: &Lane, claimed: &Claimed, verdict: &Verdict, for_log: Option<&str>) {
        let (receipt, handler, number) = (claimed.receipt.id, &*lane.name, claimed.attempt);
        match verdict {
            Verdict::Done => tracing::debug!(receipt.id = receipt.0, handler.name = handler, attempt.number = number, "handled"),
            Verdict::PassedOver => tracing::debug!(
                receipt.id = receipt.0,
                handler.name = handler,
                handler.when = lane.when.as_ref().map(|when| plain::short(when.as_str())),
                attempt.number = number,
                "passed over, because its `when` is not true"
            ),
            Verdict::Retry { due_at, error, .. } => {
                let wait = SignedDuration::max(due_at.duration_since(self.clock.steady()), SignedDuration::ZERO);
                tracing::warn!(
                    receipt.id = receipt.0,
                    handler.name = handler,
                    attempt.number = number,
                    error = plain::short(for_log.unwrap_or(error)),
                    wait_ms = u64::try_from(wait.as_millis()).unwrap_or_default(),
                    "attempt failed; it is made again"
                );
            }
            Verdict::Dead { error, .. } => tracing::error!(
                receipt.id = receipt.0,
                handler.name = handler,
                attempt.number = number,
                error = plain::short(for_log.unwrap_or(error)),
                "dispatch is dead; `events replay` tries it again"
            ),
            Verdict::PutBack => {}
        }
    }
}

fn by_name(lanes: Vec<Lane>) -> HashMap<Arc<str>, Arc<Lane>> {
    lanes.into_iter().map(|lane| (Arc::clone(&lane.name), Arc::new(lane))).collect()
}

fn context(claimed: &Claimed, shutdown: &Shutdown) -> Context {
    Context {
        handler: Arc::clone(&claimed.handler),
        endpoint: claimed.receipt.endpoint.as_str().into(),
        receipt: claimed.receipt.id.0,
        received_at: claimed.receipt.received_at,
        recovered: claimed.receipt.source == Source::Recovered,
        signature: claimed.receipt.signature.clone(),
        idempotency_key: format!("evt_{}_{}", claimed.receipt.identity, claimed.handler).into(),
        attempt: claimed.attempt,
        details: None,
        kept: None,
        is_test: false,
        cancelled: shutdown.hard().clone(),
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}

/// A number from 0 to 1. Without random bytes the wait is merely not shortened.
fn chance() -> f64 {
    getrandom::u32().map_or(0.0, |number| f64::from(number) / f64::from(u32::MAX))
}
