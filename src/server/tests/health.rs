//! What machines ask about us, asked without a socket.

use super::*;

#[tokio::test(start_paused = true)]
async fn ready_means_that_a_commit_has_just_worked() {
    let bench = Bench::new();
    let ready = async || bench.ask(Request::get("/readyz").body(Body::empty()).unwrap()).await;
    let probes = || bench.store.probes.load(Ordering::SeqCst);
    let (yes, no) = (r#"{"status":"ready"}"#, |word| format!(r#"{{"status":"not ready","reason":"store {word}"}}"#));

    ready().await.is(200, yes);
    ready().await.is(200, yes);
    assert_eq!(probes(), 1, "asked at most once a second");

    bench.store.becomes(Mood::Fails(StoreError::Full("/var/lib/secret".to_owned())));
    bench.clock.advance(Duration::from_secs(1));
    ready().await.is(503, &no("full"));
    bench.ask(Request::get("/livez").body(Body::empty()).unwrap()).await.is(200, r#"{"status":"alive"}"#);

    bench.store.becomes(Mood::Works);
    bench.ask(signed(notification("a"))).await.is(200, OK);
    ready().await.is(200, yes);
    assert_eq!(probes(), 2, "a notification was just kept: nothing to ask");

    bench.store.becomes(Mood::Hangs);
    bench.clock.advance(Duration::from_secs(5));
    ready().await.is(503, &no("silent"));

    bench.store.becomes(Mood::Works);
    bench.clock.advance(Duration::from_secs(1));
    ready().await.is(200, yes);
    bench.store.becomes(Mood::Fails(StoreError::Busy("queue".to_owned())));
    bench.ask(signed(notification("b"))).await;
    ready().await.is(503, &no("busy"));
    assert_eq!(probes(), 5, "what was proven a moment ago is disproven by what was just refused");
    ready().await.is(503, &no("busy"));
    assert_eq!(probes(), 5, "asked at most once a second");
}

#[tokio::test]
async fn the_operators_routes_are_not_on_the_public_listener() {
    let bench = Bench::new();
    for path in admin::paths() {
        for method in ["GET", "POST"] {
            let request = Request::builder().method(method).uri(path).header("host", "localhost").body(Body::empty()).unwrap();
            bench.ask(request).await.is(404, r#"{"error":"not found"}"#);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_operators_page_says_why_nothing_can_be_kept() {
    let bench = Bench::new();
    let app = admin_router(Arc::clone(&bench.receiver), admin::tests::over(bench.store.clone(), bench.clock.clone()));
    let overview = async || {
        let request = Request::get("/").header("host", "localhost").header("authorization", "Bearer the token of an operator");
        let answer = Answer::read(app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()).await;
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    let full = Mood::Fails(StoreError::Full("0 bytes are free".to_owned()));
    let gone = Mood::Fails(StoreError::Unavailable("No such file or directory".to_owned()));
    for (mood, said, remedy) in [
        (full, "the store is full: 0 bytes are free", "Make room"),
        (gone, "the store is unavailable: No such file or directory", "and its folder"),
        (Mood::Hangs, "the store gave no answer within 2s", "Look at the disk"),
    ] {
        bench.store.becomes(mood);
        bench.clock.advance(Duration::from_secs(1));
        let page = overview().await;
        assert!(page.contains(&format!("Notifications are refused: {said}")) && page.contains(remedy), "{page}");
        assert!(!page.contains("All is well") && !page.contains("Nothing has come in"), "{page}");
    }
    bench.store.becomes(Mood::Works);
    bench.clock.advance(Duration::from_secs(1));
    assert!(overview().await.contains("Nothing has come in yet"));
}

#[tokio::test]
async fn the_operators_listener_takes_no_notification_and_says_how_we_are() {
    let bench = Bench::new();
    let admin = admin::tests::over(bench.store.clone(), bench.clock.clone());
    let app = admin_router(Arc::clone(&bench.receiver), admin);
    let ask = async |request: Request| app.clone().oneshot(request).await.unwrap().status();
    assert_eq!(ask(Request::get("/livez").body(Body::empty()).unwrap()).await, StatusCode::OK);
    assert_eq!(ask(Request::get("/readyz").body(Body::empty()).unwrap()).await, StatusCode::OK);
    assert_eq!(ask(signed(notification("a"))).await, StatusCode::NOT_FOUND);
    assert_eq!(bench.store.receipts().await, 0);
}
