//! No event is acknowledged before the sync that covers it has ended: read from the system calls of a server under load.

use std::time::Duration;

use crate::support::{
    eventually,
    load::{Ledger, Load},
    report,
    server::Setup,
    sink::Sink,
    trace::{Verdict, judge, watching},
};

/// How many acknowledgements are looked at.
const ENOUGH: usize = 1_000;

#[test]
fn nothing_is_acknowledged_before_its_sync() {
    let Verdict { synced, hasty } = verdict_on(Setup::new());
    assert_eq!(hasty, 0, "acknowledged before the sync; {synced} after it");
    assert!(synced >= ENOUGH, "only {synced} acknowledgements were found in the trace");
    report(&format!("{synced} acknowledgements, all after the sync that covers them"));
}

#[test]
fn control_a_store_that_does_not_sync_is_caught() {
    let Verdict { synced, hasty } = verdict_on(Setup::new().sabotaged("synchronous-normal"));
    assert!(hasty > 0, "{synced} acknowledgements, and the missing syncs are not seen");
    report(&format!("caught: {hasty} acknowledgements before their sync, {synced} after"));
}

#[test]
fn control_an_acknowledgement_before_the_commit_is_caught() {
    let Verdict { synced, hasty } = verdict_on(Setup::new().sabotaged("acknowledge-first"));
    assert!(hasty > 0, "{synced} acknowledgements, and none before its sync is seen");
    report(&format!("caught: {hasty} acknowledgements before their sync, {synced} after"));
}

fn verdict_on(setup: Setup) -> Verdict {
    let sink = Sink::open();
    let trace = setup.folder().join("trace");
    let setup = setup.with(&sink.handler("sink")).under(watching(&trace));
    let server = setup.start();
    let ledger = Ledger::new();
    let load = Load::start(server.public(), 32, Duration::ZERO, &ledger);
    eventually("a thousand events are acknowledged", Duration::from_mins(2), || ledger.len() >= ENOUGH);
    load.stop();
    server.stop(Duration::from_mins(1));
    judge(&String::from_utf8_lossy(&std::fs::read(trace).unwrap()))
}
