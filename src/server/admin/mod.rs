//! What an operator reaches: a page, the API under it, and figures.
//!
//! Every route stands in [`routes`], with what it needs; the description of the API is made of the same table, and so are the tests that
//! go over all of it. Page and API ask the store the same questions and have things done by the same [`deed`]s.
//!
//! **Invariant:** nothing of this is on the public listener, and nothing but the way to log in answers somebody unknown.

mod access;
mod answer;
mod api;
pub(super) mod apple;
mod ask;
mod attachment;
mod audit;
mod deed;
pub(super) mod handlers;
mod live;
mod openapi;
mod page;
mod recent;
mod session;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::State,
    handler::Handler,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{self, MethodRouter},
};
use http::{HeaderValue, Method, Uri, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

pub use self::{access::Access, live::Live};
use self::{
    access::{Face, Gate, Need, Role, guard},
    answer::Problem,
    apple::Apple,
    handlers::Handlers,
    openapi::Operation,
};
use super::{Receiver, refusals::Refusals};
use crate::{
    clock::Clock,
    config::{Config, Order},
    handler::message::Voice,
    inbox::{Store, StoreError},
    shutdown::Shutdown,
    telemetry::exposition::Exposition,
};

/// What the operator's routes share: the store, what is configured, and who may do what.
pub struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    work: Arc<Notify>,
    figures: Exposition,
    receiver: Arc<Receiver>,
    refusals: Arc<Refusals>,
    apple: Option<Arc<dyn Apple>>,
    handlers: Option<Arc<dyn Handlers>>,
    access: Access,
    live: Live,
    known: ArcSwap<Known>,
}

impl Desk {
    /// A desk over this store. `work` is notified when something is to be tried again, `receiver` knows what was refused and whether
    /// anything can be kept, and `live` says what changes.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        work: Arc<Notify>,
        figures: Exposition,
        receiver: &Arc<Receiver>,
        live: Live,
        config: &Config,
    ) -> Self {
        let (receiver, refusals) = (Arc::clone(receiver), Arc::clone(receiver.refusals()));
        let (access, known) = (Access::new(&config.admin), ArcSwap::from_pointee(Known::of(config)));
        Self { store, clock, work, figures, receiver, refusals, apple: None, handlers: None, access, live, known }
    }

    /// The same with somebody who can ask App Store Connect, if there is a key.
    #[must_use]
    pub fn asking(self, apple: Option<Arc<dyn Apple>>) -> Self {
        Self { apple, ..self }
    }

    /// The same with whoever runs the handlers.
    #[must_use]
    pub fn run_by(self, handlers: Arc<dyn Handlers>) -> Self {
        Self { handlers: Some(handlers), ..self }
    }

    /// Tells whoever listens what has changed, until the end is asked for.
    ///
    /// # Errors
    /// When the store is broken, so that the program must end.
    pub async fn watch(self: Arc<Self>, shutdown: Shutdown) -> Result<(), StoreError> {
        live::run(&self, &shutdown).await
    }

    /// Goes by another configuration from now on: its endpoints and handlers. Who may do what stays.
    pub fn follow(&self, config: &Config) {
        self.known.store(Arc::new(Known::of(config)));
    }

    /// Until when a handler is given nothing, because its other side asked to wait.
    fn held_until(&self, handler: &str) -> Option<Timestamp> {
        let wait = SignedDuration::try_from(self.handlers.as_ref()?.held_for(handler)?).ok()?;
        self.clock.now().checked_add(wait).ok()
    }

    /// The tokens.
    pub fn access(&self) -> &Access {
        &self.access
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("known", &self.known.load()).finish_non_exhaustive()
    }
}

/// What is configured, as far as an operator is shown it.
#[derive(Debug)]
struct Known {
    endpoints: Vec<Arc<str>>,
    handlers: Vec<KnownHandler>,
    voice: Voice,
}

#[derive(Debug)]
struct KnownHandler {
    name: Arc<str>,
    kind: String,
    in_order: bool,
}

impl Known {
    fn of(config: &Config) -> Self {
        let handlers = config.handlers.iter().map(|handler| KnownHandler {
            name: Arc::clone(&handler.name),
            kind: handler.kind.clone(),
            in_order: handler.order == Order::Subject,
        });
        Self {
            endpoints: config.endpoints.iter().map(|endpoint| Arc::clone(&endpoint.name)).collect(),
            handlers: handlers.collect(),
            voice: Voice { time_zone: config.messages.time_zone.clone(), times: config.messages.times.clone() },
        }
    }

    fn handler(&self, name: &str) -> Option<&KnownHandler> {
        self.handlers.iter().find(|handler| &*handler.name == name)
    }
}

/// One way to ask for something.
struct Route {
    method: Method,
    path: &'static str,
    need: Need,
    face: Face,
    handler: MethodRouter<Arc<Desk>>,
    operation: Option<Operation>,
}

