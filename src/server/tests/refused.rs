//! What is counted and known of requests, refused ones above all.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

impl Bench {
    /// Another receiver on the same store, as after a restart.
    fn receiver_anew(&self) -> Arc<Receiver> {
        let intake = Arc::new(Intake::new(self.store.clone(), Routes::new(Vec::new()), self.clock.clone(), Arc::default()));
        Receiver::new(&[endpoint("/app", SECRET)], &limits(), intake, self.store.clone(), self.clock.clone(), &self.shutdown)
    }
}

#[tokio::test]
async fn what_is_refused_is_known_and_what_failed_before_matters() {
    let bench = Bench::new();
    let forged = || post("/app", &[&signed_by("another secret of these tests", &notification("a"))], notification("a"));
    for _ in 0..5 {
        bench.ask(forged()).await.is(401, UNAUTHORIZED);
    }
    let refusals = bench.receiver.refusals();
    assert_eq!(refusals.failing(), [], "nothing has ever matched");
    bench.ask(signed(notification("a"))).await.is(200, OK);
    for _ in 0..3 {
        bench.ask(forged()).await;
        bench.ask(signed(notification("a"))).await.is(200, OK);
    }
    assert_eq!(refusals.failing().len(), 1, "what is known already may be a copy that somebody sends again");
    bench.ask(signed(notification("b"))).await.is(200, OK);
    assert_eq!(refusals.failing(), []);
    let rows = refusals.rows(|_| true, None, 9);
    assert_eq!((rows.len(), rows[0].reason, rows[0].count), (1, "wrong", 8));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_proven_has_only_so_much_room() {
    let bench = Bench::new();
    let unproven = &bench.receiver.unproven;
    let (all, size) = (unproven.available_permits(), 100 * 1024);
    assert_eq!(all, 64 * 1024, "KiB");
    let app = router(Arc::clone(&bench.receiver));
    let strangers =
        (0..=all / 84).map(|_| bench.shutdown.spawn(app.clone().oneshot(post("/app", &[], unfinished(vec![b'x'; size])))));
    let strangers: Vec<_> = strangers.collect();
    // The last one does not fit in, and is told at once.
    while !strangers.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    assert_eq!(unproven.available_permits(), all % 84, "each holds what it has sent beyond the first 16 KiB");
    let large = Bytes::from(vec![b'x'; size]);
    let answer = bench.ask(signed(large.clone())).await;
    answer.is(503, r#"{"error":"unavailable"}"#);
    assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
    bench.ask(signed(notification("a"))).await.is(200, OK);
    bench.ask(signed(vec![b'x'; 16 * 1024])).await.is(200, OK);
    for stranger in strangers {
        let status = stranger.await.unwrap().unwrap().status();
        assert!([408, 503].contains(&status.as_u16()), "{status}");
    }
    assert_eq!(unproven.available_permits(), all);
    bench.ask(signed(large)).await.is(200, OK);
    assert_eq!(unproven.available_permits(), all, "what is proven needs none any more");
}

#[tokio::test]
async fn what_worked_before_the_start_counts() {
    let bench = Bench::new();
    bench.ask(signed(notification("a"))).await.is(200, OK);
    let again = Bench { receiver: bench.receiver_anew(), ..bench };
    again.receiver.recall().await.unwrap();
    for _ in 0..3 {
        again.ask(post("/app", &[&signed_by("another secret of these tests", &notification("b"))], notification("b"))).await;
    }
    assert_eq!(again.receiver.refusals().failing().len(), 1);
}

#[test]
fn every_answer_is_counted() {
    let shown = metrics::tests::scrape_after(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            bench.ask(signed(notification("a"))).await;
            bench.ask(signed(notification("a"))).await;
            bench.ask(post("/app", &[], "")).await;
            bench.ask(post("/app", &["nonsense"], "")).await;
            bench.ask(post("/app", &[], vec![0; MAX_BODY + 1])).await;
            bench.ask(post("/a path that an attacker made up".replace(' ', "-").as_str(), &[], "")).await;
            bench.store.becomes(Mood::Fails(StoreError::Full("no room".to_owned())));
            bench.ask(signed(notification("b"))).await;
            bench.store.becomes(Mood::Panics);
            bench.ask(signed(notification("b"))).await;
        });
    });
    let mut counted: Vec<_> = shown.lines().filter(|line| line.contains("_total{") && !line.ends_with(" 0")).collect();
    counted.sort_unstable();
    insta::assert_snapshot!(counted.join("\n"));
}

