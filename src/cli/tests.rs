//! The words of the command line: help, tables, findings.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use bytes::Bytes;
use clap::CommandFactory as _;

use super::{
    Arguments, demo, events,
    failure::Failure,
    init,
    output::{ascii_controls, plain, short, size},
    sandbox::{Delivery, Step, deliveries_table, drive_account, drive_line},
    send::{Answer, curl, doubt, kind_of, kinds},
    serve::{first_event, first_ping},
};
use crate::{
    config::{Sources, load},
    event::EventKind,
    inbox::{
        Attempt, AttemptResult, Content, Dispatch, DispatchId, DispatchState, Receipt, ReceiptId, Source, Summary,
        account::{self, Account},
        history,
        query::{DispatchRecord, EndpointStats, HandlerStats, Listed, NewestOfApp, Paused, ReceiptRecord, Stats},
    },
    review::{Journey, Times},
    secret::Secret,
    signature,
};

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn help_reads_well() {
    let mut command = Arguments::command().term_width(100);
    command.build();
    let mut pages = vec![("help".to_owned(), command.render_help().to_string())];
    for one in command.get_subcommands_mut() {
        let name = one.get_name().to_owned();
        pages.push((format!("help_{name}"), one.render_help().to_string()));
        for inner in one.get_subcommands_mut() {
            pages.push((format!("help_{name}_{}", inner.get_name()), inner.render_help().to_string()));
        }
    }
    assert!(pages.len() >= 21, "the program, its commands, and those of `events`, `webhooks` and `sandbox`: {}", pages.len());
    for (name, help) in pages {
        insta::assert_snapshot!(name, help);
    }
}

#[track_caller]
fn means(text: &str, expected: &EventKind) {
    assert_eq!(kind_of(text).expect("a kind"), *expected);
}

#[test]
fn kinds_are_understood_by_name_family_or_part() {
    means("webhookPingCreated", &EventKind::WebhookPingCreated);
    means("BUILD_UPLOAD_STATE_UPDATED", &EventKind::BuildUploadStateUpdated);
    means("ping", &EventKind::WebhookPingCreated);
    means("app_version", &EventKind::AppStoreVersionAppVersionStateUpdated);
    means("beta_feedback_crash", &EventKind::BetaFeedbackCrashSubmissionCreated);
    means("type:somethingNew", &EventKind::from("somethingNew"));
}

fn failure_of(text: &str) -> Failure {
    kind_of(text).expect_err("no single kind")
}

#[test]
fn kinds_that_are_not_clear_are_questioned() {
    let words: Vec<String> =
        ["beta_feedback", "buildUplaodStateUpdated", "somethingNew"].map(failure_of).iter().map(Failure::words).collect();
    insta::assert_snapshot!("kinds_not_clear", words.join("\n"));
}

#[test]
fn a_state_that_is_not_known_is_doubted() {
    let kind = EventKind::AppStoreVersionAppVersionStateUpdated;
    let words: Vec<String> = ["REJECTD", "rejected", "NOPE"].iter().filter_map(|state| doubt(&kind, state)).collect();
    insta::assert_snapshot!("states_in_doubt", words.join("\n"));
    assert_eq!(doubt(&kind, "REJECTED"), None);
    assert_eq!(doubt(&EventKind::WebhookPingCreated, "ANY"), None, "a kind without states");
    assert_eq!(doubt(&EventKind::from("somethingNew"), "ANY"), None, "nobody knows its states");
}

#[test]
fn every_kind_is_listed() {
    insta::assert_snapshot!("kinds", kinds());
}

#[test]
fn the_curl_command_sends_what_was_signed() {
    let body = br#"{"data": "it's"}"#;
    let signed = signature::sign(&Secret::new("a secret of some length"), body);
    insta::assert_snapshot!("curl", curl(&"https://example.com/apple".parse().unwrap(), Some(&signed), body));
}

#[test]
fn answers_are_explained() {
    let statuses = [200, 202, 302, 401, 404, 405, 413, 500, 503];
    let words = statuses.map(|status| {
        let answer = Answer { kind: "webhookPingCreated".into(), url: "http://a/".into(), status, body: "{}\n".into(), took_ms: 3 };
        answer.words()
    });
    insta::assert_snapshot!("answers", words.join("\n"));
}

