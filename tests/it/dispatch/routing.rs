//! To whom an event is owed.

use std::sync::Arc;

use asc_webhooks::{
    Handler, Registry,
    event::{AppVersion, Event, EventKind, sample},
    handler::{Context, HandlerError, handler_fn, on},
    inbox::{Arrival, Content, DispatchState, Store as _, memory::Memory, query::ReceiptRecord},
    intake::Reparsed,
    secret::Secret,
    signature::{Secrets, SigningKey, sign},
};
use bytes::Bytes;
use jiff::Timestamp;

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

/// A handler that panics when it is asked what it wants.
struct Undecided;

impl Handler for Undecided {
    async fn handle(&self, _: Arc<Event>, _: Context) -> Result<(), HandlerError> {
        Ok(())
    }

    fn wants(&self, kind: &EventKind) -> bool {
        panic!("no opinion on `{kind}`")
    }
}

#[tokio::test(start_paused = true)]
async fn who_panics_when_asked_what_it_wants_is_owed_the_event_and_harms_nobody() {
    let registry = taking("calm").register_handler("undecided", Undecided);
    let running = Running::start(&[block("undecided", ""), block("calm", "")].concat(), &registry);
    assert_eq!(running.post("/app", SECRET, event("one")).await, 200);
    check(&running.receipt(1).await, &["calm", "undecided"]);
    running.until(1, "undecided", DispatchState::Done, 1).await;
    running.until(1, "calm", DispatchState::Done, 1).await;
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

#[tokio::test(start_paused = true)]
async fn what_an_older_program_could_not_read_is_handled_once_it_can_be() {
    // Bytes are an event or not by what the program knows that takes them in; this one knew less.
    let store = Arc::new(Memory::new());
    let unread = Event::parse(Bytes::from_static(b"beyond an older program")).unwrap_err();
    let header = sign(&Secret::new(SECRET), &event("one")).to_string();
    let secrets = Secrets::new([SigningKey::new(&Secret::new(SECRET), "1")]);
    let authentic = secrets.verify([header.as_bytes()], event("one"), Timestamp::UNIX_EPOCH).unwrap();
    let arrival = Arrival::new("app".into(), authentic, Err(&unread), Vec::new(), Timestamp::UNIX_EPOCH);
    store.accept(arrival).await.unwrap();

    let running = Running::on(store, &block("a", ""), &taking("a"));
    check(&running.receipt(1).await, &[]);
    assert_eq!(running.app.intake().reparse().await.unwrap(), Reparsed { tried: 1, events: 1 });
    running.work();
    running.until(1, "a", DispatchState::Done, 1).await;
    let Content::Event(summary) = running.receipt(1).await.receipt.content else { panic!("it is still unparsed") };
    assert_eq!(summary.event_id, "one");

    assert_eq!(running.app.intake().reparse().await.unwrap(), Reparsed { tried: 0, events: 0 });
    running.take_in(event("one")).await;
    assert_eq!(running.app.store().stats(Timestamp::UNIX_EPOCH).await.unwrap().receipts, 1, "it is known, sent again");
}
