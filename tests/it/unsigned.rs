//! Xcode Cloud's notifications through the whole program: who gets them, how they are marked, and that their token is nowhere.

use std::{fs, sync::Arc};

use asc_webhooks::{
    Registry,
    event::{EventKind, sample},
    inbox::{DispatchState, Source, sqlite::Sqlite},
};
use axum::body::Body;
use http::Request;
use tower::ServiceExt as _;

use crate::support::running::Running;

const TOKEN: &str = "7c1e5b0a94d84f3eb6a2c9d07f1384e5";

const ENDPOINT: &str =
    "[[endpoint]]\nname = 'builds'\npath = '/xcode'\nkind = 'xcode-cloud'\ntokens = ['7c1e5b0a94d84f3eb6a2c9d07f1384e5']\n";

fn with_handlers(handlers: &[(&str, &str)]) -> String {
    let block = |(name, keys): &(&str, &str)| format!("[[handler]]\nname = '{name}'\nkind = 'log'\n{keys}\n");
    [ENDPOINT.to_owned()].into_iter().chain(handlers.iter().map(block)).collect()
}

async fn post(running: &Running, sample: sample::Sample) -> u16 {
    let address = format!("https://hooks.example.com/xcode/{TOKEN}");
    let request = Request::post(format!("/xcode/{TOKEN}")).body(Body::from(sample.set("webhook.url", address.into()).body()));
    running.app.router().oneshot(request.unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn only_who_asks_gets_what_nobody_signed() {
    let handlers = [
        ("everything", ""),
        ("when", "when = \"event.family == 'xcode_cloud'\""),
        ("family", "events = ['xcode_cloud']"),
        ("endpoint", "endpoints = ['builds']"),
        ("other-endpoint", "endpoints = ['app']\nevents = ['*', 'xcode_cloud']"),
    ];
    let running = Running::idle(&with_handlers(&handlers), &Registry::builtin());
    assert_eq!(post(&running, sample::of(&EventKind::XcodeCloudBuildCompleted)).await, 200);
    running.take_in(sample::of(&EventKind::BuildUploadStateUpdated).body()).await;
    let owed = async |number| -> Vec<String> {
        running.receipt(number).await.dispatches.into_iter().map(|one| one.dispatch.handler).collect()
    };
    assert_eq!(owed(1).await, ["family", "endpoint"]);
    assert_eq!(owed(2).await, ["everything", "other-endpoint"], "{:?}", owed(2).await);
    let [unsigned, signed] = [running.receipt(1).await, running.receipt(2).await].map(|record| record.receipt.source);
    assert_eq!((unsigned, signed), (Source::Unsigned, Source::Pushed));
}

#[tokio::test]
async fn a_build_is_handled_and_told_of_once() {
    let running = Running::start(&with_handlers(&[("builds", "events = ['xcode_cloud']")]), &Registry::builtin());
    for _ in 0..2 {
        assert_eq!(post(&running, sample::of(&EventKind::XcodeCloudBuildCompleted).state("FAILED")).await, 200);
    }
    running.until(1, "builds", DispatchState::Done, 1).await;
    assert_eq!(running.app.store().stats(jiff::Timestamp::UNIX_EPOCH).await.unwrap().receipts, 1);
}

/// Whoever reads the database, or anything that leaves it, finds no way in.
#[tokio::test]
async fn no_byte_of_the_store_is_a_token() {
    let home = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(asc_webhooks::inbox::sqlite::Options::new(home.path().join("inbox.db"))).unwrap());
    let running = Running::on(store, &with_handlers(&[("builds", "events = ['xcode_cloud']")]), &Registry::builtin());
    for kind in EventKind::ALL.iter().filter(|kind| kind.family().is_unsigned()) {
        assert_eq!(post(&running, sample::of(kind)).await, 200);
    }
    running.app.store().close().await.unwrap();
    let mut searched = 0;
    for file in fs::read_dir(home.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        searched += bytes.windows(5).filter(|window| window == b"/***\"").count();
        assert!(!bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
    }
    assert!(searched >= 3, "the addresses were looked at");
}
