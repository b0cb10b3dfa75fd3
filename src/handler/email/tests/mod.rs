//! How a letter looks, and how it is handed over to a real server on loopback, which speaks SMTP and TLS.

mod sink;

use std::time::Duration;

use serde_json::json;

use self::sink::{Sink, Speaks};
use super::*;
use crate::{
    event::{Details, EventKind, sample},
    handler::{
        message::{
            Message, Voice,
            tests::{details_of, event_of},
        },
        tests::{QUOTED, listen},
    },
    http_client::Outgoing,
};

const HOSTILE: &str = "\u{202e}@channel <script>alert(1)</script> <b>x</b>\r\n.\r\nMAIL FROM:<x@y>\n<!-- \"&amp;";

fn section(more: &str) -> Section {
    let common = "server = 'localhost'\nfrom = 'App Store Connect <asc@example.com>'\nallow_private = true";
    let authority = include_bytes!("../../../../tests/fixtures/tls/ca.pem");
    let to = if more.contains("to = ") {
        ""
    } else {
        "\nto = ['Ümit Team <ios@example.com>', 'b@example.com']\ncc = ['c@example.com']"
    };
    Section::new("ci", format!("{common}{to}\n{more}").parse().unwrap(), Outgoing::new(Some(authority)).unwrap())
}

fn context(details: Details) -> Context {
    Context::sample().with_details(details)
}

async fn letter_of(event: &Event, details: Details) -> String {
    let ctx = context(details);
    let email = Email::new(section("tls = 'starttls'")).unwrap();
    let told = Told::sample(event, ctx.details().unwrap());
    let attached = attached(&told, &ctx).await.unwrap();
    let letter = email.desk.write(&told, &email.words.message(&told).unwrap(), attached, ctx.idempotency_key()).unwrap();
    assert!(letter.bytes.is_ascii(), "whatever a server offers can carry it");
    let text = String::from_utf8(letter.bytes).unwrap();
    assert!(text.split("\r\n").all(|line| !line.contains(['\n', '\r']) && line.len() <= 998), "lines are as SMTP wants them");
    text.replace("\r\n", "\n")
}