/// Every route of the operator's but those for health.
fn routes() -> Vec<Route> {
    vec![
        open("/login", session::form),
        entry("/login", session::log_in),
        entry("/logout", session::log_out),
        open("/style.css", page::style),
        open("/live.js", page::script),
        look("/", page::overview),
        look("/events", page::events),
        Route { face: Face::Api, ..look("/events/live", live::events) },
        look("/events/{id}", page::event),
        change("/events/{id}/replay", page::replay),
        look("/versions", page::versions),
        look("/handlers", page::handlers),
        change("/handlers/{name}/replay-dead", page::replay_dead),
        change("/handlers/{name}/pause", page::pause),
        change("/handlers/{name}/resume", page::resume),
        change("/handlers/{name}/test", page::test),
        change("/dispatches/{id}/skip", page::skip),
        look("/apple", page::apple),
        change("/apple/webhooks/{webhook}/ping", page::ping),
        change("/apple/deliveries/{delivery}/redeliver", page::redeliver),
        look("/refused", page::refused),
        Route { need: Need::TokenIfConfigured, face: Face::Api, ..look("/metrics", figures) },
        look("/api/v1/receipts", api::receipts).told(openapi::RECEIPTS),
        look("/api/v1/receipts/live", live::receipts).told(openapi::LIVE),
        look("/api/v1/receipts/{id}", api::receipt).told(openapi::RECEIPT),
        look("/api/v1/receipts/{id}/body", api::body).told(openapi::BODY),
        look("/api/v1/receipts/{id}/files/{name}", api::file).told(openapi::FILE),
        look("/api/v1/receipts/{id}/crash-log", api::crash_log).told(openapi::CRASH_LOG),
        change("/api/v1/receipts/{id}/replay", api::replay).told(openapi::REPLAY),
        look("/api/v1/dispatches", api::dispatches).told(openapi::DISPATCHES),
        change("/api/v1/dispatches/{id}/skip", api::skip).told(openapi::SKIP),
        look("/api/v1/handlers", api::handlers).told(openapi::HANDLERS),
        change("/api/v1/handlers/{name}/replay-dead", api::replay_dead).told(openapi::REPLAY_DEAD),
        change("/api/v1/handlers/{name}/pause", api::pause).told(openapi::PAUSE),
        change("/api/v1/handlers/{name}/resume", api::resume).told(openapi::RESUME),
        change("/api/v1/handlers/{name}/test", api::test).told(openapi::TEST),
        look("/api/v1/versions", api::versions).told(openapi::VERSIONS),
        look("/api/v1/review-times", api::review_times).told(openapi::REVIEW_TIMES),
        look("/api/v1/stats", api::stats).told(openapi::STATS),
        look("/api/v1/hours", api::hours).told(openapi::HOURS),
        look("/api/v1/accounts", api::accounts).told(openapi::ACCOUNTS),
        look("/api/v1/registrations", api::registrations).told(openapi::REGISTRATIONS),
        look("/api/v1/plan", api::plan).told(openapi::PLAN),
        look("/api/v1/deliveries", api::deliveries).told(openapi::DELIVERIES),
        change("/api/v1/webhooks/{webhook}/ping", api::ping).told(openapi::PING),
        change("/api/v1/deliveries/{delivery}/redeliver", api::redeliver).told(openapi::REDELIVER),
        look("/api/v1/refused", api::refused).told(openapi::REFUSED),
        look("/api/v1/openapi.json", api::description).told(openapi::DESCRIPTION),
    ]
}

/// The path of every page that somebody who has logged in can look at: for tests that go over all of them.
pub fn pages() -> Vec<&'static str> {
    let is_page = |route: &Route| route.method == Method::GET && route.face == Face::Page && route.need != Need::Nothing;
    routes().into_iter().filter(is_page).map(|route| route.path).collect()
}

/// All of them as a router.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let add = |router: Router<Arc<Desk>>, route: Route| {
        let gate = Gate { desk: Arc::clone(&desk), need: route.need, face: route.face };
        router.route(route.path, route.handler.layer(from_fn_with_state(gate, guard)))
    };
    let router = routes().into_iter().fold(Router::new(), add);
    router.fallback(nothing).layer(from_fn(answer::bound)).with_state(desk)
}

impl Route {
    fn new(method: Method, path: &'static str, need: Need, handler: MethodRouter<Arc<Desk>>) -> Self {
        let face = if path.starts_with("/api/") { Face::Api } else { Face::Page };
        Self { method, path, need, face, handler, operation: None }
    }

    fn told(self, operation: Operation) -> Self {
        Self { operation: Some(operation), ..self }
    }
}

/// A question that anybody may ask.
fn open<H: Handler<T, Arc<Desk>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(Method::GET, path, Need::Nothing, routing::get(handler))
}

/// A change that everybody may make to their own login.
fn entry<H: Handler<T, Arc<Desk>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(Method::POST, path, Need::Nothing, routing::post(handler))
}

/// A question of whoever may look.
fn look<H: Handler<T, Arc<Desk>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(Method::GET, path, Need::Role(Role::Reader), routing::get(handler))
}

/// A change that only an operator may make.
fn change<H: Handler<T, Arc<Desk>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(Method::POST, path, Need::Role(Role::Operator), routing::post(handler))
}

/// Who is lost is shown the way, without a word about who they are.
async fn nothing(State(desk): State<Arc<Desk>>, path: Uri) -> Response {
    let answer = Problem::not_found("there is nothing here").into_response();
    if path.path().starts_with("/api/") { answer } else { page::dress(&desk, answer, &path) }
}

async fn figures(State(desk): State<Arc<Desk>>) -> Result<Response, Problem> {
    let elsewhere = "the figures are not here: they go to the recorder of the program that this one is a part of; ask there";
    let figures = desk.figures.render().ok_or_else(|| Problem::not_found(elsewhere))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(Exposition::CONTENT_TYPE))], figures).into_response())
}

/// The path of every route.
#[cfg(test)]
pub(super) fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|route| route.path).collect()
}

#[cfg(test)]
pub(super) mod tests;