#[tokio::test]
async fn who_sends_no_body_is_told_from_who_goes_away() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (receiver, shutdown) = (Arc::clone(&bench.receiver), bench.shutdown.clone());
    let app = router(Arc::clone(&receiver));
    bench.shutdown.spawn(async move { serve(listener, app, Limits::public(&limits()), Some(receiver), &shutdown).await });

    let chunked = "POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for nonsense in ["no length\r\n", "1\r\nxx", "fffffffffffffffffffff\r\n"] {
        let answer = answer_to(address, &format!("{chunked}{nonsense}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(r#"{"error":"bad request"}"#), "{nonsense:?}: {answer}");
    }
    for begun in ["POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", &format!("{chunked}2\r\nx")] {
        let mut peer = TcpStream::connect(address).await.unwrap();
        peer.write_all(begun.as_bytes()).await.unwrap();
        peer.shutdown().await.unwrap();
        peer.read_to_end(&mut Vec::new()).await.unwrap();
    }
    let mut totals: Vec<_> = bench.receiver.refusals().totals().iter().map(|total| (total.reason, total.count)).collect();
    totals.sort_unstable();
    assert_eq!(totals, [("garbled", 3), ("interrupted", 2)]);
}

/// The answer to bytes on a connection of their own.
async fn answer_to(address: SocketAddr, bytes: &str) -> String {
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_the_listener_refuses_is_known_too() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(100);
    let limits = Limits { head_timeout: short, idle_timeout: short, max_connections: 1, ..Limits::public(&limits()) };
    let (receiver, shutdown) = (Arc::clone(&bench.receiver), bench.shutdown.clone());
    let app = router(Arc::clone(&receiver));
    bench.shutdown.spawn(async move { serve(listener, app, limits, Some(receiver), &shutdown).await });

    let long = format!("GET /livez HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "y".repeat(40_000));
    let bad = r#"{"error":"bad request"}"#;
    for (bytes, status, words) in [
        ("POST /app HTTP/1.1\r\nHo", "408", r#"{"error":"too slow"}"#),
        (&*long, "431", r#"{"error":"too large"}"#),
        ("POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", "400", bad),
        ("\x16\x03\x01\x02\x00\x01\r\n\r\n", "400", bad),
        ("GET /livez HTTP/1.1\r\n\r\n", "400", bad),
        // No fault, and each is the only thing that may go on: nothing of it is to be known.
        ("", "", ""),
        ("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", "200", r#"{"status":"alive"}"#),
    ] {
        let answer = answer_to(address, bytes).await;
        assert_eq!(answer.get(9..12).unwrap_or_default(), status, "{bytes:?}: {answer}");
        assert!(answer.ends_with(words), "{bytes:?}: {answer}");
    }

    let first = TcpStream::connect(address).await.unwrap();
    let second = answer_to(address, "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(second.starts_with("HTTP/1.1 200 "), "who is kept waiting is answered all the same: {second}");
    drop(first);

    let refusals = bench.receiver.refusals();
    let mut totals: Vec<_> = refusals.totals().iter().map(|total| (total.reason, total.count)).collect();
    totals.sort_unstable();
    assert_eq!(
        totals.iter().filter(|(reason, _)| *reason != "too_many_connections").collect::<Vec<_>>(),
        [&("ambiguous", 1), &("garbled", 2), &("head_too_large", 1), &("head_too_slow", 1)]
    );
    // Whoever came before its predecessor was quite gone has waited too.
    assert!(totals.iter().any(|(reason, count)| *reason == "too_many_connections" && *count >= 1), "{totals:?}");
    assert!(refusals.rows(|row| row.source.to_string() != "127.0.0.1" || row.endpoint.is_some(), None, 9).is_empty());
}
