//! What the bot sends for each kind and state, its pictures, and slips in its keys. Its threads are tested over the whole program, in
//! `tests/it/dispatch/threads.rs`.

use std::collections::HashMap;

use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_json, header, method, path},
};

use super::*;
use crate::{
    event::{
        Details, EventKind,
        details::{self, File, Screenshot},
        sample,
    },
    handler::{
        BoxHandler, KeptInMemory, Registry,
        message::Voice,
        tests::{QUOTED, listen},
    },
};

const BOT: &str = "token = 'xoxb-1-a-token'\nchannel = 'C012AB3CD'\nmention = 'here'\n";

fn built(server: &MockServer) -> BoxHandler {
    let section = format!("{BOT}api_url = '{}/api/'\nallow_private = true", server.uri());
    Registry::builtin().build("slack", Section::sample(&section)).unwrap()
}

fn letters(value: &Value) -> usize {
    value["text"].as_str().map_or(0, |text| text.chars().count())
}

/// Checks the [limits of blocks](https://docs.slack.dev/reference/block-kit/blocks).
#[track_caller]
fn check_limits(attachment: &Value) {
    let blocks = attachment["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    for block in blocks {
        let within = match block["type"].as_str().unwrap() {
            "header" => (1..=150).contains(&letters(&block["text"])),
            "section" if block["fields"].is_null() => (1..=3_000).contains(&letters(&block["text"])),
            "section" => {
                let fields = block["fields"].as_array().unwrap();
                fields.len() <= 10 && fields.iter().all(|field| (1..=2_000).contains(&letters(field)))
            }
            "context" => block["elements"].as_array().unwrap().iter().all(|text| (1..=2_000).contains(&letters(text))),
            "actions" => block["elements"].as_array().unwrap().len() <= 25,
            other => panic!("no limits are known of `{other}`"),
        };
        assert!(within, "{block:#}");
    }
}