#[test]
fn the_first_event_is_one_line_away() {
    insta::assert_snapshot!(
        "first_event",
        first_event(Some("target/release/asc-webhooks"), Some(Path::new("config/example.toml")), None)
    );
    let url = "http://127.0.0.1:9/apple".parse().unwrap();
    assert!(first_event(None, None, Some(&url)).ends_with(" --url http://127.0.0.1:9/apple"), "a `--listen` is passed on");
    let spaced = first_event(Some("./my tool"), Some(Path::new("it's mine.toml")), None);
    assert_eq!(spaced, r"'./my tool' send app_version --state REJECTED --config 'it'\''s mine.toml'");
    assert_eq!(
        first_ping(None, Some(Path::new("my.toml")), "harbor"),
        "asc-webhooks webhooks apply --config my.toml && asc-webhooks webhooks ping --endpoint harbor --config my.toml",
        "what only Apple can sign"
    );
}

#[test]
fn a_first_configuration_is_valid_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let (file, secret_file) = (folder.path().join("config.toml"), folder.path().join("my-app.secret"));
    init::write(&file, &secret_file, "my-app").unwrap();
    let loaded = load(&Sources { file: Some(file.clone()), ..Sources::default() }).unwrap();
    let secret = &loaded.config.endpoints[0].secrets[0].secret;
    assert_eq!(secret.weakness(), None);
    assert_eq!(loaded.warnings, []);
    assert_eq!(fs::metadata(&secret_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(&file).unwrap().contains(secret.expose()));

    let before = fs::read(&file).unwrap();
    assert!(init::write(&file, &folder.path().join("other.secret"), "other").is_err());
    assert!(init::write(&folder.path().join("other.toml"), &secret_file, "other").is_err());
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_to_string(&secret_file).unwrap().trim_end(), secret.expose());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a failed `init` leaves nothing behind");
    assert!(init::write(&folder.path().join("no/a"), Path::new("b"), "a").unwrap_err().words().contains("mkdir -p"));
}

#[test]
fn a_first_configuration_with_a_wrong_name_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let failure = init::write(&folder.path().join("config.toml"), &folder.path().join("a.secret"), "My App").unwrap_err();
    assert!(failure.words().contains("endpoint[0].name"), "{}", failure.words());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn next_steps_read_well() {
    insta::assert_snapshot!("next_steps", init::next_steps(Path::new("config.toml"), Path::new("my-app.secret"), "my-app"));
}

fn receipt(id: i64, content: Content) -> Receipt {
    Receipt {
        id: ReceiptId(id),
        endpoint: "my-app".to_owned(),
        received_at: "2026-11-21T08:30:00.123Z".parse().unwrap(),
        source: Source::Pushed,
        signature: Some("hmacsha256=00".to_owned()),
        secret: Some("my-app.secret".to_owned()),
        identity: "6b0e4f".to_owned(),
        content,
        size: 1_640,
    }
}

fn rejected() -> Content {
    Content::Event(Summary {
        event_id: "5e0c1a7e-0000-4000-8000-000000000001".to_owned(),
        kind: "appStoreVersionAppVersionStateUpdated".to_owned(),
        state: Some("REJECTED".to_owned()),
        previous_state: Some("IN_REVIEW".to_owned()),
        subject_type: Some("appStoreVersions".to_owned()),
        subject_id: Some("8f3c\u{1b}[31m".to_owned()),
        time: Some("2026-11-21T08:29:58Z".parse().unwrap()),
    })
}

fn dispatch(handler: &str, state: DispatchState, attempts: u32) -> Dispatch {
    let due_at = (state == DispatchState::Waiting).then(|| "2026-11-21T08:31:00Z".parse().unwrap());
    Dispatch { id: DispatchId(1), receipt: ReceiptId(2), handler: handler.to_owned(), state, attempts, due_at }
}

#[test]
fn receipts_are_listed_in_a_table() {
    let items = [
        Listed {
            receipt: receipt(2, rejected()),
            dispatches: vec![dispatch("log", DispatchState::Done, 1), dispatch("bot", DispatchState::Waiting, 3)],
        },
        Listed { receipt: receipt(1, Content::Unparsed { reason: "it is not JSON".to_owned() }), dispatches: Vec::new() },
        Listed { receipt: Receipt { source: Source::Recovered, ..receipt(3, rejected()) }, dispatches: Vec::new() },
    ];
    insta::assert_snapshot!("events_list", events::list_table(&items));
}

