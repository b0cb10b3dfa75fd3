//! Real servers on loopback: what reaches them, and what each of their answers means.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::*;
use crate::event::{EventKind, sample};

const KEY: &str = "a key that is long enough to sign with";

fn event() -> Arc<Event> {
    Arc::new(Event::parse(sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").body()).unwrap())
}

fn section(url: &str, more: &str) -> Section {
    Section::sample(&format!("url = {url:?}\nallow_private = true\n{more}"))
}

const RAW: &str = "body = 'raw'\nheaders = {}";

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn forward_to(server: &MockServer, keys: &str, ctx: Context) -> Result<(), HandlerError> {
    let handler = Forward::new(section(&format!("{}/hook?token=hunter2", server.uri()), keys)).unwrap();
    handler.handle(event(), ctx).await
}

async fn only_request(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[tokio::test]
async fn raw_is_what_apple_sent() {
    let server = server(ResponseTemplate::new(204)).await;
    forward_to(&server, RAW, Context::sample()).await.unwrap();
    let request = only_request(&server).await;
    assert_eq!(request.method, "POST");
    assert_eq!(request.url.path(), "/hook");
    assert_eq!(&request.body[..], &event().raw()[..]);
    assert_eq!(request.headers["x-apple-signature"], Context::sample().signature().unwrap());
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["idempotency-key"], "5c3f0a");
    assert_eq!(request.headers["user-agent"], crate::http_client::USER_AGENT);
    assert!(!request.headers.contains_key("webhook-signature"));
}

#[tokio::test]
async fn a_recovered_event_has_no_signature_of_apple() {
    let server = server(ResponseTemplate::new(200)).await;
    forward_to(&server, RAW, Context::sample().recovered()).await.unwrap();
    assert!(!only_request(&server).await.headers.contains_key("x-apple-signature"));
}

#[tokio::test]
async fn json_is_signed() {
    let server = server(ResponseTemplate::new(200)).await;
    let keys = format!("body = 'json'\nsecret = '{KEY}'\nheaders = {{ Authorization = 'Bearer t', x-team = 'ios' }}");
    forward_to(&server, &keys, Context::sample()).await.unwrap();
    let request = only_request(&server).await;
    let (id, seconds) = (request.headers["webhook-id"].to_str().unwrap(), request.headers["webhook-timestamp"].to_str().unwrap());
    let mut signed = format!("{id}.{seconds}.").into_bytes();
    signed.extend_from_slice(&request.body);
    let expected = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap().chain_update(&signed).finalize().into_bytes();
    assert_eq!(request.headers["webhook-signature"], format!("v1,{}", STANDARD.encode(expected)));
    assert_eq!(id, "5c3f0a");
    assert_eq!(request.headers["authorization"], "Bearer t");
    assert_eq!(request.headers["x-team"], "ios");
    assert!(!request.headers.contains_key("x-apple-signature"));
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["event"]["state"], &body["endpoint"]), (&"REJECTED".into(), &"ios".into()));
}

#[tokio::test]
async fn a_template_is_sent_and_signed_if_there_is_a_secret() {
    let template = r#"{"text": {{ message.title | tojson }}, "by": {{ endpoint | tojson }}}"#;
    for (secret, is_signed) in [(String::new(), false), (format!("secret = '{KEY}'"), true)] {
        let server = server(ResponseTemplate::new(200)).await;
        let keys = format!("body = 'template'\nheaders = {{}}\ntemplate = '{template}'\n{secret}");
        forward_to(&server, &keys, Context::sample()).await.unwrap();
        let request = only_request(&server).await;
        let body: serde_json::Value = request.body_json().unwrap();
        assert_eq!(body, serde_json::json!({ "text": "App version (ios): In Review → Rejected", "by": "ios" }));
        assert_eq!(request.headers.contains_key("webhook-signature"), is_signed);
        assert_eq!(request.headers["idempotency-key"], "5c3f0a");
    }
}

#[tokio::test]
async fn what_strangers_write_stays_within_its_quotes() {
    let server = server(ResponseTemplate::new(200)).await;
    let hostile = "\", \"admin\": true, \"x\": \"\\\n</script>";
    let details = serde_json::json!({ "app": { "name": hostile } });
    let details = crate::event::Details::read(details.to_string().as_bytes()).map(Arc::new);
    let keys = "body = 'template'\nheaders = {}\ntemplate = '{\"by\": {{ details.app.name | tojson }}}'";
    forward_to(&server, keys, Context { details, ..Context::sample() }).await.unwrap();
    let body: serde_json::Value = only_request(&server).await.body_json().unwrap();
    assert_eq!(body, serde_json::json!({ "by": hostile }));
}

/// `ok`, `retry`, `retry after SECONDS` or `reject`, then what is said.
fn verdict(result: Result<(), HandlerError>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) if error.is_reject() => format!("reject: {error}"),
        Err(error) => match error.after() {
            Some(after) => format!("retry after {}: {error}", after.as_secs()),
            None => format!("retry: {error}"),
        },
    }
}

