//! What each service is sent for each kind of message, and what its answers come to, over real connections.

use std::collections::BTreeMap;

use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use super::{slack::Webhook, *};
use crate::{
    event::{Details, EventKind, sample},
    handler::{BoxHandler, Registry, message::Voice},
};

const HOSTILE: &str = "\u{202e}@channel <!channel> @everyone **bold** <b>x</b> [l](https://e.example) `c` _i_\n# h\n- l";

/// The keys of each kind, without the address.
const KINDS: [(&str, &str); 5] = [
    ("slack", "mention = 'here'\napi_url = 'https://slack.com/api'"),
    ("discord", "mention = 'role:42'"),
    ("teams", ""),
    ("lark", "secret = 'a secret of lark'"),
    ("telegram", "token = '123:abc'\nchat = '-100'\ntopic = 7"),
];

fn section(kind: &str, address: &str, keys: &str) -> Section {
    let (url, rest) = if kind == "telegram" { ("api_url", "") } else { ("url", "/hook") };
    Section::sample(&format!("{url} = '{address}{rest}'\nallow_private = true\n{keys}"))
}

fn built(kind: &str, address: &str, keys: &str) -> BoxHandler {
    Registry::builtin().build(kind, section(kind, address, keys)).unwrap()
}

fn event(kind: &EventKind, state: Option<&str>) -> Arc<Event> {
    let sample = sample::of(kind).id("e1").time("2026-11-21T14:04:05Z".parse().unwrap());
    let sample = state.map_or_else(|| sample.clone(), |state| sample.clone().state(state));
    Arc::new(Event::parse(sample.body()).unwrap())
}

/// The body that a service is sent for a message.
fn body_of(kind: &str, message: &Message) -> Value {
    fn body<S: Service>(section: &Section, message: &Message) -> Value {
        S::settle(section.parse().unwrap(), section).unwrap().service.body(message, "2026-11-21T14:04:06Z".parse().unwrap())
    }
    let keys = BTreeMap::from(KINDS)[kind];
    let section = section(kind, "http://127.0.0.1:1", keys);
    match kind {
        "slack" => body::<Webhook>(&section, message),
        "discord" => body::<Discord>(&section, message),
        "teams" => body::<Teams>(&section, message),
        "lark" => body::<Lark>(&section, message),
        _ => body::<Telegram>(&section, message),
    }
}

fn message_of(kind: &EventKind, state: Option<&str>, details: &str) -> Message {
    let (event, details) = (event(kind, state), crate::event::Details::read(details.as_bytes()).unwrap());
    Message::of(&Told::sample(&event, &details), &Voice::default())
}

