//! System calls that fail: an error of the disk ends the process before it can tell a lie, a lack of room is waited out.

use std::{process::ExitStatus, sync::Arc, time::Duration};

use crate::support::{
    eventually, http,
    kept::{Kept, assert_sound},
    load::{Ledger, Load},
    report,
    server::Setup,
    sink::Sink,
    times,
    trace::injecting,
};

/// After a sync has failed nobody knows what is on the disk, so the process must end and the next one read the disk afresh.
#[test]
fn a_sync_that_fails_ends_the_process_and_loses_nothing() {
    let places = times(5, 60);
    let mut total = 0;
    for place in 0..places {
        let (ended, lost, acknowledged) = fail_a_sync(Setup::new(), 12 + 7 * place);
        assert!(ended.is_some_and(|status| !status.success()), "the disk failed, and the process ended with {ended:?}");
        assert_eq!(lost, 0, "of {acknowledged} acknowledged events, when sync {} failed", 12 + 7 * place);
        total += acknowledged;
    }
    report(&format!("a sync failed at {places} places: the process ended each time, {total} events acknowledged, 0 lost"));
}

#[test]
fn control_an_acknowledgement_before_the_commit_is_caught() {
    for place in 0..20 {
        let (_, lost, acknowledged) = fail_a_sync(Setup::new().sabotaged("acknowledge-first"), 12 + 7 * place);
        if lost > 0 {
            report(&format!("caught: {lost} of {acknowledged} acknowledged events are gone"));
            return;
        }
    }
    panic!("the server acknowledges before it commits, and this harness does not see it");
}

/// Whoever had no answer sends again, and Apple may send once more what it had an answer to.
#[test]
fn what_is_sent_again_after_a_failure_is_kept_once_and_handled_once() {
    let mut total = 0;
    for place in (0..times(3, 30)).map(|n| 12 + 37 * n) {
        let (sent, acknowledged, receipts, handled) = send_again_after_a_failure(Setup::new(), place);
        assert_eq!((receipts, handled), (sent, vec![1; sent]), "of {sent} events, when sync {place} failed");
        assert!(acknowledged < sent, "all was acknowledged, so nothing tells what becomes of the rest");
        total += sent;
    }
    report(&format!("{total} events sent again after a failure: each kept once and handled once"));
}

#[test]
fn control_identities_that_are_forgotten_are_caught() {
    let (sent, _, receipts, handled) = send_again_after_a_failure(Setup::new().sabotaged("select-then-insert"), 40);
    assert!(receipts > sent, "the server forgets what it has seen, and this harness does not see it");
    report(&format!("caught: {receipts} receipts of {sent} events, handled {} times", handled.iter().sum::<usize>()));
}

#[test]
fn a_write_that_finds_no_room_is_waited_out() {
    for place in (0..times(2, 20)).map(|n| 150 + 60 * n) {
        let setup = with_store(Setup::new()).under(injecting("pwrite64", &format!("error=ENOSPC:when={place}..{}", place + 5)));
        let server = setup.start();
        let ledger = Ledger::new();
        let load = Load::start(server.public(), 8, Duration::from_millis(1), &ledger);
        eventually("events are refused", Duration::from_mins(1), || ledger.answers().contains_key(&503));
        let refused_at = ledger.len();
        eventually("events are accepted again", Duration::from_mins(1), || ledger.len() > refused_at + 20);
        load.stop();
        assert_eq!(http::get(server.public(), "/livez").unwrap().status(), 200);
        server.kill();
        assert_sound(setup.store());
        assert_eq!(ledger.missing_from(&Kept::read(setup.store()).events), 0, "acknowledged, and not in the store");
        assert_eq!(ledger.answers().into_keys().collect::<Vec<_>>(), [200, 503]);
    }
}

/// The same with a store that is made already: the calls that make it are not what is tried here.
fn with_store(setup: Setup) -> Setup {
    setup.start().kill();
    setup
}

/// Has one sync of a server under load fail, starts it again on a disk that is well, and sends all once more, twice. Says how many events
/// there were, how many of them were acknowledged the first time, how many receipts there are, and how often each was handled.
fn send_again_after_a_failure(setup: Setup, place: usize) -> (usize, usize, usize, Vec<usize>) {
    let sink = Sink::open();
    // Nothing is handled before all is sent: what is cut off while it is handled is handled again, and that is another promise.
    sink.answer(503);
    let (setup, ledger, ended) = press_until_a_sync_fails(setup.with(&sink.handler("sink")), place);
    assert!(ended.is_some(), "sync {place} failed, and the process goes on");
    let (acknowledged, nothing) = (ledger.len(), [""; 0]);

    let setup = setup.under(nothing);
    let server = setup.start();
    let sent = ledger.send_again(server.public());
    assert_eq!(ledger.send_again(server.public()), sent);
    sink.answer(200);
    eventually("every dispatch is done", Duration::from_mins(1), || Kept::read(setup.store()).open == 0);
    server.kill();
    (sent, acknowledged, Kept::read(setup.store()).receipts, sink.counts().into_values().collect())
}

/// Has one sync of a server under load fail; says how it ended, how many acknowledged events are gone, and how many there were.
fn fail_a_sync(setup: Setup, place: usize) -> (Option<ExitStatus>, usize, usize) {
    let (setup, ledger, ended) = press_until_a_sync_fails(setup, place);
    assert_sound(setup.store());
    (ended, ledger.missing_from(&Kept::read(setup.store()).events), ledger.len())
}

/// Presses on a server of which one sync fails. Returns what is left of it, what the clients were told, and how it ended, if it did.
fn press_until_a_sync_fails(setup: Setup, place: usize) -> (Setup, Arc<Ledger>, Option<ExitStatus>) {
    let setup = with_store(setup).under(injecting("fsync,fdatasync", &format!("error=EIO:when={place}")));
    let mut server = setup.start();
    let ledger = Ledger::new();
    let load = Load::start(server.public(), 16, Duration::from_millis(1), &ledger);
    let ended = server.ended_within(Duration::from_secs(10));
    server.kill();
    load.stop();
    (setup, ledger, ended)
}
