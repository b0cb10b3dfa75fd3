//! To whom an event is owed.

use asc_webhooks::{
    Registry,
    event::{AppVersion, EventKind, sample},
    handler::{handler_fn, on},
    inbox::{Content, DispatchState, query::ReceiptRecord},
    intake::Reparsed,
};

use super::{block, event, taking};
use crate::support::running::{Running, SECRET};

#[track_caller]
fn check(receipt: &ReceiptRecord, expected: &[&str]) {
    let mut owed: Vec<_> = receipt.dispatches.iter().map(|one| one.dispatch.handler.as_str()).collect();
    owed.sort_unstable();
    assert_eq!(owed, expected, "{:?}", receipt.receipt.content);
}

#[tokio::test(start_paused = true)]
async fn only_handlers_whose_route_matches_are_owed() {
    let any = handler_fn(async |_, _| Ok(()));
    let typed = on::<AppVersion>(async |_, _| Ok(()));
    let registry = Registry::empty().register_handler("any", any).register_handler("typed", typed);
    let one = |name: &str, kind: &str, more: &str| format!("[[handler]]\nname = '{name}'\nkind = '{kind}'\n{more}\n");
    let handlers = [
        one("all", "any", ""),
        one("builds", "any", "events = ['build_upload']"),
        one("elsewhere", "any", "endpoints = ['other']"),
        one("rejections", "any", "when = 'event.state == \"REJECTED\"'"),
        one("typed", "typed", ""),
    ];
    let running = Running::idle(&handlers.concat(), &registry);
    let version = |state: &str| sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state(state).id(state).body();
    running.take_in(event("build")).await;
    running.take_in(version("REJECTED")).await;
    running.take_in(version("IN_REVIEW")).await;
    assert_eq!(running.post("/other", SECRET, event("build")).await, 200);
    check(&running.receipt(1).await, &["all", "builds"]);
    check(&running.receipt(2).await, &["all", "rejections", "typed"]);
    check(&running.receipt(3).await, &["all", "typed"]);
    check(&running.receipt(4).await, &["all", "builds", "elsewhere"]);
}

#[tokio::test(start_paused = true)]
async fn authentic_bytes_that_are_no_event_are_kept_and_owed_to_nobody() {
    let running = Running::start(&block("a", ""), &taking("a"));
    running.take_in("this is not JSON".into()).await;
    let kept = running.receipt(1).await;
    assert!(matches!(kept.receipt.content, Content::Unparsed { .. }), "{kept:?}");
    assert_eq!(kept.body, "this is not JSON");
    check(&kept, &[]);
    assert_eq!(running.app.intake().reparse().await.unwrap(), Reparsed { tried: 1, events: 0 });
    running.take_in(event("one")).await;
    running.until(2, "a", DispatchState::Done, 1).await;
}
