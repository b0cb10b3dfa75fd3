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
async fn figures_are_for_who_bears_the_token() {
    let bench = Bench::new();
    let figures = metrics::tests::exposition();
    let admin = |token: Option<&str>| admin_router(Arc::clone(&bench.receiver), figures.clone(), token.map(Secret::new));
    let ask = async |app: Router, path: &str, authorization: &[&str]| {
        let mut request = Request::get(path);
        for value in authorization {
            request = request.header("authorization", *value);
        }
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    let token = Some("the token of an operator");
    let right = "Bearer the token of an operator";
    assert_eq!(ask(admin(None), "/metrics", &[]).await, StatusCode::OK);
    assert_eq!(ask(admin(token), "/metrics", &[right]).await, StatusCode::OK);
    assert_eq!(ask(admin(token), "/metrics", &[&right.replace("Bearer", "bearer")]).await, StatusCode::OK);
    for wrong in
        [&[][..], &["Bearer "], &["Bearer the token of an operato"], &["the token of an operator"], &[right, right], &["Be"]]
    {
        assert_eq!(ask(admin(token), "/metrics", wrong).await, StatusCode::UNAUTHORIZED, "{wrong:?}");
    }
    assert_eq!(ask(admin(token), "/livez", &[]).await, StatusCode::OK);
    assert_eq!(ask(admin(token), "/readyz", &[]).await, StatusCode::OK);
    assert_eq!(ask(admin(token), "/app", &[right]).await, StatusCode::NOT_FOUND);
}