fn loud() -> Message {
    let details = json!({
        "app": { "id": "1", "name": "Harbor", "bundle_id": "com.example.harbor" },
        "version": { "string": "2.3", "platform": "IOS", "release_type": "MANUAL" },
        "link": "https://appstoreconnect.apple.com/apps/1",
    });
    message_of(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED"), &details.to_string())
}

fn hostile(comment: &str) -> Message {
    let details = json!({
        "app": { "id": "1", "name": HOSTILE },
        "build": { "version": "2.3", "number": HOSTILE },
        "feedback": { "comment": comment, "device_model": HOSTILE, "locale": HOSTILE },
    });
    message_of(&EventKind::BetaFeedbackScreenshotSubmissionCreated, None, &details.to_string())
}

#[test]
fn each_service_has_its_own_form() {
    for (kind, _) in KINDS {
        insta::assert_json_snapshot!(format!("{kind}_loud"), body_of(kind, &loud()));
        insta::assert_json_snapshot!(format!("{kind}_hostile"), body_of(kind, &hostile(HOSTILE)));
    }
}

/// All texts within a body, wherever they stand.
fn texts(body: &Value) -> Vec<&str> {
    match body {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn nothing_is_longer_than_a_service_takes() {
    let long = |letters: usize| "<b>&*_".repeat(letters).chars().take(letters).collect::<String>();
    let fact = || Fact { name: "Internal testing", value: long(1_024) };
    let facts = |number: usize| std::iter::repeat_with(fact).take(number).collect();
    for message in [
        hostile(&long(120_000)),
        Message { title: long(400), sentence: long(5_000), facts: facts(30), ..hostile(&long(120_000)) },
        Message { facts: facts(12), ..hostile("short") },
    ] {
        fits_in_every_service(&message);
    }
    // However much is left for the last field, down to nothing at all.
    for length in 900..1_024 {
        let fact = || Fact { name: "F", value: "x".repeat(length) };
        fits_in_discord(&body_of(
            "discord",
            &Message { facts: vec![fact(), fact(), fact(), fact(), fact(), fact(), fact()], ..loud() },
        ));
    }
}

fn letters(value: &Value) -> usize {
    value.as_str().map_or(0, |text| text.chars().count())
}

#[track_caller]
fn fits_in_discord(body: &Value) {
    let embed = &body["embeds"][0];
    let fields = embed["fields"].as_array().unwrap();
    let of_fields = fields.iter().map(|field| letters(&field["name"]) + letters(&field["value"])).sum::<usize>();
    assert!(letters(&embed["title"]) + letters(&embed["description"]) + of_fields <= 6_000, "{of_fields} letters in fields");
    assert!(letters(&embed["title"]) <= 256 && letters(&embed["description"]) <= 4_096);
    assert!(fields.len() <= 25 && fields.iter().all(|field| (1..=1_024).contains(&letters(&field["value"]))));
    assert!(fields.iter().all(|field| (1..=256).contains(&letters(&field["name"]))));
}

#[track_caller]
fn fits_in_every_service(message: &Message) {
    let whole = |kind: &str| body_of(kind, message);
    for (kind, bytes) in [("slack", 40_000), ("discord", 40_000), ("teams", 28 * 1024), ("lark", 20 * 1024), ("telegram", 40_000)] {
        assert!(whole(kind).to_string().len() < bytes, "{kind}: {}", whole(kind).to_string().len());
        assert!(texts(&whole(kind)).iter().any(|text| text.contains('…')), "{kind} marks where it cut");
    }
    fits_in_discord(&whole("discord"));
    for block in whole("slack")["attachments"][0]["blocks"].as_array().unwrap() {
        let most = if block["type"] == "header" { 150 } else { 3_000 };
        assert!(letters(&block["text"]["text"]) <= most, "{block}");
        let fields = block["fields"].as_array().map_or(&[][..], Vec::as_slice);
        assert!(fields.len() <= 10 && fields.iter().all(|field| letters(&field["text"]) <= 2_000), "{block}");
    }
    // Telegram counts what is left when the marks are read.
    let seen = whole("telegram")["text"].as_str().unwrap().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    assert!(seen.chars().count() <= 4_096, "{}", seen.chars().count());
}

#[test]
fn nobody_is_called_by_what_a_stranger_writes() {
    let message = hostile(HOSTILE);
    assert_eq!(body_of("discord", &message)["allowed_mentions"], json!({ "parse": [] }));
    let slack = body_of("slack", &message);
    assert!(slack.get("text").is_none() && !slack.to_string().contains("mrkdwn"), "{slack}");
    let telegram = body_of("telegram", &message);
    assert!(!telegram["text"].as_str().unwrap().contains("<b>x"), "{telegram}");
}

#[test]
fn only_what_is_loud_calls_somebody() {
    let quiet = message_of(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("IN_REVIEW"), "{}");
    for (kind, mention) in [("slack", "<!here>"), ("discord", "<@&42>")] {
        assert!(body_of(kind, &loud()).to_string().contains(mention), "{kind}");
        assert!(!body_of(kind, &quiet).to_string().contains(mention), "{kind}");
    }
}

#[test]
fn a_payload_can_be_shown_and_holds_no_secret() {
    let (event, details) = (event(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED")), Details::default());
    for (kind, keys) in KINDS {
        let payload = built(kind, "http://127.0.0.1:1", keys).payload(&Told::sample(&event, &details)).unwrap().unwrap();
        assert!(payload.to_string().contains("App Review rejected"), "{payload}");
        assert_eq!(payload.get("sign"), (kind == "lark").then_some(&json!("…")), "{kind}");
        let is_told = |secret| payload.to_string().contains(secret);
        assert!(!is_told("123:abc") && !is_told("a secret of lark"), "{payload}");
    }
}

/// What a handler comes to when the service answers so.
async fn outcome(kind: &str, answer: ResponseTemplate) -> String {
    let server = MockServer::start().await;
    let place = if kind == "telegram" { "/bot123:abc/sendMessage" } else { "/hook" };
    Mock::given(method("POST")).and(path(place)).respond_with(answer).expect(1).mount(&server).await;
    let handler = built(kind, &server.uri(), BTreeMap::from(KINDS)[kind]);
    let event = event(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED"));
    match handler.handle(event, Context::sample()).await {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn answers_are_understood() {
    let json = |status, body: Value| ResponseTemplate::new(status).set_body_json(body);
    let text = |status, body: &str| ResponseTemplate::new(status).set_body_string(body);
    let answers = [
        ("slack", text(200, "ok")),
        ("slack", text(404, "channel_not_found")),
        ("slack", text(429, "").insert_header("retry-after", "30")),
        ("slack", text(500, "rollup_error")),
        ("discord", text(204, "")),
        ("discord", json(429, json!({ "message": "You are being rate limited.", "retry_after": 1.5, "global": false }))),
        ("discord", json(404, json!({ "message": "Unknown Webhook", "code": 10015 }))),
        ("teams", text(202, "")),
        ("teams", text(400, "Webhook Bad Request")),
        ("lark", json(200, json!({ "code": 0, "msg": "success" }))),
        ("lark", json(200, json!({ "code": 19021, "msg": "sign match fail or timestamp is not within one hour" }))),
        ("lark", json(200, json!({ "code": 11232, "msg": "frequency limited" }))),
        ("telegram", json(200, json!({ "ok": true }))),
        ("telegram", json(429, json!({ "ok": false, "error_code": 429, "parameters": { "retry_after": 5 } }))),
        ("telegram", json(400, json!({ "ok": false, "description": "Bad Request: chat not found" }))),
    ];
    let mut said = Vec::new();
    for (kind, answer) in answers {
        said.push(format!("{kind}: {}", outcome(kind, answer).await));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn a_template_takes_the_place_of_the_sentence() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
    let handler =
        built("slack", &server.uri(), "api_url = 'https://slack.com/api'\ntemplate = '{{ event.state }} at {{ endpoint }}'");
    let event = event(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED"));
    handler.handle(event, Context::sample()).await.unwrap();
    let sent = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    let said = &body["attachments"][0]["blocks"][1]["text"]["text"];
    assert!(said.as_str().unwrap().starts_with("REJECTED at "), "{said}");
}

#[tokio::test]
async fn what_was_fetched_back_says_so_in_every_chat() {
    for (kind, keys) in KINDS {
        let server = MockServer::start().await;
        let yes = ResponseTemplate::new(200).set_body_json(json!({ "code": 0 }));
        Mock::given(method("POST")).respond_with(yes).mount(&server).await;
        let handler = built(kind, &server.uri(), keys);
        for recovered in [false, true] {
            let event = event(&EventKind::BuildUploadStateUpdated, Some("FAILED"));
            handler.handle(event, Context { recovered, ..Context::sample() }).await.unwrap();
            let body = server.received_requests().await.unwrap().pop().unwrap().body;
            let says_so = String::from_utf8(body).unwrap().contains("fetched back from Apple at 2026");
            assert_eq!(says_so, recovered, "{kind}");
        }
    }
}

#[test]
fn slips_in_the_keys_are_said() {
    let said = [
        ("slack", "url = 'http://hooks.example.com/x'\napi_url = 'https://slack.com/api'\nallow_private = false"),
        (
            "slack",
            "url = 'https://hooks.example.com/x'\napi_url = 'https://slack.com/api'\nallow_private = false\nmention = '@anna'",
        ),
        (
            "slack",
            "url = 'https://hooks.example.com/x'\napi_url = 'https://slack.com/api'\nallow_private = false\ntemplate = '{{ event.sate }}'",
        ),
        ("discord", "url = 'https://hooks.example.com/x'\nallow_private = false\nmention = 'anna'"),
        ("teams", "url = 'https://hooks.example.com/x'\nallow_private = false\ncolour = 'red'"),
        ("telegram", "api_url = 'https://api.telegram.org'\nallow_private = false\nchat = '1'\ntoken = 'nope'"),
        ("lark", "url = 'https://hooks.example.com/x'\nallow_private = false\nsecret = ''"),
        // All that is wrong is said at once, whatever it takes to see it.
        ("discord", "url = 'http://example.com/x'\nallow_private = false\nmention = 'anna'\ntemplate = '{{ event.sate }}'"),
        ("lark", "allow_private = 'no'\ncolour = 'red'\ntemplate = '{{ event.sate }}'"),
        ("telegram", "api_url = 7\nallow_private = false\nchat = '1'\ntoken = 'nope'\ntemplate = '{{ 1 + }}'"),
    ];
    let said = said.map(|(kind, keys)| Registry::builtin().build(kind, Section::sample(keys)).unwrap_err().to_string());
    insta::assert_snapshot!(said.join("\n"));
}
