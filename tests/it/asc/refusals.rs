//! What the person reads: one snapshot for each way in which App Store Connect, or something in its place, says no.

use std::collections::BTreeSet;

use asc_webhooks::asc::{Error, LARGEST_ANSWER};
use wiremock::ResponseTemplate;

use super::{client, client_with, json, server, settings, told};
use crate::support::schema::Schema;

async fn error_of(answer: ResponseTemplate) -> Error {
    client(&server(answer).await).webhook("w-1").await.unwrap_err()
}

async fn check(name: &str, answer: ResponseTemplate) {
    let error = error_of(answer).await;
    let told = told(&error);
    assert!(told.lines().count() <= 2, "{told}");
    insta::assert_snapshot!(name, told);
}

fn apple(status: u16, code: &str, title: &str, detail: &str) -> ResponseTemplate {
    let error =
        serde_json::json!({ "id": "5c5b1a4f", "status": status.to_string(), "code": code, "title": title, "detail": detail });
    json(status, serde_json::json!({ "errors": [error] }).to_string())
}

#[tokio::test]
async fn every_refusal_that_apple_documents_says_what_to_do() {
    let documented = [Schema::of_apple().refusals(), Schema::of_lookups().refusals()];
    assert_eq!(documented[0], BTreeSet::from([400, 401, 403, 404, 409, 422, 429]));
    assert!(documented[1].is_subset(&documented[0]));
    // Those in prose besides: not acceptable, gone, and trouble at Apple's side.
    for status in documented[0].iter().copied().chain([406, 410, 500, 503]) {
        let error = error_of(apple(status, "A_CODE", "A title", "What went wrong.")).await;
        assert_eq!(error.status(), Some(status));
        assert!(error.to_string().ends_with(&format!("answered {status} A_CODE: What went wrong")), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.len() > 20), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_wrong_parameter() {
    let body = r#"{"errors": [{ "status": "400", "code": "PARAMETER_ERROR.INVALID", "title": "A parameter has an invalid value",
        "detail": "'x' is not a valid date", "source": { "parameter": "filter[createdDateLessThan]" } }]}"#;
    check("400", json(400, body)).await;
}

#[tokio::test]
async fn a_token_that_is_not_taken() {
    let refusal = || apple(401, "NOT_AUTHORIZED", "Authentication credentials are missing or invalid.", "The token is not valid.");
    check("401", refusal().insert_header("date", "Sat, 21 Nov 2026 12:00:09 GMT")).await;
    check("401_with_our_clock_behind", refusal().insert_header("date", "Sat, 21 Nov 2026 12:31:00 GMT")).await;
    check("401_with_our_clock_ahead", refusal().insert_header("date", "Sat, 21 Nov 2026 11:59:00 GMT")).await;
}

#[tokio::test]
async fn a_role_that_may_not() {
    let detail = "The API key in use does not allow this request";
    check("403_role", apple(403, "FORBIDDEN_ERROR", "This request is forbidden for security reasons", detail)).await;
    let detail = "The resource 'webhooks' does not allow 'GET_COLLECTION'. Allowed operations are: CREATE, DELETE";
    check("403_operation", apple(403, "FORBIDDEN_ERROR", "The given operation is not allowed", detail)).await;
    let code = "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED";
    check("403_agreement", apple(403, code, "A required agreement is missing or has expired.", "An agreement is missing.")).await;
}

#[tokio::test]
async fn a_thing_that_is_not_there() {
    let detail = "There is no resource of type 'webhooks' with id 'w-1'";
    check("404", apple(404, "NOT_FOUND", "The specified resource does not exist", detail)).await;
    check("410", apple(410, "GONE", "This is no longer here", "")).await;
}

#[tokio::test]
async fn plain_text() {
    check("406", ResponseTemplate::new(406).set_body_string("Not Acceptable\n")).await;
}

