//! Takes authentic bytes in: parse, route, keep, wake the workers.
//!
//! A notification that Apple pushed and one that was fetched back after it was missed go the same way from here on, so this is shared
//! by the server and by recovery. It only takes [`Received`] bytes, and reads them as what may come by the way they came: what nobody
//! signed can only become an event of a family that nobody signs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::{sync::Notify, time::Instant};

use crate::{
    clock::Clock,
    event::{Event, NotAnEvent},
    handler::route::{Routes, Taken},
    inbox::{Accepted, Arrival, Content, Identity, Owed, ReceiptId, Received, Source, Store, StoreError, Unread},
    plain,
    telemetry::metrics::{self, TakenIn},
};

/// The way in.
#[derive(Debug)]
pub struct Intake {
    store: Arc<dyn Store>,
    routes: ArcSwap<Routes>,
    clock: Arc<dyn Clock>,
    work: Arc<Notify>,
}

impl Intake {
    /// A way into `store`. `work` is notified when there is something to do.
    pub fn new(store: Arc<dyn Store>, routes: Routes, clock: Arc<dyn Clock>, work: Arc<Notify>) -> Self {
        Self { store, routes: ArcSwap::from_pointee(routes), clock, work }
    }

    /// Replaces the routes for what arrives from now on.
    pub fn reroute(&self, routes: Routes) {
        self.routes.store(Arc::new(routes));
    }

    /// Keeps what has arrived at an endpoint, with a dispatch for every handler it is owed to.
    ///
    /// # Errors
    /// When the store could not commit it: then nothing was kept, and whoever sent it must be told so.
    pub async fn take_in(&self, endpoint: &Arc<str>, received: impl Into<Received> + Send) -> Result<Accepted, StoreError> {
        self.keep(self.read(endpoint, received.into())).await
    }

    /// Reads what has arrived at an endpoint: the first half of [`take_in`](Self::take_in), which waits for nobody, but is work. Where
    /// others wait for the thread, what is large is better read on another.
    pub fn read(&self, endpoint: &Arc<str>, received: Received) -> Ready {
        let at = Instant::now();
        let parsed = received.read();
        let owed = parsed.as_ref().map(|event| self.owed(endpoint, event)).unwrap_or_default();
        let mut arrival = Arrival::new(Arc::clone(endpoint), received, parsed.as_ref(), owed, self.clock.now());
        arrival.due_at = self.clock.steady();
        Ready { at, parsed, arrival }
    }

    /// Keeps what was read: the second half of [`take_in`](Self::take_in), which waits for the store.
    ///
    /// # Errors
    /// When the store could not commit it: then nothing was kept.
    pub fn keep(&self, ready: Ready) -> impl Future<Output = Result<Accepted, StoreError>> + Send {
        let Ready { at, parsed, arrival } = ready;
        let (endpoint, is_owed) = (Arc::clone(&arrival.endpoint), !arrival.owed.is_empty());
        let is_fetched = arrival.way.source() == Source::Recovered;
        // Begun out here: what the store is given is not carried through the wait for it as well, since every notification waits there.
        let accepting = self.store.accept(arrival);
        async move {
            let accepted = accepting.await?;
            // Recovery looks at everything that Apple lists. That most of it is known is no notification taken in.
            if !(is_fetched && accepted == Accepted::Known) {
                metrics::accept_took(at.elapsed());
                tell(&endpoint, &parsed, accepted);
            }
            if is_owed && matches!(accepted, Accepted::New { .. }) {
                self.work.notify_one();
            }
            Ok(accepted)
        }
    }

    /// Tries again to read every receipt that is kept unparsed: a newer version may understand what an older one did not.
    /// Returns how many became events, and how many were tried.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reparse(&self) -> Result<Reparsed, StoreError> {
        let mut done = Reparsed::default();
        let mut after: Option<ReceiptId> = None;
        loop {
            let batch = self.store.unparsed(after, 100).await?;
            let Some(last) = batch.last() else { break };
            after = Some(last.id);
            for Unread { id, endpoint, source, body } in batch {
                done.tried += 1;
                let Ok(event) = source.read(body) else { continue };
                let (content, identity) = (Content::from(Ok(&event)), Identity::of_event(&endpoint, &event));
                let owed = self.owed(&endpoint, &event);
                let changed = self.store.reparsed(id, content, identity, owed, self.clock.steady()).await?;
                done.events += u64::from(changed);
            }
        }
        self.work.notify_one();
        Ok(done)
    }

    fn owed(&self, endpoint: &str, event: &Event) -> Vec<Owed> {
        let routes = self.routes.load();
        let owed = |Taken { route, doubts }: Taken<'_>| {
            for doubt in doubts {
                doubt.tell(&route.handler, event);
            }
            Owed { handler: Arc::clone(&route.handler), in_order: route.in_order }
        };
        routes.matching(endpoint, event).map(owed).collect()
    }
}

/// What has arrived, read and ready to be kept.
#[derive(Debug)]
pub struct Ready {
    at: Instant,
    parsed: Result<Event, NotAnEvent>,
    arrival: Arrival,
}

/// What came of trying again to read unparsed receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reparsed {
    /// How many were tried.
    pub tried: u64,
    /// How many are events now.
    pub events: u64,
}

/// Counts what was taken in, and logs what an operator should know of it.
fn tell(endpoint: &str, parsed: &Result<Event, NotAnEvent>, accepted: Accepted) {
    let result = match (accepted, parsed) {
        (Accepted::Known, _) => TakenIn::Known,
        (Accepted::New { .. }, Err(_)) => TakenIn::Unparsed,
        (Accepted::New { same_id: true, .. }, Ok(_)) => TakenIn::SameId,
        (Accepted::New { .. }, Ok(_)) => TakenIn::New,
    };
    metrics::accepted(endpoint, parsed.as_ref().ok().map(|event| &event.kind), result);
    let Accepted::New { receipt, same_id } = accepted else { return };
    match parsed {
        Err(error) => tracing::warn!(
            receipt.id = receipt.0,
            endpoint.name = endpoint,
            reason = plain::short(&error.to_string()),
            "kept bytes that were let in and are not an event; `events reparse` tries again after an upgrade"
        ),
        Ok(event) if same_id => tracing::warn!(
            receipt.id = receipt.0,
            endpoint.name = endpoint,
            event.id = plain::short(&event.id),
            event.kind = plain::short(event.kind.as_str()),
            "kept an event whose id is known with other content"
        ),
        Ok(event) => tracing::debug!(
            receipt.id = receipt.0,
            endpoint.name = endpoint,
            event.id = plain::short(&event.id),
            event.kind = plain::short(event.kind.as_str()),
            "kept"
        ),
    }
}
