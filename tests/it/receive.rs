//! The receiver over real sockets, and peers that are slow, wrong, greedy or gone.
//!
//! What can be asked without a socket is tested beside the router. Deadlines are short here, and no test measures time: it waits
//! for what must happen.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use asc_webhooks::{
    clock::SystemClock,
    config,
    handler::route::Routes,
    inbox::{Store as _, memory::Memory},
    intake::Intake,
    secret::Secret,
    server::{self, Limits, Receiver},
    shutdown::Shutdown,
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::support::{
    peer::Peer,
    signed::{Signed, notification},
};

const SECRET: &str = "the secret of these tests";
const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_mins(1);
const OK: &str = r#"{"status":"ok"}"#;

/// Every wait is long and everything is allowed, but for what a test is about.
const GENEROUS: Limits =
    Limits { name: "test", head_timeout: LONG, idle_timeout: LONG, write_timeout: LONG, max_connections: 1_000, half_closed: true };

struct Server {
    address: SocketAddr,
    store: Arc<Memory>,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        Self::start_with_body_timeout(limits, LONG).await
    }

    async fn start_with_body_timeout(limits: Limits, body_timeout: Duration) -> Self {
        let config = config::Server {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: None,
            max_body: 1024 * 1024,
            head_timeout: LONG,
            body_timeout,
            idle_timeout: LONG,
            max_connections: None,
            max_in_flight: 100,
            shutdown_grace: LONG,
        };
        let endpoint = config::Endpoint {
            name: "app".into(),
            path: "/app".to_owned(),
            kind: config::EndpointKind::App,
            secrets: vec![config::EndpointSecret { secret: Secret::new(SECRET), label: "only".to_owned(), not_after: None }],
            managed_secrets: false,
            tokens: Vec::new(),
            app_id: None,
            events: Vec::new(),
        };
        let (store, clock, shutdown) = (Arc::new(Memory::new()), Arc::new(SystemClock::new()), Shutdown::new());
        let intake = Arc::new(Intake::new(store.clone(), Routes::new(Vec::new()), clock.clone(), Arc::default()));
        let receiver = Receiver::new(&[endpoint], &config, intake, store.clone(), clock, &shutdown);
        let listener = TcpListener::bind(config.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = shutdown.spawn({
            let shutdown = shutdown.clone();
            async move { server::serve(listener, server::router(Arc::clone(&receiver)), limits, Some(receiver), &shutdown).await }
        });
        Self { address, store, shutdown, serving }
    }

    async fn peer(&self) -> Peer {
        Peer::connect(self.address).await
    }

    /// Sends bytes on a connection of their own, and hears until it is closed.
    async fn answer_to(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut peer = self.peer().await;
        peer.say(bytes).await;
        peer.hear_all().await
    }

    async fn serves(&self) {
        let mut peer = self.peer().await;
        peer.say(notified("good traffic").bytes()).await;
        peer.hear_until(OK).await;
    }

    async fn receipts(&self) -> u64 {
        self.store.stats(jiff::Timestamp::UNIX_EPOCH).await.unwrap().receipts
    }
}

fn notified(id: &str) -> Signed {
    Signed::new("/app", SECRET, notification(id))
}

#[track_caller]
fn check(answer: &str, status: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "expected {status}, got {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "expected one answer, got {answer:?}");
}

