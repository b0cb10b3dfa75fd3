//! The routes, asked without a socket.

mod health;
mod large;
pub(super) mod lines;
mod refused;
mod store;
mod unsigned;

use std::{convert::Infallible, sync::atomic::Ordering};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use jiff::Timestamp;
use tower::ServiceExt as _;

use self::store::{Mood, Moody};
use super::*;
use crate::{
    clock::ManualClock,
    event::{EventKind, sample},
    handler::route::Routes,
    secret::Secret,
    signature::sign,
};

const SECRET: &str = "the secret of these tests";
const MAX_BODY: usize = 200_000;

/// A receiver with one endpoint, `/app`, and all that a test may want to turn.
struct Bench {
    store: Arc<Moody>,
    clock: Arc<ManualClock>,
    shutdown: Shutdown,
    receiver: Arc<Receiver>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut config::Server)) -> Self {
        let mut limits = limits();
        change(&mut limits);
        let (store, clock, shutdown) = (Moody::new(), Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)), Shutdown::new());
        let intake = Arc::new(Intake::new(store.clone(), Routes::new(Vec::new()), clock.clone(), Arc::default()));
        let receiver = Receiver::new(&[endpoint("/app", SECRET)], &limits, intake, store.clone(), clock.clone(), &shutdown);
        Self { store, clock, shutdown, receiver }
    }

    async fn ask(&self, request: Request) -> Answer {
        Answer::read(router(Arc::clone(&self.receiver)).oneshot(request).await.unwrap()).await
    }
}

fn limits() -> config::Server {
    config::Server {
        listen: ([127, 0, 0, 1], 0).into(),
        public_url: None,
        max_body: MAX_BODY,
        head_timeout: Duration::from_secs(5),
        body_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(30),
        max_connections: None,
        max_in_flight: 16,
        shutdown_grace: Duration::from_secs(8),
    }
}