#[track_caller]
fn check(found: &str, expected: &str) {
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_status_has_its_word() {
    for (status, expected) in [
        (200, "ok"),
        (204, "ok"),
        (299, "ok"),
        (304, "reject: answered 304 Not Modified, expected 2xx; redirects are not followed"),
        (400, "reject: answered 400 Bad Request: no no"),
        (401, "reject: answered 401 Unauthorized: no no"),
        (404, "reject: answered 404 Not Found: no no"),
        (408, "retry: answered 408 Request Timeout: no no"),
        (410, "reject: answered 410 Gone: no no"),
        (422, "reject: answered 422 Unprocessable Entity: no no"),
        (425, "retry: answered 425 Too Early: no no"),
        (429, "retry after 7: answered 429 Too Many Requests: no no"),
        (500, "retry: answered 500 Internal Server Error: no no"),
        (502, "retry: answered 502 Bad Gateway: no no"),
        (503, "retry after 7: answered 503 Service Unavailable: no no"),
    ] {
        let server = server(ResponseTemplate::new(status).insert_header("retry-after", "7").set_body_string("no\n\u{7}no")).await;
        check(&verdict(forward_to(&server, RAW, Context::sample()).await), expected);
    }
}

#[tokio::test]
async fn redirects_are_said_and_not_followed() {
    let elsewhere = server(ResponseTemplate::new(200)).await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("{}/new?token=hunter2", elsewhere.uri());
        let server = server(ResponseTemplate::new(status).insert_header("location", to.as_str())).await;
        let said = verdict(forward_to(&server, RAW, Context::sample()).await);
        assert!(said.starts_with("reject") && said.contains(&format!("`{}/new`", elsewhere.uri())), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn of_a_huge_answer_little_is_shown() {
    let server = server(ResponseTemplate::new(500).set_body_string("x".repeat(10 << 20))).await;
    let said = verdict(forward_to(&server, RAW, Context::sample()).await);
    check(&said, &format!("retry: answered 500 Internal Server Error: {}…", "x".repeat(200)));
}

#[tokio::test]
async fn a_slow_answer_can_be_given_up() {
    let server = server(ResponseTemplate::new(200).set_delay(Duration::from_mins(1))).await;
    let attempt = forward_to(&server, RAW, Context::sample());
    assert!(tokio::time::timeout(Duration::from_millis(300), attempt).await.is_err());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_tried_again_and_the_url_is_not_shown() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let handler = Forward::new(section(&format!("http://127.0.0.1:{port}/hook?token=hunter2"), RAW)).unwrap();
    let said = verdict(handler.handle(event(), Context::sample()).await);
    assert!(said.starts_with("retry: cannot connect: Connection refused"), "{said}");
    assert!(!said.contains("hunter2") && !format!("{handler:?}").contains("hunter2"), "{said} {handler:?}");
}

#[test]
fn what_is_wrong_with_a_section_is_said() {
    let said = [
        "url = 'https://example.com'\nbody = 'json'\nheaders = {}\nallow_private = false",
        "url = 'https://example.com'\nbody = 'raw'\nsecret = 'x'\nheaders = {}\nallow_private = false",
        "url = 'http://example.com'\nbody = 'raw'\nheaders = {}\nallow_private = false",
        "url = 'http://1.1.1.1'\nbody = 'raw'\nheaders = {}\nallow_private = true",
        "url = 'https://127.1'\nbody = 'raw'\nheaders = {}\nallow_private = false",
        "url = 'https://169.254.169.254'\nbody = 'raw'\nheaders = {}\nallow_private = true",
        "url = 'https://me:hunter2@example.com'\nbody = 'raw'\nheaders = {}\nallow_private = false",
        "url = 'ftp://example.com'\nbody = 'json'\nsecret = 'short'\nheaders = { Host = 'a', 'b c' = 'd', e = \"f\\n\" }\nallow_private = false",
        "url = 'not a url'\nbody = 'raw'\nheaders = {}\nallow_private = false",
        "url = 'https://example.com'\nbody = 'template'\nheaders = {}\nallow_private = false",
        "url = 'https://example.com'\nbody = 'template'\nsecret = 'short'\ntemplate = '{{ message.tilte | tojson }}'\nheaders = {}\nallow_private = false",
        "url = 'https://example.com'\nbody = 'template'\ntemplate = '{\"text\": {{ message.sentence }}}'\nheaders = {}\nallow_private = false",
        "url = 'https://example.com'\nbody = 'template'\ntemplate = '{\"app\": \"{{ details.app.name }}\", \"of\": {{ event.subject.id }}}'\nheaders = {}\nallow_private = false",
        "url = 'https://example.com'\nbody = 'raw'\ntemplate = '{}'\nheaders = {}\nallow_private = false",
        "body = 'jsn'\nsceret = 'x'\nheaders = []",
        "url = 'https://127.1'\nbody = 'json'\nsecret = 'short'\nsceret = 'x'\ntemplate = '{}'\nheaders = { Host = 'a', e = 5 }\nallow_private = false",
        "url = 'http://example.com'\nbody = 'jsn'\nsecret = 'x'\ntemplate = '{}'\nheaders = { Host = 'a' }\nallow_private = false",
        "url = 'https://example.com'\nheaders = {}\nallow_private = false",
    ];
    let said: Vec<_> = said.into_iter().map(|toml| Forward::new(Section::sample(toml)).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(said.join("\n"));
}
