//! What `events` shows of what is kept.

use std::time::Duration;

use bytes::Bytes;

use super::{dispatch, receipt, rejected};
use crate::{
    cli::events::{Left, Replayed, document, list_table, replay_words, show_words, stats_words, versions_rule, versions_table},
    event::EventKind,
    inbox::{
        Attempt, AttemptResult, Content, DispatchState, Receipt, ReceiptId, Source,
        account::{self, Account},
        history,
        query::{DispatchRecord, EndpointStats, HandlerStats, Listed, NewestOfApp, Paused, ReceiptRecord, Stats},
    },
    review::{Journey, Times},
};

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
    insta::assert_snapshot!("list", list_table(&items));
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
    let passed_over = Attempt { took: Duration::ZERO, result: AttemptResult::PassedOver, error: None, ..failed.clone() };
    let record = ReceiptRecord {
        receipt: receipt(2, rejected()),
        body: Bytes::from_static(b"{}"),
        details: Some(Bytes::from_static(include_bytes!("../../../tests/fixtures/details/everything.json"))),
        dispatches: vec![
            DispatchRecord { dispatch: dispatch("bot", DispatchState::Waiting, 1), history: vec![failed] },
            DispatchRecord { dispatch: dispatch("releases", DispatchState::Done, 1), history: vec![passed_over] },
        ],
    };
    insta::assert_snapshot!("show", show_words(&record));
    let nobody = ReceiptRecord {
        receipt: receipt(1, Content::Unparsed { reason: "it is not JSON".to_owned() }),
        body: Bytes::from_static(b"\xff\x00"),
        details: None,
        dispatches: Vec::new(),
    };
    insta::assert_snapshot!("show_unparsed", show_words(&nobody));
    assert_eq!(document(&record).unwrap()["body"], "{}");
    assert_eq!(document(&nobody).unwrap()["body_base64"], "/wA=");
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
    insta::assert_snapshot!("stats_paused", stats_words(&asleep, &[], &[]));
    insta::assert_snapshot!("stats", stats_words(&stats, &apps, &[]));
    insta::assert_snapshot!("stats_empty", stats_words(&Stats::default(), &[], &[]));
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
    insta::assert_snapshot!("stats_account", stats_words(&stats, &[], &accounts));
}

#[test]
fn a_replay_says_what_is_left_as_it_is() {
    let left = |handler: &str, dispatches| Left { handler: handler.to_owned(), dispatches };
    let outcomes = [
        Replayed { replayed: 0, left: Vec::new() },
        Replayed { replayed: 1, left: vec![left("boom", 1)] },
        Replayed { replayed: 3, left: vec![left("boom", 2), left("b\u{1b}ng", 1)] },
    ];
    insta::assert_snapshot!("replay", outcomes.iter().map(replay_words).collect::<Vec<_>>().join("\n\n"));
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
    let table = versions_table(&journeys, "2026-11-19T10:00:00Z".parse().unwrap());
    let rule = versions_rule(&EventKind::AppStoreVersionAppVersionStateUpdated, &Times::of(&journeys));
    insta::assert_snapshot!("versions", format!("{table}\n\n{rule}"));
}
