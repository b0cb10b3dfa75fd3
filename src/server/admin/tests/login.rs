//! Logging in: for how long, and where it leads.

use super::*;

#[tokio::test]
async fn a_login_lasts_a_day_of_work_and_ends_with_its_token() {
    let bench = Bench::new();
    let cookie = cookie(&bench, TOKEN).await;
    let ask = async |bench: &Bench| {
        bench
            .send(request(&Method::GET, "/", &[("cookie", &format!("theme=dark; {cookie}; x"))]).body(Body::empty()).unwrap())
            .await
            .status
    };
    assert_eq!(ask(&bench).await, 200);
    bench.clock.advance(Duration::from_hours(11));
    assert_eq!(ask(&bench).await, 200);
    bench.clock.advance(Duration::from_hours(1));
    assert_eq!(ask(&bench).await, 401);
    assert_eq!(ask(&Bench::with(&CONFIG.replace("of an operator", "of another operator"))).await, 401);
}

#[tokio::test]
async fn a_login_goes_on_to_where_one_was_and_nowhere_else() {
    let bench = Bench::new();
    let log_in = async |next: &str, origin: &str| {
        let form =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("token", TOKEN).append_pair("next", next).finish();
        let host = origin.split_once("//").unwrap().1;
        let headers = [("origin", origin), ("host", host), ("content-type", "application/x-www-form-urlencoded")];
        bench.send(request(&Method::POST, "/login", &headers).body(form.into()).unwrap()).await
    };
    for (next, goes) in [
        ("/events?handler=ci", "/events?handler=ci"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("", "/"),
    ] {
        assert_eq!(log_in(next, "http://localhost:8081").await.header("location"), goes, "{next:?}");
    }
    let secure = log_in("/", "https://hooks.internal.example.com").await;
    assert!(secure.header("set-cookie").ends_with("; Secure"), "{}", secure.header("set-cookie"));

    let unknown = bench.send(request(&Method::GET, "/events?handler=ci", &[]).body(Body::empty()).unwrap()).await;
    assert!(
        unknown.text.contains(r#"name="next" value="/events?handler=ci""#) || unknown.text.contains("&#x2f;events?handler=ci"),
        "{}",
        unknown.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_none_is_called_so_and_costs_the_time_of_a_wrong_login() {
    let bench = Bench::new();
    let wrong = [("authorization", "Bearer the token of nobody"), ("content-type", "application/json")];
    for (method, path) in
        [(Method::POST, "/api/v1/handlers/ci/pause"), (Method::GET, "/api/v1/handlers"), (Method::GET, "/metrics")]
    {
        let begun = tokio::time::Instant::now();
        let answer = bench.send(request(&method, path, &wrong).body("{}".into()).unwrap()).await;
        let said = (answer.status, answer.text.contains("this token is not known"));
        assert_eq!((said, begun.elapsed()), ((401, true), session::HESITATION), "{path}: {}", answer.text);
    }
    let bare = bench.send(request(&Method::POST, "/api/v1/handlers/ci/pause", &wrong[1..]).body("{}".into()).unwrap()).await;
    assert_eq!((bare.status, &bare.json()["detail"]), (403, &"a change must come from the page itself, or bear a token".into()));
}
