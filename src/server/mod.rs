//! The way in: an HTTP server that lets only Apple's notifications through, and only answers 200 once they are kept.
//!
//! Every route stands on this page. A request passes the connection's limits ([`listener`]), the layers (`layers`), and, if it
//! is posted to an endpoint, `receive`, which reads the body under limits, has the signature verified and hands authentic bytes
//! to the [`Intake`]. It never looks into them. What operators ask for is on a listener of its own.
//!
//! **Invariant:** no success status before the commit is on disk, and nothing in any answer that is not the same for everybody.

mod admin;
mod bare;
mod deadlines;
mod endpoints;
mod error;
mod health;
mod layers;
pub mod listener;
mod receive;
mod refusals;

use std::{convert::Infallible, fmt, future::Future, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{Router, routing::get};
use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, watch};
use tower::service_fn;

pub use self::{
    admin::{
        Access, Desk, Live,
        apple::{Apple, Delivered, Deliveries, Planned, PlannedItem, Registered, Registrations, Trouble, TroubleKind},
        handlers::Handlers,
        pages,
    },
    error::Refused,
    listener::{Limits, serve},
    refusals::Refusals,
};
use self::{endpoints::Endpoints, health::Readiness};
use crate::{
    clock::Clock,
    config,
    inbox::{Store, StoreError},
    intake::Intake,
    shutdown::Shutdown,
    telemetry::metrics,
};

/// The public routes: every endpoint, and two questions about our health.
///
/// | route | answers |
/// |---|---|
/// | `POST` on the path of an endpoint | 200 once the notification is kept; else what [`Refused`] says |
/// | `GET /livez` | 200 as long as the program turns |
/// | `GET /readyz` | 200 if notifications can be kept, else 503 |
/// | anything else | 404, or 405 with `Allow` |
///
/// Endpoints are found when a request comes, so that a reload may add, move or remove them. Inside another axum application, nest this
/// router: [`Router::nest`] keeps its answer to unknown paths apart from the application's. The limits on bodies (size, time, number in
/// flight) hold there too; those on connections and on heads are the concern of whoever listens.
pub fn router(receiver: Arc<Receiver>) -> Router {
    let reception = Arc::clone(&receiver);
    // A service and not a handler: what a handler needs to take a request apart would be carried through the wait for the store.
    let receive = service_fn(move |request| receive::receive(Arc::clone(&reception), request).map(Ok::<_, Infallible>));
    layers::around(health_routes().with_state(receiver).fallback_service(receive))
}

fn health_routes() -> Router<Arc<Receiver>> {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .method_not_allowed_fallback(health::only_asked)
}

/// The operator's routes: a page, its API, figures, and the same two questions.
///
/// | route | answers |
/// |---|---|
/// | `GET /livez`, `GET /readyz` | as on the public listener, where everyone may ask: so no token |
/// | `GET /metrics` | every figure of [`telemetry::metrics`](crate::telemetry::metrics); 401 without a token, if one is configured |
/// | `/api/v1/…` | what `GET /api/v1/openapi.json` describes; 401 without a token |
/// | `/`, `/events`, `/handlers`, … | the page; the form to log in with, if nobody is |
/// | anything else | 404 |
pub fn admin_router(receiver: Arc<Receiver>, desk: Arc<Desk>) -> Router {
    layers::around(admin::router(desk).merge(health_routes().with_state(receiver)))
}

/// What the routes share: the endpoints, the way into the store, and the limits.
pub struct Receiver {
    endpoints: ArcSwap<Endpoints>,
    intake: Arc<Intake>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    max_body: usize,
    body_timeout: Duration,
    max_in_flight: usize,
    in_flight: Arc<Semaphore>,
    /// Room for bodies of which nothing is proven, in KiB.
    unproven: Arc<Semaphore>,
    readiness: Readiness,
    refusals: Arc<Refusals>,
    fatal: watch::Sender<Option<StoreError>>,
}

impl Receiver {
    /// A receiver of notifications to these endpoints.
    ///
    /// `store` is the one that `intake` keeps them in: it is asked whether it works. When `shutdown` begins, requests are refused with
    /// 503. Install the recorder of figures before, if there is to be one.
    pub fn new(
        endpoints: &[config::Endpoint],
        limits: &config::Server,
        intake: Arc<Intake>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let refusals = Arc::new(Refusals::new(clock.now(), shutdown.clone()));
        Arc::new(Self {
            endpoints: ArcSwap::from_pointee(Endpoints::new(endpoints, &refusals)),
            intake,
            store,
            clock,
            shutdown: shutdown.clone(),
            max_body: limits.max_body,
            body_timeout: limits.body_timeout,
            max_in_flight: limits.max_in_flight,
            in_flight: Arc::new(Semaphore::new(limits.max_in_flight.min(Semaphore::MAX_PERMITS))),
            unproven: receive::room_for_unproven(limits.max_body),
            readiness: Readiness::default(),
            refusals,
            fatal: watch::Sender::new(None),
        })
    }

    /// Exchanges the endpoints and their secrets. Requests that are under way finish with those they began with.
    pub fn reload(&self, endpoints: &[config::Endpoint]) {
        self.endpoints.store(Arc::new(Endpoints::new(endpoints, &self.refusals)));
        self.refusals.forget_all_but(|name| endpoints.iter().any(|endpoint| *endpoint.name == *name));
    }

    /// Notes which endpoints have received something before this program started: so it is told of when signatures fail from now on.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub async fn recall(&self) -> Result<(), StoreError> {
        let stats = self.store.stats(self.clock.now()).await?;
        for endpoint in stats.endpoints.iter().filter(|stats| stats.newest.is_some()) {
            self.refusals.of(&Arc::from(endpoint.endpoint.as_str())).took_in_new();
        }
        Ok(())
    }

    /// What is known of requests that were refused.
    pub fn refusals(&self) -> &Arc<Refusals> {
        &self.refusals
    }

    /// Resolves once the store says that it can no longer be trusted: the process must end, because only a fresh start can mend it.
    pub fn fatal(&self) -> impl Future<Output = StoreError> + Send + use<> {
        let mut told = self.fatal.subscribe();
        async move {
            loop {
                if let Some(error) = told.borrow_and_update().clone() {
                    return error;
                }
                if told.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    fn note_store_error(&self, error: &StoreError) {
        metrics::store_failed(error);
        self.readiness.failed(self.clock.steady());
        if error.is_fatal() {
            self.fatal.send_replace(Some(error.clone()));
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("endpoints", &self.endpoints.load()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