#[tokio::test]
async fn a_conflict_names_the_field() {
    let body = r#"{"errors": [
        { "status": "409", "code": "ENTITY_ERROR.ATTRIBUTE.TYPE", "title": "An attribute value has the wrong type.",
          "detail": "'buildUploadStateUpdated' is not a valid value for 'eventTypes'.",
          "source": { "pointer": "/data/attributes/eventTypes" } },
        { "status": "409", "code": "ENTITY_ERROR.ATTRIBUTE.REQUIRED", "title": "The attribute 'name' is required.",
          "source": { "pointer": "/data/attributes/name" } }
    ]}"#;
    check("409_with_a_pointer", json(409, body)).await;
    let body = r#"{"errors": [{ "status": "409", "code": "STATE_ERROR.ENTITY_STATE_INVALID", "title": "The state is not valid.",
        "meta": { "associatedErrors": { "/v1/apps/1": [{ "status": "409", "code": "STATE_ERROR", "title": "The app is gone." }] } } }]}"#;
    check("409_with_associated_errors", json(409, body)).await;
}

#[tokio::test]
async fn a_thing_that_cannot_be_done_now() {
    check("422", apple(422, "ENTITY_UNPROCESSABLE", "The request cannot be processed", "The webhook is disabled.")).await;
}

#[tokio::test]
async fn too_many_requests() {
    check("429", apple(429, "RATE_LIMIT_EXCEEDED", "The request rate limit has been reached.", "3500 requests an hour.")).await;
}

#[tokio::test]
async fn trouble_on_the_other_side() {
    check("500", apple(500, "UNEXPECTED_ERROR", "An unexpected error occurred.", "Try again later.")).await;
    check("502_page", ResponseTemplate::new(502).set_body_raw("<html><head><title>502 Bad Gateway</title></head>", "text/html"))
        .await;
    check("503_nothing", ResponseTemplate::new(503)).await;
}

#[tokio::test]
async fn somebody_else_answers() {
    check("302", ResponseTemplate::new(302).insert_header("location", "https://login.example/")).await;
    check("403_page", ResponseTemplate::new(403).set_body_raw("<!DOCTYPE html><p>blocked", "text/html")).await;
    check("200_page", ResponseTemplate::new(200).set_body_raw("<html><title>Welcome to the hotel</title>", "text/html")).await;
    check("200_cut_short", json(200, "{\"data\": {\"type\": \"webho")).await;
    check("200_text", ResponseTemplate::new(200).set_body_string("OK, thank you")).await;
    check("200_nothing", ResponseTemplate::new(200)).await;
}

#[tokio::test]
async fn another_shape() {
    check("200_shape", json(200, r#"{"data": {"type": "webhooks", "id": "w-1", "attributes": {"name": ["a tester's name"]}}}"#))
        .await;
    check("200_string", json(200, r#"{"data": "a tester's name"}"#)).await;
}

#[tokio::test]
async fn an_answer_without_end() {
    let padded = |size: usize| json(200, format!(r#"{{"data": {{"id": "w-1"}}}}{}"#, " ".repeat(size - 23)));
    let whole = client(&server(padded(LARGEST_ANSWER)).await).webhook("w-1").await;
    assert_eq!(whole.unwrap().id, "w-1");
    check("too_large", padded(LARGEST_ANSWER + 1)).await;
}

#[tokio::test]
async fn nobody_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client_with(settings(&format!("http://{address}"))).webhook("w-1").await.unwrap_err();
    let told = told(&error);
    assert!(
        told.starts_with("error: GET /v1/webhooks/w-1 (tried 5 times): the connection to App Store Connect failed: "),
        "{told}"
    );
    assert!(told.contains("Connection refused"), "{told}");
}

#[tokio::test]
async fn addresses_that_no_token_may_be_sent_to() {
    let urls = [
        "http://api.appstoreconnect.apple.com/",
        "http://10.0.0.1:8080/",
        "ftp://127.0.0.1/",
        "https://api.appstoreconnect.apple.com/v1",
        "https://user:password@api.appstoreconnect.apple.com/",
        "https://api.appstoreconnect.apple.com/?key=password",
    ];
    let told = urls.map(|url| {
        let settings = settings(url);
        let clock = std::sync::Arc::new(asc_webhooks::clock::SystemClock::new());
        let outgoing = asc_webhooks::http_client::Outgoing::new(None).unwrap();
        asc_webhooks::asc::Client::new(super::credentials(), settings, &outgoing, clock).unwrap_err().to_string()
    });
    insta::assert_snapshot!("base_urls", told.join("\n"));
    for good in [asc_webhooks::asc::APPLE, "http://localhost:8080", "http://[::1]:1", "http://127.0.0.1:1/"] {
        assert_eq!(client_with(settings(good)).rate_limit(), None);
    }
}
