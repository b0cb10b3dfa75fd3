//! Over real connections: what GitHub is sent, and what its answers come to.

mod issues;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rustls::{SignatureScheme, crypto::ring::default_provider};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

use super::*;
use crate::{
    clock::Clock as _,
    event::{Details, sample},
    handler::message::{
        Told,
        tests::{details_of, event_of},
    },
};

const KEY: &str = include_str!("../../../../tests/fixtures/github/app.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("../../../../tests/fixtures/github/app.pub.der");

fn section(url: &str, more: &str) -> Section {
    Section::sample(&format!("repository = 'example/app'\napi_url = '{url}'\nallow_private = true\n{more}"))
}

fn handler(url: &str, more: &str) -> GitHub {
    GitHub::new(section(url, more)).unwrap()
}

fn context(details: Details) -> Context {
    Context::sample().with_details(details)
}

/// What a `dispatch` of an event is.
fn dispatch_of(event: &Event, details: Details) -> Value {
    let ctx = context(details);
    let (told, dispatch) =
        (Told::sample(event, ctx.details().unwrap()), Dispatch::new("app_store_connect.{{ event.family }}").unwrap());
    dispatch.body(&told, &Message::of(&told, &Voice::default()), &ctx).unwrap()
}

#[test]
fn a_dispatch_has_everything_in_ten_members() {
    for kind in EventKind::ALL {
        let event = event_of(kind, sample::states(kind).last().copied());
        let body = dispatch_of(&event, details_of(&event));
        assert_eq!(body["event_type"], format!("app_store_connect.{}", kind.family().as_str()));
        assert_eq!(body["client_payload"]["event"]["kind"], kind.as_str());
        assert!(body["client_payload"].as_object().unwrap().len() <= 10);
    }
    let event = event_of(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED"));
    insta::assert_json_snapshot!(dispatch_of(&event, details_of(&event)));
}

#[test]
fn of_a_large_dispatch_the_largest_is_left_out() {
    let event = event_of(&EventKind::BetaFeedbackCrashSubmissionCreated, None);
    let check = |log: usize, comment: usize, left_out: &[&str]| {
        let mut details = details_of(&event);
        let feedback = details.feedback.as_mut().unwrap();
        feedback.comment = Some("“ä”".repeat(comment / 8));
        feedback.crash_log.as_mut().unwrap().text = "\u{1}\"".repeat(log / 2);
        let body = dispatch_of(&event, details);
        assert_eq!(body["client_payload"]["left_out"], json!(left_out));
        assert!(body.to_string().len() < 64 * 1024);
        assert_eq!(body["client_payload"]["details"]["feedback"]["device_model"], "iPhone17,1");
    };
    check(1_000, 1_000, &[]);
    check(100_000, 1_000, &["details.feedback.crash_log"]);
    check(100_000, 40_000, &["details.feedback.crash_log", "details.feedback.comment"]);
    check(1_000, 100_000, &["details.feedback.crash_log", "details.feedback.comment", "message.quote"]);
}

const TOKEN: &str = "action = 'dispatch'\ntoken = 'ghp_1'";

async fn dispatched(server: &MockServer, keys: &str) -> Result<(), HandlerError> {
    let event = event_of(&EventKind::BuildUploadStateUpdated, Some("COMPLETE"));
    let ctx = context(details_of(&event));
    let handler = handler(&server.uri(), keys);
    tokio::time::timeout(Duration::from_secs(10), handler.handle(Arc::new(event), ctx)).await.unwrap()
}

/// What a dispatch comes to when GitHub answers so; `…` is where it is.
async fn outcome(answer: ResponseTemplate) -> String {
    let server = MockServer::start().await;
    let asked = Mock::given(method("POST")).and(path("/repos/example/app/dispatches"));
    let asked = asked.and(header("authorization", "Bearer ghp_1")).and(header("accept", "application/vnd.github+json"));
    asked.respond_with(answer).expect(1).mount(&server).await;
    dispatched(&server, TOKEN).await.map_or_else(|error| format!("{error:?}").replace(&server.uri(), "…"), |()| "ok".to_owned())
}

#[tokio::test]
async fn answers_are_understood() {
    let said = |message: &str| json!({ "message": message, "documentation_url": "https://docs.github.com/rest", "status": "4xx" });
    let limit = |status: u16| ResponseTemplate::new(status).set_body_json(said("API rate limit exceeded for installation ID 1."));
    let invalid = json!({
        "message": "Validation Failed",
        "errors": [{ "resource": "Issue", "field": "title", "code": "missing_field" }, { "message": "event_type is too long" }, "No."],
    });
    let answers = [
        ResponseTemplate::new(204),
        ResponseTemplate::new(401).set_body_json(said("Bad credentials")),
        ResponseTemplate::new(403).set_body_json(said("Resource not accessible by personal access token")),
        ResponseTemplate::new(404).set_body_json(said("Not Found")),
        ResponseTemplate::new(422).set_body_json(invalid),
        ResponseTemplate::new(429).insert_header("retry-after", "7").set_body_json(said("Slow down")),
        limit(403).insert_header("retry-after", "60").insert_header("x-ratelimit-remaining", "12"),
        limit(403),
        ResponseTemplate::new(403).set_body_json(said("You have exceeded a secondary rate limit.")),
        ResponseTemplate::new(403).insert_header("x-ratelimit-remaining", "12").set_body_json(said("Forbidden")),
        ResponseTemplate::new(307).insert_header("location", "/repositories/7/dispatches"),
        ResponseTemplate::new(500),
        ResponseTemplate::new(503).set_body_string("<html>Unicorn!</html>"),
        ResponseTemplate::new(200).set_body_string("<html>"),
    ];
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(outcome(answer).await);
    }
    insta::assert_snapshot!(outcomes.join("\n"));
    let soon = (SystemClock::new().now().as_second() + 3_000).to_string();
    let reset = limit(403).insert_header("x-ratelimit-remaining", "0").insert_header("x-ratelimit-reset", soon.as_str());
    let waits = outcome(reset).await;
    // Fifty minutes, less what the machine took to ask.
    assert!((2_940..=3_001).any(|seconds| waits.contains(&format!("after: Some({seconds}"))), "{waits}");
}

/// A GitHub that grants tokens to an App, counts them, and takes some of them.
async fn granting(lasts: i64, takes: &'static str) -> MockServer {
    let server = MockServer::start().await;
    let expires_at = SystemClock::new().now() + jiff::SignedDuration::from_secs(lasts);
    let grant = move |request: &Request| {
        let bearer = request.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        check_proof(bearer);
        assert_eq!(request.body_json::<Value>().unwrap(), json!({ "repositories": ["app"] }));
        ResponseTemplate::new(201).set_body_json(json!({ "token": "ghs_1", "expires_at": expires_at.to_string() }))
    };
    Mock::given(method("POST")).and(path("/app/installations/42/access_tokens")).respond_with(grant).mount(&server).await;
    let dispatches = || Mock::given(method("POST")).and(path("/repos/example/app/dispatches"));
    dispatches().and(header("authorization", takes)).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    dispatches()
        .respond_with(ResponseTemplate::new(401).set_body_json(json!({ "message": "Bad credentials" })))
        .mount(&server)
        .await;
    server
}

/// Checks the App's own token as GitHub does.
#[track_caller]
fn check_proof(token: &str) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let parts: Vec<Value> =
        signed.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect();
    assert_eq!(parts[0], json!({ "alg": "RS256", "typ": "JWT" }));
    let now = SystemClock::new().now().as_second();
    let (start, end) = (parts[1]["iat"].as_i64().unwrap(), parts[1]["exp"].as_i64().unwrap());
    assert!(parts[1]["iss"] == "7" && start < now && end > now && end - now < 600, "{}", parts[1]);
    let provider = default_provider();
    let algorithms = provider.signature_verification_algorithms.mapping;
    let (_, algorithms) = algorithms.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(algorithms.iter().any(|algorithm| algorithm.verify_signature(PUBLIC_KEY, signed.as_bytes(), &signature).is_ok()));
}