#[tokio::test]
async fn a_letter_of_each_loudness() {
    let mut letters = Vec::new();
    for (kind, state) in [
        (EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED")),
        (EventKind::AppStoreVersionAppVersionStateUpdated, Some("READY_FOR_DISTRIBUTION")),
        (EventKind::WebhookPingCreated, None),
    ] {
        let event = event_of(&kind, state);
        letters.push(letter_of(&event, details_of(&event)).await);
    }
    insta::assert_snapshot!(letters.join("\n=====\n"));
}

#[test]
fn a_page_of_each_kind() {
    let pages = EventKind::ALL.iter().map(|kind| {
        let event = event_of(kind, sample::states(kind).last().copied());
        let page = page::of(&Message::of(&Told::sample(&event, &details_of(&event)), &Voice::default()));
        page.split_once("<h1").unwrap().1.to_owned()
    });
    insta::assert_snapshot!(pages.collect::<Vec<_>>().join("\n=====\n"));
}

#[tokio::test]
async fn a_stranger_writes_no_headers_and_no_html() {
    let event = event_of(&EventKind::BetaFeedbackCrashSubmissionCreated, None);
    let mut details = details_of(&event);
    details.app.as_mut().unwrap().name = Some("Harbor\r\nBcc: x@example.com\r\n\r\n<b>é</b>".to_owned());
    details.feedback.as_mut().unwrap().comment = Some(HOSTILE.to_owned());
    insta::assert_snapshot!(letter_of(&event, details).await);
}

#[tokio::test]
async fn a_comment_without_end_ends() {
    let event = event_of(&EventKind::BetaFeedbackScreenshotSubmissionCreated, None);
    let mut details = details_of(&event);
    details.feedback.as_mut().unwrap().comment = Some("ä".repeat(100_000));
    let letter = letter_of(&event, details).await;
    assert!(letter.len() < 500_000, "{}", letter.len());
}

#[tokio::test]
async fn letters_about_one_version_are_one_thread() {
    let thread = async |kind: &EventKind, state| {
        let letter = letter_of(&event_of(kind, state), Details::default()).await;
        letter.lines().find_map(|line| line.strip_prefix("References: ")).map(ToOwned::to_owned)
    };
    let version = &EventKind::AppStoreVersionAppVersionStateUpdated;
    assert_eq!(thread(version, Some("IN_REVIEW")).await, thread(version, Some("REJECTED")).await);
    assert_ne!(thread(version, Some("IN_REVIEW")).await, thread(&EventKind::BuildUploadStateUpdated, Some("COMPLETE")).await);
    assert_eq!(thread(&EventKind::WebhookPingCreated, None).await, None);
}

async fn handed_over(sink: &Sink, keys: &str) -> String {
    let email = Email::new(section(&format!("port = {}\n{keys}", sink.port))).unwrap();
    let event = event_of(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED"));
    let ctx = context(details_of(&event));
    let attempt = tokio::time::timeout(Duration::from_secs(3), email.handle(Arc::new(event), ctx)).await;
    match attempt {
        Ok(result) => {
            result.map_or_else(|error| format!("{error:?}").replace(&sink.port.to_string(), "[port]"), |()| "ok".to_owned())
        }
        Err(_) => "timed out".to_owned(),
    }
}

const LOGIN: &str = "username = 'asc'\npassword = 'hunter2'";

#[tokio::test]
async fn a_letter_arrives_once_by_every_way() {
    for (speaks, tls) in [(Speaks::Starttls, "starttls"), (Speaks::Implicit, "implicit"), (Speaks::Plain, "none")] {
        for mechanisms in ["PLAIN LOGIN", "LOGIN"] {
            let sink = Sink::start(speaks, mechanisms, &[]).await;
            assert_eq!(handed_over(&sink, &format!("tls = '{tls}'\n{LOGIN}")).await, "ok", "{speaks:?} {mechanisms}");
            let taken = sink.taken();
            assert_eq!(taken.len(), 1);
            assert_eq!(taken[0].from, "asc@example.com");
            assert_eq!(taken[0].to, ["ios@example.com", "b@example.com", "c@example.com"]);
            assert_eq!(taken[0].login, Some(("asc".to_owned(), "hunter2".to_owned())));
            assert_eq!(taken[0].secret, speaks != Speaks::Plain);
            assert!(taken[0].text.contains("Message-ID: <5c3f0a@example.com>") && taken[0].text.contains("Rejected"));
        }
    }
}

#[tokio::test]
async fn a_dot_is_a_dot() {
    let sink = Sink::start(Speaks::Starttls, "PLAIN", &[]).await;
    let email = Email::new(section(&format!("port = {}\ntls = 'starttls'", sink.port))).unwrap();
    let letter = letter::Letter {
        from: "a@example.com".to_owned(),
        to: vec!["b@example.com".to_owned()],
        bytes: b".\r\n..\r\nMAIL FROM:<x@y>\r\n.".to_vec(),
    };
    email.server.hand_over(&letter).await.unwrap();
    assert_eq!(sink.taken()[0].text, ".\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n");
}

#[tokio::test]
async fn replies_are_understood() {
    let mut said = Vec::new();
    for (speaks, replies) in [
        (Speaks::Starttls, &[("GREETING", "421 4.3.2 Too busy")][..]),
        (Speaks::Starttls, &[("GREETING", "554 5.7.1 Go away")]),
        (Speaks::Starttls, &[("AUTH", "535-5.7.8 Username and Password\r\n535 5.7.8 not accepted")]),
        (Speaks::Starttls, &[("AUTH", "454 4.7.0 Temporary authentication failure")]),
        (Speaks::Starttls, &[("STARTTLS", "454 TLS not available")]),
        (Speaks::Starttls, &[("STARTTLS", "220 go ahead\r\n250 8BITMIME")]),
        (Speaks::Starttls, &[("MAIL", "550 5.7.60 You may not send as this sender")]),
        (Speaks::Starttls, &[("RCPT", "550 5.1.1 No such user")]),
        (Speaks::Starttls, &[("RCPT TO:<b@", "450 4.2.0 Greylisted, come back"), ("RCPT TO:<c@", "550 5.1.1 No such user")]),
        (Speaks::Starttls, &[("RCPT TO:<b@", "550 5.1.1 No such user")]),
        (Speaks::Starttls, &[("DATA", "554 5.5.1 No valid recipients")]),
        (Speaks::Starttls, &[("LETTER", "552 5.3.4 Message too big")]),
        (Speaks::Starttls, &[("LETTER", "451 4.3.0 Try again later")]),
        (Speaks::Starttls, &[("LETTER", "CLOSE")]),
        (Speaks::Starttls, &[("LETTER", "WAIT")]),
        (Speaks::Starttls, &[("QUIT", "CLOSE")]),
        (Speaks::Starttls, &[("EHLO", "hello yourself")]),
        (Speaks::Plain, &[]),
        (Speaks::Implicit, &[]),
    ] {
        let sink = Sink::start(speaks, "PLAIN", replies).await;
        let outcome = handed_over(&sink, &format!("tls = 'starttls'\n{LOGIN}")).await;
        said.push(format!("{speaks:?} {}\n    {outcome}; taken: {:?}", json!(replies), sink.recipients()));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn what_a_server_quotes_stays_out_of_the_log() {
    let mut for_log = Vec::new();
    for replies in [
        [("GREETING", "554 5.7.1 not you, tester@example.com")],
        [("AUTH", "535-5.7.8 tester@example.com\r\n535 5.7.8 is not known")],
        [("MAIL", "451 tester@example.com is busy")],
        [("RCPT", "550 5.1.1 <tester@example.com> unknown")],
        [("LETTER", "554 5.7.1.0 “it crashed, write to tester@example.com” looks like spam")],
    ] {
        let sink = Sink::start(Speaks::Starttls, "PLAIN", &replies).await;
        let email = Email::new(section(&format!("port = {}\ntls = 'starttls'\n{LOGIN}", sink.port))).unwrap();
        let event = event_of(&EventKind::WebhookPingCreated, None);
        let error = email.handle(Arc::new(event), Context::sample()).await.unwrap_err();
        assert!(error.to_string().contains(QUOTED), "{error}");
        assert!(!error.unquoted().contains(QUOTED), "{}", error.unquoted());
        for_log.push(error.unquoted());
    }
    insta::assert_snapshot!(for_log.join("\n"));
}

#[tokio::test]
async fn a_recipient_who_is_refused_is_named_in_the_log_without_the_servers_words() {
    let (log, _guard) = listen();
    let sink = Sink::start(Speaks::Starttls, "PLAIN", &[("RCPT TO:<b@", "550 5.1.1 <tester@example.com> unknown")]).await;
    assert!(handed_over(&sink, &format!("tls = 'starttls'\n{LOGIN}")).await.starts_with("ok"));
    let lines = std::fs::read_to_string(log.path()).unwrap();
    assert!(lines.contains("`localhost` replied to `RCPT` with 550 5.1.1 (for `b@example.com`)"), "{lines}");
    assert!(!lines.contains(QUOTED), "{lines}");
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_is_not_spoken_to() {
    let sink = Sink::start(Speaks::Implicit, "PLAIN", &[]).await;
    let toml = format!("port = {}\ntls = 'implicit'\nto = ['a@example.com']\ncc = []\n{LOGIN}", sink.port);
    let table = format!("server = 'localhost'\nfrom = 'a@example.com'\nallow_private = true\n{toml}").parse().unwrap();
    let email = Email::new(Section::new("ci", table, Outgoing::new(None).unwrap())).unwrap();
    let error = email.handle(Arc::new(event_of(&EventKind::WebhookPingCreated, None)), Context::sample()).await.unwrap_err();
    assert!(!error.is_reject() && error.to_string().contains("`outgoing.ca_file`"), "{error}");
    assert!(sink.taken().is_empty());
}

#[tokio::test]
async fn the_address_rules_hold_here_too() {
    let sink = Sink::start(Speaks::Starttls, "PLAIN", &[]).await;
    let of = |host: &str, tls: &str, private: bool| {
        let keys = format!("server = '{host}'\nport = {}\ntls = '{tls}'\nallow_private = {private}", sink.port);
        Email::new(Section::sample(&format!("{keys}\nfrom = 'a@example.com'\nto = ['b@example.com']\ncc = []"))).unwrap()
    };
    for (host, tls, private) in [
        ("localhost", "starttls", false),
        ("127.1", "starttls", false),
        ("169.254.169.254", "none", true),
        ("1.1.1.1", "none", true),
    ] {
        let event = Arc::new(event_of(&EventKind::WebhookPingCreated, None));
        let error = of(host, tls, private).handle(event, Context::sample()).await.unwrap_err().to_string();
        assert!(error.contains("private") || error.contains("public") || error.contains("never allowed"), "{host}: {error}");
    }
    assert_eq!(sink.visits(), 0);
}

#[test]
fn words_of_your_own_stand_for_the_sentence() {
    let email = Email::new(section("tls = 'implicit'\ntemplate = '{{ details.app.name }}: <{{ event.state | lower }}>'")).unwrap();
    let event = event_of(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED"));
    let details = details_of(&event);
    assert_eq!(email.words.message(&Told::sample(&event, &details)).unwrap().sentence, "Harbor: <rejected>");
}

#[test]
fn slips_in_the_keys_are_said() {
    let said = [
        "server = 'smtp.example.com'\ntls = 'none'\nfrom = 'nobody'\nto = ['a@example.com', 'b@', 'c@exämple.com']\ncc = ['d']\nallow_private = false",
        "server = 'https://smtp.example.com'\ntls = 'starttls'\nfrom = 'a@example.com'\nto = []\ncc = []\nusername = 'a'\ntemplate = '{{ evnt }}'\nallow_private = false",
        "server = 'smtp.example.com'\ntls = 'implicit'\nfrom = 'a@example.com'\nto = ['b@example.com']\ncc = []\npassword = 'hunter2'\nallow_private = false",
        "server = 'smtp.example.com'\ntls = 'implicit'\nfrom = 'a@example.com'\nto = ['b@example.com']\ncc = []\nusername = 'a'\npassword = ''\nallow_private = false",
        "server = 'smtp.example.com'\ntls = 'ssl'\nport = 70000\nfrom = []\nallow_private = false",
        "sever = 'x'\nserver = 'a b'\ntls = 'none'\nport = 'x'\nfrom = 'nobody'\nto = ['b@', 5]\ncc = 'd'\npassword = 'hunter2'\ntemplate = '{{ evnt }}'\nallow_private = false",
    ];
    let said: Vec<_> = said.into_iter().map(|toml| Email::new(Section::sample(toml)).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(said.join("\n"));
    assert!(!format!("{:?}", Email::new(section(&format!("tls = 'implicit'\n{LOGIN}"))).unwrap()).contains("hunter2"));
}
