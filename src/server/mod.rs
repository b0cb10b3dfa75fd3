//! The way in: an HTTP server that lets only Apple's notifications through, and only answers 200 once they are kept.
//!
//! Every route stands on this page. A request passes the connection's limits ([`listener`]), the layers (`layers`), and, if it
//! is posted to an endpoint, `receive`, which reads the body under limits, has the signature verified and hands authentic bytes
//! to the [`Intake`]. It never looks into them. What operators ask for is on a listener of its own.
//!
//! **Invariant:** no success status before the commit is on disk, and nothing in any answer that is not the same for everybody.

mod deadlines;
mod endpoints;
mod error;
mod health;
mod layers;
pub mod listener;
mod receive;
mod refusals;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{Router, extract::State, middleware::from_fn_with_state, response::IntoResponse as _, routing::get};
use tokio::sync::{Semaphore, watch};

use self::{endpoints::Endpoints, health::Readiness, refusals::Refusals};
pub use self::{
    error::Refused,
    listener::{Limits, serve},
};
use crate::{
    clock::Clock,
    config,
    inbox::{Store, StoreError},
    intake::Intake,
    secret::Secret,
    shutdown::Shutdown,
    telemetry::metrics::{self, Exposition},
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
    let routes = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .fallback(receive::receive)
        .with_state(receiver);
    layers::around(routes)
}

/// The operator's routes: figures, and the same two questions.
///
/// | route | answers |
/// |---|---|
/// | `GET /metrics` | every figure of [`telemetry::metrics`](crate::telemetry::metrics); 401 without the token, if one is configured |
/// | `GET /livez`, `GET /readyz` | as on the public listener, where everyone may ask: so no token |
/// | anything else | 404 |
pub fn admin_router(receiver: Arc<Receiver>, figures: Exposition, token: Option<Secret>) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(health::metrics))
        .with_state(figures)
        .route_layer(from_fn_with_state(token.map(Arc::new), health::require_token));
    let routes = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .fallback(async |State(_): State<Arc<Receiver>>| Refused::UnknownPath.into_response())
        .with_state(receiver)
        .merge(guarded);
    layers::around(routes)
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
    readiness: Readiness,
    refusals: Refusals,
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
        Arc::new(Self {
            endpoints: ArcSwap::from_pointee(Endpoints::new(endpoints)),
            intake,
            store,
            clock,
            shutdown: shutdown.clone(),
            max_body: limits.max_body,
            body_timeout: limits.body_timeout,
            max_in_flight: limits.max_in_flight,
            in_flight: Arc::new(Semaphore::new(limits.max_in_flight.min(Semaphore::MAX_PERMITS))),
            readiness: Readiness::default(),
            refusals: Refusals::new(shutdown.clone()),
            fatal: watch::Sender::new(None),
        })
    }

    /// Exchanges the endpoints and their secrets. Requests that are under way finish with those they began with.
    pub fn reload(&self, endpoints: &[config::Endpoint]) {
        self.endpoints.store(Arc::new(Endpoints::new(endpoints)));
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
        self.readiness.failed();
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