fn endpoint(path: &str, secret: &str) -> config::Endpoint {
    config::Endpoint {
        name: path.trim_start_matches('/').into(),
        path: path.to_owned(),
        kind: config::EndpointKind::App,
        secrets: vec![config::EndpointSecret { secret: Secret::new(secret), label: "only".to_owned(), not_after: None }],
        managed_secrets: false,
        tokens: Vec::new(),
        app_id: None,
        events: Vec::new(),
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status.as_u16(), headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    fn is(&self, status: u16, words: &str) {
        assert_eq!((self.status, str::from_utf8(&self.body).unwrap()), (status, words));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }
}

fn notification(id: &str) -> Bytes {
    sample::of(&EventKind::BuildUploadStateUpdated).id(id).body()
}

fn signed_by(secret: &str, body: &Bytes) -> String {
    sign(&Secret::new(secret), body).to_string()
}

fn signed(body: impl Into<Bytes>) -> Request {
    let body = body.into();
    post("/app", &[&signed_by(SECRET, &body)], body)
}

fn post(path: &str, signatures: &[&str], body: impl Into<Body>) -> Request {
    let mut request = Request::post(path);
    for signature in signatures {
        request = request.header("X-Apple-Signature", HeaderValue::from_bytes(signature.as_bytes()).unwrap());
    }
    request.body(body.into()).unwrap()
}

/// A body in pieces, as `Transfer-Encoding: chunked` brings it: nobody knows how long it will be.
fn pieces(pieces: &[&[u8]]) -> Body {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    Body::new(StreamBody::new(futures_util::stream::iter(pieces)))
}

const OK: &str = r#"{"status":"ok"}"#;
const UNAUTHORIZED: &str = r#"{"error":"unauthorized"}"#;

#[tokio::test]
async fn authentic_is_200_whether_new_known_or_unreadable() {
    let bench = Bench::new();
    let new = bench.ask(signed(notification("a"))).await;
    new.is(200, OK);
    assert_eq!(bench.ask(signed(notification("a"))).await, new, "the same event again");
    assert_eq!(bench.store.receipts().await, 1);
    for unreadable in [&b"not JSON"[..], b"", b"{}", b"\xff\xfe", b"[1,2,3]"] {
        assert_eq!(bench.ask(signed(unreadable)).await, new, "{unreadable:?}");
    }
    assert_eq!(bench.store.receipts().await, 6);
}

#[tokio::test]
async fn what_is_said_about_the_bytes_is_not_looked_at() {
    let bench = Bench::new();
    for (key, text) in [("content-encoding", "gzip"), ("content-type", "image/png"), ("content-type", ""), ("expect", "nothing")] {
        let mut request = signed(notification(text));
        request.headers_mut().append(key, HeaderValue::from_static(text));
        bench.ask(request).await.is(200, OK);
    }
}

#[tokio::test]
async fn every_fault_of_a_signature_has_the_same_answer() {
    let bench = Bench::new();
    let body = notification("a");
    let right = signed_by(SECRET, &body);
    let digits = &right["hmacsha256=".len()..];
    let flipped = right.replace(char::from(right.as_bytes()[20]), "0").replace('1', "2");
    let faults: &[&[&str]] = &[
        &[],
        &[&right, &right],
        &[&right, ""],
        &[""],
        &[digits],
        &["hmacsha256="],
        &[&right[..right.len() - 1]],
        &[&format!("{right}0")],
        &[&format!("{right}, {right}")],
        &[&right.replace("hmacsha256=", "hmacsha1=")],
        &[&right.replace('=', " = ")],
        &[&right.replace(&digits[..2], "zz")],
        &[&right.replace(&digits[..2], "é")],
        &[&flipped],
        &[&signed_by("another secret altogether", &body)],
        &[&signed_by(SECRET, &notification("b"))],
    ];
    let first = bench.ask(post("/app", &[], body.clone())).await;
    first.is(401, UNAUTHORIZED);
    for fault in faults {
        assert_eq!(bench.ask(post("/app", fault, body.clone())).await, first, "{fault:?}");
    }
    assert_eq!(bench.store.receipts().await, 0);
    bench.ask(post("/app", &[&format!(" \t{} ", right.to_uppercase())], body)).await.is(200, OK);
}

#[tokio::test]
async fn a_signature_among_the_trailers_is_none() {
    let bench = Bench::new();
    let body = notification("a");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-apple-signature", signed_by(SECRET, &body).parse().unwrap());
    let frames = [Ok::<_, Infallible>(Frame::data(body)), Ok(Frame::trailers(trailers))];
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    bench.ask(post("/app", &[], body)).await.is(401, UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_may_have_as_many_bytes_as_configured_and_not_one_more() {
    let bench = Bench::new();
    let too_large = r#"{"error":"too large"}"#;
    let most = Bytes::from(vec![b'x'; MAX_BODY]);
    let (half, more) = (&most[..MAX_BODY / 2], vec![b'x'; MAX_BODY + 1]);
    let signature = signed_by(SECRET, &most);
    bench.ask(post("/app", &[&signature], most.clone())).await.is(200, OK);
    bench.ask(post("/app", &[&signature], pieces(&[half, b"", half]))).await.is(200, OK);
    let one_too_many = [Body::from(more.clone()), pieces(&[&more]), pieces(&[half, half, b"x"])];
    for body in one_too_many {
        let answer = bench.ask(post("/app", &[&signature], body)).await;
        answer.is(413, too_large);
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(bench.store.receipts().await, 1);
}

/// A body that begins and then does not go on.
fn unfinished(beginning: Vec<u8>) -> Body {
    let start = futures_util::stream::once(async { Ok::<_, Infallible>(Frame::data(Bytes::from(beginning))) });
    Body::new(StreamBody::new(futures_util::StreamExt::chain(start, futures_util::stream::pending())))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_408() {
    let bench = Bench::new();
    let answer = bench.ask(post("/app", &[], unfinished(b"{".to_vec()))).await;
    answer.is(408, r#"{"error":"too slow"}"#);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let bench = Bench::new();
    let frames = [Ok(Frame::data(Bytes::from_static(b"{"))), Err("the peer went away")];
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    bench.ask(post("/app", &[], body)).await.is(400, r#"{"error":"bad request"}"#);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_ours() {
    let bench = Bench::new();
    for path in ["/", "/nothing", "/app/", "/APP", "/app/x", "/%61pp", "//app", "/metrics", "/admin"] {
        let body = notification("a");
        bench.ask(post(path, &[&signed_by(SECRET, &body)], body)).await.is(404, r#"{"error":"not found"}"#);
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "POSTS"] {
        let answer = bench.ask(Request::builder().method(method).uri("/app").body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    let answer = bench.ask(post("/livez", &[], "")).await;
    answer.is(405, r#"{"error":"method not allowed"}"#);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    assert_eq!(bench.store.receipts().await, 0);
}

#[tokio::test]
async fn a_store_that_cannot_is_503_and_heals() {
    let bench = Bench::new();
    let secret = "a path that nobody should see";
    for error in [
        StoreError::Busy(secret.to_owned()),
        StoreError::Full(secret.to_owned()),
        StoreError::Unavailable(secret.to_owned()),
        StoreError::Broken(secret.to_owned()),
        StoreError::Unreadable(secret.to_owned()),
    ] {
        bench.store.becomes(Mood::Fails(error));
        let answer = bench.ask(signed(notification("a"))).await;
        answer.is(503, r#"{"error":"unavailable"}"#);
        assert_eq!(answer.header("retry-after"), Some("9"));
    }
    bench.store.becomes(Mood::Works);
    bench.ask(signed(notification("a"))).await.is(200, OK);
}

#[tokio::test]
async fn only_a_broken_store_is_fatal() {
    let bench = Bench::new();
    let fatal = bench.receiver.fatal();
    let mut fatal = std::pin::pin!(fatal);
    bench.store.becomes(Mood::Fails(StoreError::Full("no room".to_owned())));
    bench.ask(signed(notification("a"))).await;
    assert!(futures_util::FutureExt::now_or_never(fatal.as_mut()).is_none());
    bench.store.becomes(Mood::Fails(StoreError::Broken("a sync failed".to_owned())));
    bench.ask(signed(notification("a"))).await;
    assert!(matches!(fatal.await, StoreError::Broken(_)));
    assert!(matches!(bench.receiver.fatal().await, StoreError::Broken(_)), "who asks later is told too");
}

#[tokio::test]
async fn a_panic_is_500_and_the_next_request_works() {
    let bench = Bench::new();
    bench.store.becomes(Mood::Panics);
    let answer = bench.ask(signed(notification("a"))).await;
    answer.is(500, r#"{"error":"internal"}"#);
    assert_eq!(answer.header("connection"), Some("close"));
    let rows = bench.receiver.refusals().rows(|_| true, None, 9);
    assert_eq!(
        rows.iter().map(|row| (row.reason, row.count, row.endpoint.as_deref())).collect::<Vec<_>>(),
        [("panicked", 1, Some("app"))]
    );
    assert_eq!(bench.receiver.in_flight.available_permits(), bench.receiver.max_in_flight, "it takes up no place");
    bench.ask(Request::get("/readyz").body(Body::empty()).unwrap()).await.is(500, r#"{"error":"internal"}"#);
    bench.store.becomes(Mood::Works);
    bench.ask(signed(notification("a"))).await.is(200, OK);
    bench.ask(Request::get("/readyz").body(Body::empty()).unwrap()).await.is(200, r#"{"status":"ready"}"#);
}

#[tokio::test]
async fn more_than_may_wait_are_told_at_once_to_come_back() {
    let bench = Bench::with(|limits| limits.max_in_flight = 2);
    bench.store.becomes(Mood::Waits);
    let app = router(Arc::clone(&bench.receiver));
    let waiting = ["a", "b"].map(|id| bench.shutdown.spawn(app.clone().oneshot(signed(notification(id)))));
    while bench.receiver.in_flight.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let answer = bench.ask(signed(notification("c"))).await;
    answer.is(503, r#"{"error":"unavailable"}"#);
    assert_eq!(answer.header("retry-after"), Some("1"));
    bench.ask(post("/app", &[], "forged")).await.is(401, UNAUTHORIZED);
    bench.store.permits.add_permits(3);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    bench.ask(signed(notification("c"))).await.is(200, OK);
}

#[tokio::test]
async fn a_sender_that_goes_away_does_not_undo_what_was_begun() {
    let bench = Bench::new();
    bench.store.becomes(Mood::Waits);
    let request = router(Arc::clone(&bench.receiver)).oneshot(signed(notification("a")));
    let mut request = Box::pin(request);
    while bench.receiver.in_flight.available_permits() == bench.receiver.max_in_flight {
        assert!(futures_util::poll!(request.as_mut()).is_pending());
    }
    drop(request);
    bench.store.permits.add_permits(1);
    bench.shutdown.begin();
    assert!(bench.shutdown.finished(Duration::from_secs(5)).await);
    assert_eq!(bench.store.receipts().await, 1);
}

#[tokio::test]
async fn a_reload_takes_effect_with_the_next_request() {
    let bench = Bench::new();
    let body = notification("a");
    bench.receiver.reload(&[endpoint("/app", "another secret altogether"), endpoint("/second", SECRET)]);
    bench.ask(signed(body.clone())).await.is(401, UNAUTHORIZED);
    bench.ask(post("/app", &[&signed_by("another secret altogether", &body)], body.clone())).await.is(200, OK);
    bench.ask(post("/second", &[&signed_by(SECRET, &body)], body.clone())).await.is(200, OK);
    bench.receiver.reload(&[endpoint("/second", SECRET)]);
    assert_eq!(bench.ask(signed(body)).await.status, 404);
}

#[tokio::test]
async fn stopping_refuses_what_is_new() {
    let bench = Bench::new();
    bench.shutdown.begin();
    let answer = bench.ask(signed(notification("a"))).await;
    answer.is(503, r#"{"error":"unavailable"}"#);
    assert_eq!(answer.header("retry-after"), Some("1"));
    bench.ask(Request::get("/livez").body(Body::empty()).unwrap()).await.is(200, r#"{"status":"alive"}"#);
    bench.ask(Request::get("/readyz").body(Body::empty()).unwrap()).await.is(503, r#"{"status":"not ready","reason":"stopping"}"#);
}

#[tokio::test]
async fn it_works_inside_another_application() {
    let bench = Bench::with(|limits| limits.max_body = 1_000);
    let app = Router::new()
        .route("/", get(async || "theirs"))
        .nest("/apple", router(Arc::clone(&bench.receiver)))
        .fallback(async || (StatusCode::IM_A_TEAPOT, "theirs too"));
    let ask = async |request| Answer::read(app.clone().oneshot(request).await.unwrap()).await;
    let body = notification("a");
    let signature = signed_by(SECRET, &body);
    ask(post("/apple/app", &[&signature], body.clone())).await.is(200, OK);
    ask(post("/apple/app", &[&signature], vec![b'x'; 1_001])).await.is(413, r#"{"error":"too large"}"#);
    ask(post("/apple/other", &[&signature], body.clone())).await.is(404, r#"{"error":"not found"}"#);
    assert_eq!(ask(post("/app", &[&signature], body)).await.status, 418);
}

#[test]
fn debug_shows_no_secret() {
    let bench = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { Bench::new() });
    let shown = format!("{:?}", bench.receiver);
    assert!(shown.contains("app") && !shown.contains(SECRET), "{shown}");
}