fn app() -> String {
    format!("action = 'dispatch'\napp_id = 7\ninstallation_id = '42'\nprivate_key = '''{KEY}'''")
}

/// How often a path was asked.
async fn visits(server: &MockServer, ending: &str) -> usize {
    server.received_requests().await.unwrap().iter().filter(|request| request.url.path().ends_with(ending)).count()
}

#[tokio::test]
async fn an_app_is_granted_a_token_once_while_it_lasts() {
    for (lasts, grants) in [(3_600, 1), (240, 3)] {
        let server = granting(lasts, "Bearer ghs_1").await;
        let handler = handler(&server.uri(), &app());
        for _ in 0..3 {
            let event = event_of(&EventKind::WebhookPingCreated, None);
            handler.handle(Arc::new(event), Context::sample()).await.unwrap();
        }
        assert_eq!((visits(&server, "/access_tokens").await, visits(&server, "/dispatches").await), (grants, 3));
    }
}

#[tokio::test]
async fn a_granted_token_that_is_not_taken_is_replaced() {
    let server = granting(3_600, "Bearer ghs_2").await;
    let handler = handler(&server.uri(), &app());
    for grants in [1, 2] {
        let error = handler.handle(Arc::new(event_of(&EventKind::WebhookPingCreated, None)), Context::sample()).await.unwrap_err();
        assert!(!error.is_reject(), "{error}");
        assert_eq!(visits(&server, "/access_tokens").await, grants);
    }
}

