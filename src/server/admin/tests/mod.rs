//! The operator's routes, asked without a socket. What must hold for all of them is tried on all of them: the list is their own.

mod api;
mod apple;
mod audit;
mod handlers;
mod login;
mod page;
mod versions;

use std::time::Duration;

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use self::{apple::Told, handlers::Runs};
use super::*;
use crate::{
    clock::ManualClock,
    config::{self, Sources},
    event::{Event, EventKind, sample},
    handler::route::Routes,
    inbox::{Accepted, Arrival, AttemptResult, Claim, Finish, Owed, ReceiptId, Room, Verdict, memory::Memory},
    intake::Intake,
    secret::Secret,
    server::error::Refused,
    shutdown::Shutdown,
    signature::{self, Secrets, SigningKey, sign},
    telemetry::exposition,
};

const TOKEN: &str = "the token of an operator";
const READ_TOKEN: &str = "the token of a reader";
const NOW: &str = "2026-11-21T14:30:00Z";

pub(super) const CONFIG: &str = r#"
[admin]
token = "the token of an operator"
read_token = "the token of a reader"
hosts = ["hooks.internal.example.com"]

[[endpoint]]
name = "my-app"
path = "/my-app"
secrets = ["a secret for the tests of the page"]

[[handler]]
name = "ci"
kind = "log"

[[handler]]
name = "chat"
kind = "log"
order = "subject"
"#;

/// A desk over a store in memory.
struct Bench {
    store: Arc<Memory>,
    clock: Arc<ManualClock>,
    refusals: Arc<Refusals>,
    app: Router,
}

/// An answer, read to its end.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

pub(super) fn config(text: &str) -> config::Config {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    config::load(&Sources { file: Some(file), ..Sources::default() }).unwrap().config
}

fn desk(store: Arc<dyn Store>, clock: Arc<dyn Clock>, live: Live, config: &config::Config) -> Desk {
    let intake = Arc::new(Intake::new(Arc::clone(&store), Routes::new(Vec::new()), Arc::clone(&clock), Arc::default()));
    let receiver = Receiver::new(&config.endpoints, &config.server, intake, store.clone(), clock.clone(), &Shutdown::new());
    Desk::new(store, clock, Arc::default(), exposition::tests::exposition(), &receiver, live, config)
}

