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
    bench.clock.advance(Duration::from_secs(1));
    ready().await.is(503, &no("busy"));
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