/// A GitHub that grants one token after the other, and takes all but the first. The first that bears it has to wait for that.
async fn revoking() -> MockServer {
    let server = MockServer::start().await;
    let (grants, refusals) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let grant = move |_: &Request| {
        let token = format!("ghs_{}", grants.fetch_add(1, Ordering::Relaxed) + 1);
        ResponseTemplate::new(201).set_body_json(json!({ "token": token, "expires_at": "2099-01-01T00:00:00Z" }))
    };
    Mock::given(method("POST")).and(path("/app/installations/42/access_tokens")).respond_with(grant).mount(&server).await;
    let refuse = move |_: &Request| {
        let is_first = refusals.fetch_add(1, Ordering::Relaxed) == 0;
        let refused = ResponseTemplate::new(401).set_body_json(json!({ "message": "Bad credentials" }));
        refused.set_delay(Duration::from_millis(if is_first { 400 } else { 50 }))
    };
    let dispatches = || Mock::given(method("POST")).and(path("/repos/example/app/dispatches"));
    dispatches().and(header("authorization", "Bearer ghs_1")).respond_with(refuse).mount(&server).await;
    dispatches().respond_with(ResponseTemplate::new(204)).mount(&server).await;
    server
}

#[tokio::test]
async fn a_token_that_is_not_taken_costs_each_event_an_attempt_and_none_its_dispatch() {
    let server = revoking().await;
    let handler = handler(&server.uri(), &app());
    let handle = || handler.handle(Arc::new(event_of(&EventKind::WebhookPingCreated, None)), Context::sample());
    // One of these is refused when the others long have the next token.
    let twice = async || (handle().await, handle().await);
    let ((one, next), (other, after), (third, last)) = tokio::join!(twice(), twice(), twice());
    for refused in [one, other, third] {
        assert!(refused.is_err_and(|error| !error.is_reject()));
    }
    assert!(next.and(after).and(last).is_ok());
    assert_eq!((visits(&server, "/access_tokens").await, visits(&server, "/dispatches").await), (2, 6));
}

#[test]
fn slips_in_the_keys_are_said() {
    let base = "api_url = 'https://api.github.com'\nallow_private = false";
    let said = [
        "repository = 'app'\naction = 'dispatch'",
        "repository = 'example/../x'\naction = 'issues'\ntoken = 't'",
        "repository = 'example/app'\naction = 'dispatch'\ntoken = \"one\\ntwo\"",
        "repository = 'example/app'\naction = 'dispatch'\ntoken = 't'\napp_id = 1",
        "repository = 'example/app'\naction = 'dispatch'\napp_id = '1'\nprivate_key = 'k'",
        "repository = 'example/app'\naction = 'dispatch'\napp_id = 1\ninstallation_id = 2\nprivate_key = 'k'\nscreenshots_branch = 'b'",
        "repository = 'example/app'\naction = 'dispatch'\napp_id = 1\ninstallation_id = 2\nprivate_key = '''-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----'''",
    ];
    let mut said: Vec<_> =
        said.into_iter().map(|toml| GitHub::new(Section::sample(&format!("{toml}\n{base}"))).unwrap_err().to_string()).collect();
    let all = "repo = 'x'\nrepository = 'app'\naction = 'issues'\nscreenshots_branch = 'b'\napp_id = []\ninstallation_id = 2\nprivate_key = 'k'\n\
               event_type = ' '\nlabels = [5]\napi_url = 'https://127.1'\nallow_private = false";
    said.push(GitHub::new(Section::sample(all)).unwrap_err().to_string());
    let all = all.replace("issues", "dispatch").replace("[]", "7");
    said.push(GitHub::new(Section::sample(&all)).unwrap_err().to_string());
    let other = |action: &str| {
        format!("repository = 'example/app'\naction = '{action}'\ntoken = 't'\nevent_type = 'x'\nlabels = []\n{base}")
    };
    said.extend(["dispatch", "issue"].map(|action| GitHub::new(Section::sample(&other(action))).unwrap_err().to_string()));
    said.push(Dispatch::new("{{ evnt.kind }}").err().unwrap().to_string());
    said.push(Dispatch::new(" ").err().unwrap().to_string());
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn nothing_secret_is_printable() {
    let printed = format!("{:?} {:?}", handler("http://127.0.0.1:1", TOKEN), handler("http://127.0.0.1:1", &app()));
    assert!(!printed.contains("ghp_1") && !printed.contains("MII"), "{printed}");
}