#[test]
fn a_receipt_is_shown_with_all_that_is_known() {
    let failed = Attempt {
        number: 1,
        started_at: "2026-11-21T08:30:01Z".parse().unwrap(),
        took: Duration::from_millis(312),
        result: AttemptResult::Failed,
        error: Some("`bot.example.com` answered 502".to_owned()),
    };
    let record = ReceiptRecord {
        receipt: receipt(2, rejected()),
        body: Bytes::from_static(b"{}"),
        details: Some(Bytes::from_static(include_bytes!("../../tests/fixtures/details/everything.json"))),
        dispatches: vec![DispatchRecord { dispatch: dispatch("bot", DispatchState::Waiting, 1), history: vec![failed] }],
    };
    insta::assert_snapshot!("events_show", events::show_words(&record));
    let nobody = ReceiptRecord {
        receipt: receipt(1, Content::Unparsed { reason: "it is not JSON".to_owned() }),
        body: Bytes::from_static(b"\xff\x00"),
        details: None,
        dispatches: Vec::new(),
    };
    insta::assert_snapshot!("events_show_unparsed", events::show_words(&nobody));
    assert_eq!(events::document(&record).unwrap()["body"], "{}");
    assert_eq!(events::document(&nobody).unwrap()["body_base64"], "/wA=");
}

#[test]
fn numbers_are_shown_by_endpoint_and_handler() {
    let newest = Some("2026-11-21T08:30:00Z".parse().unwrap());
    let stats = Stats {
        receipts: 1_204,
        unparsed: 1,
        recovered: 3,
        identities: 1_300,
        bytes: 5_767_168,
        endpoints: vec![EndpointStats { endpoint: "my-app".to_owned(), receipts: 1_204, newest }],
        handlers: vec![
            HandlerStats {
                handler: "bot".to_owned(),
                waiting: 2,
                claimed: 1,
                done: 1_190,
                dead: 11,
                oldest_open: newest,
                paused: None,
            },
            HandlerStats {
                handler: "log".to_owned(),
                waiting: 0,
                claimed: 0,
                done: 1_204,
                dead: 0,
                oldest_open: None,
                paused: None,
            },
        ],
    };
    let of_app = |app: &str, name: Option<&str>, receipt| NewestOfApp {
        app: app.to_owned(),
        name: name.map(str::to_owned),
        receipt: ReceiptId(receipt),
        received_at: "2026-11-21T08:30:00Z".parse().unwrap(),
    };
    let apps = [of_app("1001", Some("Harbor\u{9b}"), 1_204), of_app("1002", None, 1_180)];
    let paused = Paused { since: "2026-11-21T08:31:00Z".parse().unwrap(), reason: "the channel is being moved".to_owned() };
    let handlers = vec![HandlerStats { paused: Some(paused), ..HandlerStats::idle("bot") }];
    let asleep = Stats { handlers, ..Stats::default() };
    insta::assert_snapshot!("events_stats_paused", events::stats_words(&asleep, &[], &[]));
    insta::assert_snapshot!("events_stats", events::stats_words(&stats, &apps, &[]));
    insta::assert_snapshot!("events_stats_empty", events::stats_words(&Stats::default(), &[], &[]));
    let account = |endpoint: &str, missing, failure| Account {
        endpoint: endpoint.to_owned(),
        listed: 1_001,
        kept: 1_001 - missing,
        missing,
        since: Some("2026-11-11T09:00:00Z".parse().unwrap()),
        completed_at: newest,
        failure,
        ..Account::default()
    };
    let at = "2026-11-21T08:35:00Z".parse().unwrap();
    let error = "GET /v1/apps/1/webhooks: App Store Connect refused the key\u{9b}".to_owned();
    let accounts = [account("my-app", 0, None), account("other", 2, Some(account::Failure { at, error }))];
    insta::assert_snapshot!("events_stats_account", events::stats_words(&stats, &[], &accounts));
}

#[test]
fn a_demo_reads_well() {
    let taken = [dispatch("log", DispatchState::Done, 1), dispatch("bot", DispatchState::Dead, 1)];
    let lines = [
        Listed { receipt: receipt(2, rejected()), dispatches: taken[..1].to_vec() },
        Listed { receipt: receipt(3, rejected()), dispatches: taken[1..].to_vec() },
        Listed { receipt: receipt(1, Content::Unparsed { reason: "it is not JSON".to_owned() }), dispatches: Vec::new() },
    ];
    let lines: Vec<String> = [demo::receipts_header()].into_iter().chain(lines.iter().map(demo::receipt_line)).collect();
    insta::assert_snapshot!("demo_receipts", lines.join("\n"));
    let config = Path::new("/tmp/demo/demo.toml");
    insta::assert_snapshot!(
        "demo_what_next",
        demo::what_next("asc-webhooks", config, "http://127.0.0.1:8089", Some(Path::new("/tmp/demo")))
    );
}