/// A desk over another store.
pub(in crate::server) fn over(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Desk> {
    live_over(store, clock, Live::new(Arc::default(), &Shutdown::new()))
}

/// The same where somebody can listen.
pub(super) fn live_over(store: Arc<dyn Store>, clock: Arc<dyn Clock>, live: Live) -> Arc<Desk> {
    Arc::new(desk(store, clock, live, &config(CONFIG)))
}

impl Bench {
    fn new() -> Self {
        Self::with(CONFIG)
    }

    fn with(text: &str) -> Self {
        Self::made(text, None)
    }

    /// One with somebody who tells of Apple's side.
    fn asking(text: &str, told: Arc<Told>) -> Self {
        Self::made(text, Some(told))
    }

    fn made(text: &str, apple: Option<Arc<dyn Apple>>) -> Self {
        let (store, clock) = (Arc::new(Memory::new()), Arc::new(ManualClock::new(NOW.parse().unwrap())));
        let live = Live::new(Arc::default(), &Shutdown::new());
        let desk = desk(store.clone(), clock.clone(), live, &config(text)).asking(apple).run_by(Arc::new(Runs));
        let refusals = Arc::clone(&desk.refusals);
        Self { store, clock, refusals, app: router(Arc::new(desk)) }
    }

    async fn send(&self, request: Request) -> Answer {
        let (head, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let is_endless = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if is_endless { Bytes::new() } else { body.collect().await.unwrap().to_bytes() };
        Answer { status: head.status.as_u16(), headers: head.headers, text: String::from_utf8_lossy(&body).into_owned() }
    }

    /// Asks with the operator's token.
    async fn get(&self, path: &str) -> Answer {
        self.send(request(&Method::GET, path, &[BEARER]).body(Body::empty()).unwrap()).await
    }

    /// Sends a document with the operator's token.
    async fn post(&self, path: &str, document: &str) -> Answer {
        let headers = [BEARER, ("content-type", "application/json")];
        self.send(request(&Method::POST, path, &headers).body(document.to_owned().into()).unwrap()).await
    }

    /// Keeps an event that is owed to these handlers.
    async fn keep(&self, event: &sample::Sample, handlers: &[&str]) -> ReceiptId {
        self.keep_bytes(event.body(), handlers).await
    }

    async fn keep_bytes(&self, body: Bytes, handlers: &[&str]) -> ReceiptId {
        let secret = Secret::new("a secret for the tests of the page");
        let header = sign(&secret, &body).to_string();
        let now = self.clock.now();
        let authentic = Secrets::new([SigningKey::new(&secret, "only")]).verify([header.as_bytes()], body, now).unwrap();
        let parsed = Event::parse(authentic.get().clone());
        let owed = handlers.iter().map(|&handler| Owed { handler: handler.into(), in_order: false }).collect();
        let arrival = Arrival::new("my-app".into(), authentic, parsed.as_ref(), owed, now);
        match self.store.accept(arrival).await.unwrap() {
            Accepted::New { receipt, .. } => receipt,
            known => panic!("{known:?}"),
        }
    }

    /// Refuses requests of every kind that strangers send, and some that raise the alarm.
    fn refuse_some(&self) {
        let record = self.refusals.of(&"my-app".into());
        let now = self.clock.now();
        let from = |last: u8| Some(([192, 0, 2, last], 40_000).into());
        record.took_in_new();
        for last in [7, 7, 7, 8] {
            self.refusals.note(&signature::Refusal::Wrong.into(), Some(&record), from(last), now);
        }
        for last in 0..40 {
            self.refusals.note(&signature::Refusal::Absent.into(), Some(&record), from(last), now);
        }
        self.refusals.note(&Refused::UnknownPath, None, None, now);
    }

    /// Ends every dispatch that waits for a handler.
    async fn finish(&self, handler: &str, verdict: Verdict) {
        let room = Room { handler: handler.into(), slots: 9, lease: Duration::from_mins(1) };
        let now = self.clock.now();
        for claimed in self.store.claim(Claim { handlers: vec![room], now }).await.unwrap() {
            let took = Duration::from_millis(120);
            let finish = Finish { lease: claimed.lease, started_at: now, took, verdict: verdict.clone() };
            assert!(self.store.finish(finish).await.unwrap());
        }
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer the token of an operator");
const READER: (&str, &str) = ("authorization", "Bearer the token of a reader");
const OWN: (&str, &str) = ("origin", "http://localhost:8081");

fn request(method: &Method, path: &str, headers: &[(&str, &str)]) -> http::request::Builder {
    let mut request = Request::builder().method(method.clone()).uri(path);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", "localhost:8081");
    }
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

fn dead(error: &str) -> Verdict {
    Verdict::Dead { result: AttemptResult::Rejected, error: error.to_owned() }
}

fn version(id: &str) -> sample::Sample {
    sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated)
        .id(id)
        .state("REJECTED")
        .time("2026-11-21T14:00:00Z".parse().unwrap())
}

/// Every route with its parameters filled in.
fn everything() -> Vec<(Route, String)> {
    routes()
        .into_iter()
        .map(|route| {
            (
                route.path.replace("{id}", "1").replace("{name}", "ci").replace("{webhook}", "w-1").replace("{delivery}", "d-1"),
                route,
            )
        })
        .map(|(path, route)| (route, path))
        .collect()
}

async fn status(bench: &Bench, route: &Route, path: &str, headers: &[(&str, &str)]) -> u16 {
    bench.send(request(&route.method, path, headers).body(Body::empty()).unwrap()).await.status
}

/// A cookie as a login gives it.
async fn cookie(bench: &Bench, token: &str) -> String {
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
    let headers = [OWN, ("content-type", "application/x-www-form-urlencoded")];
    let answer = bench.send(request(&Method::POST, "/login", &headers).body(form.into()).unwrap()).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    let set = answer.header("set-cookie").to_owned();
    assert!(set.contains("; HttpOnly; SameSite=Strict") && !set.contains("Secure"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_is_seen_and_nothing_done() {
    let bench = Bench::new();
    let id = bench.keep(&version("a"), &["ci"]).await;
    bench.finish("ci", dead("no use")).await;
    let before = bench.store.receipt(id).await.unwrap().unwrap().dispatches;
    let guarded: Vec<_> = everything().into_iter().filter(|(route, _)| route.need != Need::Nothing).collect();
    assert!(guarded.len() > 15, "the list is the router's own");
    let wrong: [&[(&str, &str)]; 7] = [
        &[OWN],
        &[OWN, ("authorization", "Bearer the token of an operato")],
        &[OWN, ("authorization", "the token of an operator")],
        &[OWN, ("authorization", "Basic dG9rZW4=")],
        &[OWN, BEARER, READER],
        &[OWN, ("cookie", "asc_webhooks_session=operator.99999999999.00")],
        &[OWN, ("cookie", "asc_webhooks_session=")],
    ];
    for (route, path) in &guarded {
        for headers in wrong {
            assert_eq!(status(&bench, route, path, headers).await, 401, "{} {path} {headers:?}", route.method);
        }
    }
    assert_eq!(bench.store.receipt(id).await.unwrap().unwrap().dispatches.len(), before.len());
    assert_eq!(bench.store.stats(bench.clock.now()).await.unwrap().handlers[0].dead, 1, "nothing was replayed");
}

#[tokio::test]
async fn another_host_name_is_not_answered() {
    let bench = Bench::new();
    for (route, path) in &everything() {
        for host in ["evil.example", "localhost.evil.example:8081", "10.1.2.3:8081", ""] {
            assert_eq!(status(&bench, route, path, &[BEARER, ("host", host)]).await, 421, "{} {path} {host}", route.method);
        }
        assert_eq!(status(&bench, route, path, &[BEARER, ("host", "localhost"), ("host", "evil.example")]).await, 421);
        assert_ne!(status(&bench, route, path, &[BEARER, ("host", "hooks.internal.example.com")]).await, 421);
    }
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let bench = Bench::new();
    let id = bench.keep(&version("a"), &["ci"]).await;
    bench.finish("ci", dead("no use")).await;
    let cookie = cookie(&bench, TOKEN).await;
    let changes: Vec<_> = everything().into_iter().filter(|(route, _)| route.method == Method::POST).collect();
    assert!(changes.len() >= 7);
    let strange: [&[(&str, &str)]; 8] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://localhost:8082")],
        &[("origin", "http://localhost")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), OWN],
        &[("sec-fetch-site", "none")],
    ];
    for (route, path) in &changes {
        for headers in strange {
            let headers = [headers, &[("cookie", cookie.as_str())]].concat();
            assert_eq!(status(&bench, route, path, &headers).await, 403, "{path} {headers:?}");
        }
    }
    assert_eq!(bench.store.receipt(id).await.unwrap().unwrap().dispatches[0].history.len(), 1);
    let own = [
        ("cookie", cookie.as_str()),
        OWN,
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let answer = bench.send(request(&Method::POST, "/events/1/replay", &own).body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/events/1?did=replay&count=1"));
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    let bench = Bench::new();
    bench.keep(&version("a"), &["ci"]).await;
    bench.finish("ci", dead("no use")).await;
    let cookie = cookie(&bench, READ_TOKEN).await;
    for (route, path) in &everything() {
        let is_change = matches!(route.need, Need::Role(Role::Operator));
        assert_eq!(
            is_change,
            route.method == Method::POST && route.need != Need::Nothing,
            "{path}: what changes needs an operator"
        );
        for who in [READER, ("cookie", cookie.as_str())] {
            let status = status(&bench, route, path, &[who, OWN]).await;
            assert_eq!(status == 403, is_change, "{} {path}: {status}", route.method);
        }
    }
    let page = bench.send(request(&Method::GET, "/events/1", &[READER]).body(Body::empty()).unwrap()).await.text;
    assert!(page.contains("rejected") && !page.contains("<button>Replay") && !page.contains("/skip"), "{page}");
}

#[tokio::test]
async fn every_answer_is_bound() {
    let bench = Bench::new();
    let strange = [("/nothing".to_owned(), Method::GET), ("/events".to_owned(), Method::DELETE)];
    let paths = everything().into_iter().map(|(route, path)| (path, route.method)).chain(strange);
    for (path, method) in paths {
        for headers in [&[BEARER][..], &[]] {
            let answer = bench.send(request(&method, &path, headers).body(Body::empty()).unwrap()).await;
            assert!(answer.header("content-security-policy").starts_with("default-src 'none'; "), "{path}");
            assert!(!answer.header("content-security-policy").contains("unsafe"));
            assert_eq!(
                (answer.header("x-content-type-options"), answer.header("cache-control")),
                ("nosniff", "no-store"),
                "{path}"
            );
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
}

#[tokio::test]
async fn figures_are_for_everybody_on_this_machine_only_if_there_is_no_token() {
    let bench = Bench::new();
    let figures = |headers: &[(&str, &str)]| request(&Method::GET, "/metrics", headers).body(Body::empty()).unwrap();
    assert_eq!(bench.send(figures(&[])).await.status, 401);
    assert_eq!(bench.send(figures(&[READER])).await.status, 200);
    let free = Bench::with(
        &CONFIG.replace("token = \"the token of an operator\"", "").replace("read_token = \"the token of a reader\"", ""),
    );
    assert_eq!(free.send(figures(&[])).await.status, 200);
    assert_eq!(free.send(figures(&[("host", "evil.example")])).await.status, 421);
    assert_eq!(free.get("/api/v1/stats").await.status, 401, "a token that nobody has configured is not the one of before");
}

#[tokio::test]
async fn where_somebody_else_shows_the_figures_it_is_said_and_not_made_up() {
    let bench = Bench::new();
    let desk = desk(bench.store.clone(), bench.clock.clone(), Live::new(Arc::default(), &Shutdown::new()), &config(CONFIG));
    let desk = Desk { figures: exposition::tests::shown_by_somebody_else(), ..desk };
    let answer = Bench { app: router(Arc::new(desk)), ..bench }.get("/metrics").await;
    assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "a scrape must not succeed");
    let words = "the figures are not here: they go to the recorder of the program that this one is a part of; ask there";
    assert_eq!(answer.json()["detail"], words);
}
