//! A whole program in this process: configuration text, handlers of the test, a store, and a clock that the test turns.
//!
//! Notifications go in over the real router. Nothing here measures time: waiting is for something that must become true.

use std::{fs, sync::Arc, time::Duration};

use asc_webhooks::{
    App, Registry,
    clock::{Clock, ManualClock},
    config::{self, Loaded, Problems, Sources},
    inbox::{
        DispatchState, ReceiptId, Store,
        memory::Memory,
        query::{DispatchRecord, ReceiptRecord},
    },
    secret::Secret,
    signature::sign,
};
use axum::{Router, body::Body};
use bytes::Bytes;
use http::Request;
use tower::ServiceExt as _;

/// The secret of the endpoint `app`, at `/app`.
pub(crate) const SECRET: &str = "the secret of these tests";

/// When every test begins.
const BEGIN: &str = "2026-03-02T09:30:00Z";

/// A program of a test.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
}

impl Running {
    /// A program with these `[[handler]]` blocks that keeps what it takes in and handles nothing yet.
    pub(crate) fn idle(handlers: &str, registry: &Registry) -> Self {
        Self::on(Arc::new(Memory::new()), handlers, registry)
    }

    /// The same, handling at once.
    pub(crate) fn start(handlers: &str, registry: &Registry) -> Self {
        let running = Self::idle(handlers, registry);
        running.work();
        running
    }

    /// Begins to handle. Should a part of the program die, nothing says so, and what the test waits for does not come.
    pub(crate) fn work(&self) {
        drop(self.app.work());
    }

    /// A program on a store of one's own, that handles nothing yet.
    pub(crate) fn on(store: Arc<dyn Store>, handlers: &str, registry: &Registry) -> Self {
        let clock = Arc::new(ManualClock::new(BEGIN.parse().unwrap()));
        let by: Arc<dyn Clock> = clock.clone();
        let app = App::with_store(&loaded(SECRET, handlers).unwrap(), registry, store, by).unwrap();
        Self { app, clock }
    }

    /// A program whose clock is not the test's to turn, that handles nothing yet.
    pub(crate) fn by(clock: impl FnOnce(ManualClock) -> Arc<dyn Clock>, handlers: &str, registry: &Registry) -> Self {
        let by = clock(ManualClock::new(BEGIN.parse().unwrap()));
        let app = App::with_store(&loaded(SECRET, handlers).unwrap(), registry, Arc::new(Memory::new()), by).unwrap();
        Self { app, clock: Arc::new(ManualClock::new(BEGIN.parse().unwrap())) }
    }

    /// Posts a body to an endpoint, signed; answers with the status.
    pub(crate) async fn post(&self, path: &str, secret: &str, body: Bytes) -> u16 {
        post(self.app.router(), path, secret, body).await
    }

    /// Takes a notification in at `app`, and answers once it is kept.
    pub(crate) async fn take_in(&self, body: Bytes) {
        assert_eq!(self.post("/app", SECRET, body).await, 200);
    }

    pub(crate) async fn receipt(&self, number: i64) -> ReceiptRecord {
        self.app.store().receipt(ReceiptId(number)).await.unwrap().expect("the receipt is kept")
    }

    /// The dispatch of a receipt to a handler; none if nothing is owed.
    pub(crate) async fn dispatch(&self, receipt: i64, handler: &str) -> Option<DispatchRecord> {
        self.receipt(receipt).await.dispatches.into_iter().find(|one| one.dispatch.handler == handler)
    }

    /// The dispatch of a receipt to a handler, as soon as it is in that state after that many recorded attempts.
    pub(crate) async fn until(&self, receipt: i64, handler: &str, state: DispatchState, attempts: usize) -> DispatchRecord {
        let mut seen = None;
        for _ in 0..2_000 {
            seen = self.dispatch(receipt, handler).await;
            if let Some(found) = seen.take_if(|one| one.dispatch.state == state && one.history.len() == attempts) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("expected {handler}'s dispatch of {receipt} {state:?} after {attempts} attempts, found {seen:?}");
    }
}

/// Posts a body to an endpoint of a router, signed; answers with the status.
pub(crate) async fn post(router: Router, path: &str, secret: &str, body: Bytes) -> u16 {
    let signature = sign(&Secret::new(secret), &body).to_string();
    let request = Request::post(path).header("x-apple-signature", signature).body(Body::from(body)).unwrap();
    router.oneshot(request).await.unwrap().status().as_u16()
}

/// The configuration with endpoints `app` and `other` of one secret, and these `[[handler]]` blocks.
pub(crate) fn loaded(secret: &str, handlers: &str) -> Result<Loaded, Problems> {
    let endpoint = |name: &str| format!("[[endpoint]]\nname = '{name}'\npath = '/{name}'\nsecrets = ['{secret}']\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), [&endpoint("app"), &endpoint("other"), handlers].concat()).unwrap();
    config::load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })
}