#[tokio::test]
async fn many_notifications_on_one_connection() {
    let server = Server::start(GENEROUS).await;
    let mut peer = server.peer().await;
    for id in ["a", "b", "c"] {
        peer.say(notified(id).bytes()).await;
        let answer = peer.hear_until(OK).await;
        check(&answer, "200");
        assert!(!answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    assert_eq!(server.receipts().await, 3);
}

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_order() {
    let server = Server::start(GENEROUS).await;
    let forged = Signed::new("/app", "another secret altogether", notification("b"));
    let last = notified("c").header("Connection: close");
    let answers = server.answer_to([notified("a").bytes(), forged.bytes(), last.bytes()].concat()).await;
    let statuses: Vec<_> = answers.match_indices("HTTP/1.1 ").map(|(at, found)| &answers[at + found.len()..][..3]).collect();
    assert_eq!(statuses, ["200", "401", "200"], "{answers}");
    assert_eq!(server.receipts().await, 2);
}

#[tokio::test]
async fn a_peer_may_close_its_side_first() {
    let server = Server::start(GENEROUS).await;
    let mut peer = server.peer().await;
    peer.say(notified("a").bytes()).await;
    peer.say_no_more().await;
    check(&peer.hear_all().await, "200");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_408() {
    let server = Server::start(Limits { head_timeout: SHORT, ..GENEROUS }).await;
    check(&server.answer_to("POST /app HTTP/1.1\r\nHost: loc").await, "408");
    let mut peer = server.peer().await;
    peer.say(notified("a").bytes()).await;
    peer.hear_until(OK).await;
    peer.say("POST /app").await;
    check(&peer.hear_all().await, "408");
    server.serves().await;
}

#[tokio::test]
async fn a_head_that_trickles_has_no_more_time() {
    let server = Server::start(Limits { head_timeout: SHORT, ..GENEROUS }).await;
    let mut peer = server.peer().await;
    peer.say("POST /app HTTP/1.1\r\nx: ").await;
    // One header, and not a long one: of all bounds only the deadline can end this.
    for _ in 0..200 {
        if !peer.try_to_say("y").await {
            return;
        }
        tokio::time::sleep(SHORT / 10).await;
    }
    panic!("a head may trickle for twenty times as long as it may take");
}

#[tokio::test]
async fn a_connection_without_a_word_is_closed_without_a_word() {
    let server = Server::start(Limits { head_timeout: SHORT, ..GENEROUS }).await;
    assert_eq!(server.answer_to("").await, "");
    server.serves().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_408() {
    let server = Server::start_with_body_timeout(GENEROUS, SHORT).await;
    let request = notified("a").bytes();
    check(&server.answer_to(&request[..request.len() - 1]).await, "408");
    let chunked = "POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc";
    check(&server.answer_to(chunked).await, "408");
    server.serves().await;
    assert_eq!(server.receipts().await, 1);
}

#[tokio::test]
async fn an_idle_connection_has_its_own_time() {
    let server = Server::start(Limits { head_timeout: SHORT, ..GENEROUS }).await;
    let mut peer = server.peer().await;
    peer.say(notified("a").bytes()).await;
    peer.hear_until(OK).await;
    // Longer than a head may take: between requests nothing is late yet.
    tokio::time::sleep(SHORT * 3).await;
    peer.say(notified("b").bytes()).await;
    peer.hear_until(OK).await;

    let server = Server::start(Limits { idle_timeout: SHORT, ..GENEROUS }).await;
    let mut peer = server.peer().await;
    peer.say(notified("a").bytes()).await;
    peer.hear_until(OK).await;
    assert_eq!(peer.hear_all().await, "");
}

#[tokio::test]
async fn every_wait_on_a_kept_connection_begins_anew() {
    // Each pause is much shorter than what is borne, and all of them together are longer.
    let (borne, pause) = (Duration::from_secs(2), Duration::from_millis(400));
    let limits = Limits { head_timeout: borne, idle_timeout: borne, ..GENEROUS };
    let server = Server::start_with_body_timeout(limits, borne).await;
    let asked = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".to_owned();
    let (mut idle, mut head, mut body) = (server.peer().await, server.peer().await, server.peer().await);
    for turn in 0..8 {
        let notified = notified(&turn.to_string());
        idle.say(&asked).await;
        idle.hear_until(r#"{"status":"alive"}"#).await;
        head.say(&asked[..20]).await;
        body.say(notified.head()).await;
        tokio::time::sleep(pause).await;
        head.say(&asked[20..]).await;
        head.hear_until(r#"{"status":"alive"}"#).await;
        body.say(notified.body()).await;
        body.hear_until(OK).await;
    }
}

#[tokio::test]
async fn a_peer_that_does_not_listen_is_left() {
    let server = Server::start(Limits { write_timeout: SHORT, ..GENEROUS }).await;
    let mut peer = server.peer().await;
    let flood = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000);
    while peer.try_to_say(&flood).await {}
    server.serves().await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Server::start(GENEROUS).await;
    let headers = |count: usize| {
        let more = "x: y\r\n".repeat(count - 2);
        format!("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n")
    };
    check(&server.answer_to(headers(100)).await, "200");
    check(&server.answer_to(headers(101)).await, "431");
    let long = |length: usize| format!("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx: {}\r\n\r\n", "y".repeat(length));
    check(&server.answer_to(long(30_000)).await, "200");
    check(&server.answer_to(long(40_000)).await, "431");
    let answer = server.answer_to(long(1_000_000)).await;
    check(&answer, "431");
    assert!(answer.ends_with("\r\n\r\n{\"error\":\"too large\"}"), "{answer}");
}

#[tokio::test]
async fn a_request_that_others_might_read_differently_is_refused() {
    let server = Server::start(GENEROUS).await;
    // Each is followed by what a confused reader would take for a second request: there must be one answer, and an end.
    let second = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    let cases = [
        ("401", "POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("401", "POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n"),
        ("400", "POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab"),
        ("400", "POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab"),
        ("400", "POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab"),
        ("400", "POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nab"),
        ("400", "POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nab"),
        ("400", "POST /app HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("400", "POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
        ("400", "GET /livez HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("400", "GET /livez HTTP/1.1\r\nHost: a\r\nx: y\r\n z\r\n\r\n"),
        ("400", "GET /livez HTTP/1.1\r\nHost: a\r\nx: y\0z\r\n\r\n"),
        ("400", "GET /livez HTTP/1.1\r\n\r\n"),
        ("400", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("400", "GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("400", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("400", "GET /livez HTTP/9.9\r\nHost: a\r\n\r\n"),
        ("400", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n"),
    ];
    for (status, request) in cases {
        let answer = server.answer_to(format!("{request}{second}")).await;
        let as_expected = answer.starts_with(&format!("HTTP/1.1 {status} ")) || answer.starts_with(&format!("HTTP/1.0 {status} "));
        assert!(as_expected && answer.matches("HTTP/1.").count() == 1, "{request:?}: expected one {status}, got {answer:?}");
    }
    assert_eq!(server.receipts().await, 0);
}

#[tokio::test]
async fn http_2_is_not_spoken() {
    let server = Server::start(GENEROUS).await;
    let answer = server.answer_to("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_waited_for() {
    let server = Server::start(GENEROUS).await;
    let head = "POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n";
    check(&server.answer_to(format!("{head}\r\n")).await, "413");
    check(&server.answer_to(format!("{head}Expect: 100-continue\r\n\r\n")).await, "413");
}

#[tokio::test]
async fn a_peer_that_sends_too_much_still_hears_why() {
    let server = Server::start(GENEROUS).await;
    // More than the buffers of both sides hold, so that it cannot all be sent unless somebody reads it.
    let body = vec![b'x'; 20_000_000];
    let declared = [&b"POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n"[..], &body].concat();
    check(&server.answer_to(declared).await, "413");
    let chunked =
        [&b"POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1312d00\r\n"[..], &body, b"\r\n0\r\n\r\n"].concat();
    check(&server.answer_to(chunked).await, "413");
    assert_eq!(server.receipts().await, 0);
}

#[tokio::test]
async fn a_peer_that_goes_away_leaves_nothing_behind() {
    let server = Server::start(GENEROUS).await;
    let request = notified("a").bytes();
    for length in (0..request.len()).step_by(7) {
        server.peer().await.say(&request[..length]).await;
    }
    server.serves().await;
    assert_eq!(server.receipts().await, 1);
}

#[tokio::test]
async fn idle_connections_do_not_keep_apple_out() {
    let server = Server::start(Limits { max_connections: 16, head_timeout: SHORT, idle_timeout: SHORT, ..GENEROUS }).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(server.peer().await);
    }
    server.serves().await;
    assert_eq!(server.receipts().await, 1);
}

#[tokio::test]
async fn stopping_closes_what_is_idle_and_finishes_what_is_under_way() {
    let server = Server::start(GENEROUS).await;
    let (mut idle, mut fresh, mut busy) = (server.peer().await, server.peer().await, server.peer().await);
    idle.say(notified("a").bytes()).await;
    idle.hear_until(OK).await;
    let request = notified("b").header("Expect: 100-continue");
    busy.say(request.head()).await;
    // Only a server that has begun to read the body says this.
    busy.hear_until("HTTP/1.1 100 Continue\r\n\r\n").await;

    server.shutdown.begin();
    assert_eq!(idle.hear_all().await, "");
    assert_eq!(fresh.hear_all().await, "");
    busy.say(request.body()).await;
    check(&busy.hear_all().await, "200");
    server.serving.await.unwrap();
    assert_eq!(server.store.stats(jiff::Timestamp::UNIX_EPOCH).await.unwrap().receipts, 2);
}

#[tokio::test]
async fn a_half_sent_request_holds_up_stopping_until_the_grace_period_is_over() {
    let server = Server::start(GENEROUS).await;
    let mut half = server.peer().await;
    half.say(notified("a").header("Expect: 100-continue").head()).await;
    half.hear_until("HTTP/1.1 100 Continue\r\n\r\n").await;
    server.shutdown.begin();
    assert!(!server.shutdown.finished(SHORT).await, "it is waited for");
    server.shutdown.cut_off();
    assert!(server.shutdown.finished(LONG).await);
    server.serving.await.unwrap();
    assert_eq!(half.hear_all().await, "");
}