#[test]
fn every_kind_and_state_keeps_slacks_limits() {
    let mut count = 0;
    for sample in sample::every() {
        let event = sample.event().unwrap();
        let mut known = details::sample::of(&event);
        for long in [false, true] {
            if long {
                known.app.get_or_insert_default().name = Some("Harbor & <!channel> ".repeat(1_000));
                known.feedback.get_or_insert_default().comment = Some("<!here> ".repeat(10_000));
            }
            for details in [&Details::default(), &known] {
                let message = Message::of(&Told::sample(&event, details), &Voice::default());
                check_limits(&attachment(&message, None));
                check_limits(&attachment(&message, Some(&"2026-03-02 09:30 UTC  In Review → Rejected\n".repeat(100))));
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count}");
}

fn feedback(pictures: usize) -> (Arc<Event>, Context) {
    let event = Event::parse(sample::of(&EventKind::BetaFeedbackScreenshotSubmissionCreated).body()).unwrap();
    let mut details = details::sample::of(&event);
    let name = |number: usize| format!("screenshot-{number}.png");
    let file = |number| File { name: name(number), media_type: "image/png".to_owned(), size: 3 };
    details.feedback.as_mut().unwrap().screenshots =
        (1..=pictures).map(|number| Screenshot { file: Some(file(number)), ..Screenshot::default() }).collect();
    let with_picture = |kept: KeptInMemory, number| kept.with_file(name(number), format!("png{number}"));
    let kept = (1..=pictures).fold(KeptInMemory::default(), with_picture);
    (Arc::new(event), Context::sample().with_details(details).with_kept(kept))
}

/// A Slack that takes a message and pictures, and answers so to the last step of an upload.
async fn slack(completed: impl Fn(usize) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let (bearer, ok) = ("Bearer xoxb-1-a-token", |said: Value| ResponseTemplate::new(200).set_body_json(said));
    let posted = ok(json!({ "ok": true, "ts": "1.1" }));
    let post = Mock::given(path("/api/chat.postMessage")).and(header("authorization", bearer));
    post.respond_with(posted).expect(1).mount(&server).await;
    let address = server.uri();
    let place = move |request: &Request| {
        let form: HashMap<_, _> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        assert_eq!(form["length"], "4");
        let id = form["filename"].strip_suffix(".png").unwrap().to_owned();
        ok(json!({ "ok": true, "upload_url": format!("{address}/upload/{id}?token=t"), "file_id": id }))
    };
    Mock::given(path("/api/files.getUploadURLExternal"))
        .and(header("authorization", bearer))
        .respond_with(place)
        .mount(&server)
        .await;
    for number in 1..=2 {
        let upload = Mock::given(method("POST")).and(path(format!("/upload/screenshot-{number}")));
        upload.respond_with(ResponseTemplate::new(200).set_body_string("OK")).mount(&server).await;
    }
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let expected = json!({
        "files": [
            { "id": "screenshot-1", "title": "Screenshot 1" },
            { "id": "screenshot-2", "title": "Screenshot 2" },
        ],
        "channel_id": "C012AB3CD",
        "thread_ts": "1.1",
    });
    let complete = Mock::given(path("/api/files.completeUploadExternal")).and(body_json(expected));
    let answer = move |_: &Request| completed(calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1);
    complete.respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn pictures_stand_in_the_thread_and_the_token_stays_with_the_api() {
    let server = slack(|_| ResponseTemplate::new(200).set_body_json(json!({ "ok": true }))).await;
    let (event, ctx) = feedback(2);
    built(&server).handle(Arc::clone(&event), ctx.clone()).await.unwrap();
    built(&server).handle(event, ctx.with_attempt(2)).await.unwrap();
    let sent = server.received_requests().await.unwrap();
    let uploads: Vec<_> = sent.iter().filter(|request| request.url.path().starts_with("/upload/")).collect();
    assert_eq!(uploads.iter().map(|request| &request.body[..]).collect::<Vec<_>>(), [b"png1", b"png2"]);
    assert!(uploads.iter().all(|request| !request.headers.contains_key("authorization")));
    let mut posted: Value = sent[0].body_json().unwrap();
    assert_eq!(posted["metadata"]["event_payload"]["id"], posted["client_msg_id"]);
    // It is another one every time.
    posted["client_msg_id"] = "(an id)".into();
    posted["metadata"]["event_payload"]["id"] = "(an id)".into();
    insta::assert_json_snapshot!(posted);
    server.verify().await;
}

#[tokio::test]
async fn an_upload_that_fails_is_made_again_and_the_message_is_not() {
    let server = slack(|call| match call {
        1 => ResponseTemplate::new(503),
        _ => ResponseTemplate::new(200).set_body_json(json!({ "ok": true })),
    })
    .await;
    let (event, ctx) = feedback(2);
    let failed = built(&server).handle(Arc::clone(&event), ctx.clone()).await.unwrap_err();
    assert!(!failed.is_reject(), "{failed}");
    built(&server).handle(event, ctx.with_attempt(2)).await.unwrap();
    server.verify().await;
}

#[tokio::test]
async fn pictures_that_slack_does_not_take_are_lost_and_the_message_is_not() {
    let said = json!({ "messages": [QUOTED] });
    let missing = json!({ "ok": false, "error": "missing_scope", "needed": "files:write", "response_metadata": said });
    let server = slack(move |_| ResponseTemplate::new(200).set_body_json(&missing)).await;
    let (log, _guard) = listen();
    let (event, ctx) = feedback(2);
    built(&server).handle(event, ctx).await.unwrap();
    server.verify().await;
    let lines = std::fs::read_to_string(log.path()).unwrap();
    assert!(lines.contains("Slack answered `missing_scope`; give the app the scope `files:write`"), "{lines}");
    assert!(!lines.contains(QUOTED), "{lines}");
}

#[test]
fn slips_in_the_keys_are_said() {
    let api = "api_url = 'https://slack.com/api'\nallow_private = false\n";
    let said = [
        "",
        "token = 'xoxb-1'",
        "channel = 'C012AB3CD'",
        "url = 'https://hooks.example.com/x'\ntoken = 'xoxb-1'",
        "token = 'xoxp-1'\nchannel = '#releases'\nmention = '@anna'\ntemplate = '{{ event.sate }}'",
        "token = 'xoxb-1 2'\nchannel = 'C'",
        "token = 'xoxb-1'\nchannel = 'C012AB3CD'\ncolour = 'red'",
        "mention = '@anna'\ntemplate = '{{ event.sate }}'",
        "url = 7\ncolour = 'red'\nmention = '@anna'\ntemplate = '{{ event.sate }}'",
        "url = 'http://example.com/x'\ncolour = 'red'\nmention = '@anna'\ntemplate = '{{ event.sate }}'",
    ];
    let said = said.map(|keys| {
        let error = Registry::builtin().build("slack", Section::sample(&format!("{api}{keys}"))).unwrap_err();
        error.to_string()
    });
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_token_is_never_shown() {
    let slack = Slack::new(Section::sample(&format!("{BOT}api_url = 'https://slack.com/api'\nallow_private = false"))).unwrap();
    assert_eq!(format!("{slack:?}"), r#"Bot(Bot { api: Api { target: https://slack.com/…, .. }, channel: "C012AB3CD", .. })"#);
}

#[test]
fn mentions_are_of_one_of_slacks_forms() {
    let check = |given: &str, expected: Option<&str>| {
        assert_eq!(Mention::read(Some(given)).ok().and_then(|mention| mention.0).as_deref(), expected, "{given}");
    };
    check("here", Some("<!here>"));
    check("U012AB3CD", Some("<@U012AB3CD>"));
    check("S0614TZR7", Some("<!subteam^S0614TZR7>"));
    check("@anna", None);
    check("U", None);
    check("", None);
}