#[test]
fn steps_of_a_sandbox_are_shown_with_what_was_answered() {
    let delivery = |state: &str, status, error: Option<&str>| Delivery {
        id: "3f2a".to_owned(),
        webhook: "77".to_owned(),
        kind: "buildUploadStateUpdated".to_owned(),
        event_id: "5e0c".to_owned(),
        redelivery: state == "FAILED",
        state: state.to_owned(),
        status,
        error: error.map(str::to_owned),
    };
    let (taken, refused) = (delivery("SUCCEEDED", Some(200), None), delivery("FAILED", Some(401), Some("the answer was 401")));
    let (lost, open) = (delivery("FAILED", None, Some("the request was lost on the way")), delivery("PENDING", None, None));
    let step = |deliveries: &[&Delivery]| Step {
        kind: "buildUploadStateUpdated".to_owned(),
        event_id: "5e0c".to_owned(),
        summary: "build upload: PROCESSING → COMPLETE".to_owned(),
        deliveries: deliveries.iter().map(|delivery| (*delivery).clone()).collect(),
        last: false,
    };
    let steps = [step(&[&taken]), step(&[&taken, &refused]), step(&[&lost]), step(&[&open]), step(&[])];
    let lines: Vec<String> = steps.iter().map(drive_line).chain([drive_account(&steps), drive_account(&steps[4..])]).collect();
    insta::assert_snapshot!("sandbox_drive", lines.join("\n"));
    insta::assert_snapshot!("sandbox_deliveries", deliveries_table(&[taken, refused, lost, open]));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    assert_eq!(plain("a\u{1b}[31m\nb é"), "a\\u{1b}[31m\\nb é");
    assert_eq!(plain("\u{9b}31m \u{202e}txt.exe"), "\\u{9b}31m \\u{202e}txt.exe");
    assert_eq!(ascii_controls("[\n  \"é\u{9b}\u{202e}\"\n]"), "[\n  \"é\\u009b\\u202e\"\n]");
}

#[test]
fn a_long_name_does_not_stretch_a_table() {
    let short = short(&"é".repeat(10_000));
    assert_eq!((short.chars().count(), short.chars().last()), (65, Some('…')));
}

#[test]
fn sizes_read_well() {
    assert_eq!(
        [0, 1_023, 1_024, 1_640, 5 << 20, (3 << 30) + (1 << 29)].map(size),
        ["0 B", "1023 B", "1.0 KiB", "1.6 KiB", "5.0 MiB", "3.5 GiB"]
    );
}

#[test]
fn versions_are_listed_with_their_times() {
    let told = |states: &[(&str, &str)]| {
        let mut left = None;
        let steps = (1..).zip(states).map(|(receipt, (state, time))| {
            let time = time.parse().ok();
            let previous_state = left.replace((*state).to_owned());
            let (receipt, received_at) = (ReceiptId(receipt), "2026-11-21T08:30:00Z".parse().unwrap());
            history::Step { receipt, state: (*state).to_owned(), previous_state, time, received_at, source: Source::Pushed }
        });
        steps.collect::<Vec<_>>()
    };
    let heard = |subject: &str, details: Option<&'static str>, steps| history::History {
        first: ReceiptId(1),
        endpoint: "my-app".into(),
        kind: "appStoreVersionAppVersionStateUpdated".into(),
        subject_id: subject.into(),
        app: "my-app".into(),
        details: details.map(Bytes::from),
        steps,
        is_cut: false,
    };
    let details = r#"{"app":{"id":"100","name":"Harbor"},"version":{"string":"2.3","platform":"IOS"},"build":{"number":"45"}}"#;
    let reviewed = [
        ("WAITING_FOR_REVIEW", "2026-11-19T08:00:00Z"),
        ("IN_REVIEW", "2026-11-20T06:30:00Z"),
        ("REJECTED", "2026-11-20T07:00:00Z"),
    ];
    let mut missed = told(&reviewed);
    missed.remove(1);
    let journeys: Vec<Journey> = [
        heard("v3", Some(details), told(&reviewed[..1])),
        heard("v2", Some(details), told(&reviewed)),
        heard("v\u{1b}[31m1", None, missed),
    ]
    .iter()
    .map(Journey::of)
    .collect();
    let table = events::versions_table(&journeys, "2026-11-19T10:00:00Z".parse().unwrap());
    let rule = events::versions_rule(&EventKind::AppStoreVersionAppVersionStateUpdated, &Times::of(&journeys));
    insta::assert_snapshot!("events_versions", format!("{table}\n\n{rule}"));
}
