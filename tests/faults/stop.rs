//! A stop is orderly and takes no longer than it may: what was acknowledged is kept, whoever is still talking.

use std::{sync::Arc, time::Duration};

use crate::support::{
    PATH, eventually,
    http::Connection,
    kept::{Kept, assert_sound},
    load::{Ledger, Load},
    report,
    server::Setup,
    sink::Sink,
    times,
};

/// The grace of the server, and what else a stop may take at the most: a last moment for what was cut off, closing the store, and a last
/// moment for threads.
const BOUND: Duration = Duration::from_secs(3 + 1 + 3 + 1);

#[test]
fn a_stop_under_load_is_bounded_and_loses_nothing() {
    let stops = times(10, 100);
    let sink = Sink::open();
    let setup = setup(&sink);
    let ledger = Ledger::new();
    let longest = (0..stops).map(|_| stop_under_load(&setup, &ledger)).max().unwrap();
    assert!(longest < BOUND, "the grace is three seconds; a stop took {longest:?}");
    assert_sound(setup.store());
    assert_eq!(lost(&setup, &ledger), 0, "acknowledged, and not in the store");

    let server = setup.start();
    eventually("every dispatch is done", Duration::from_mins(2), || Kept::read(setup.store()).open == 0);
    server.kill();
    assert_eq!(ledger.missing_from(&sink.events()), 0, "acknowledged, and never handled");
    report(&format!("{stops} stops with a half-sent request open, the longest {longest:.1?}; {} events, 0 lost", ledger.len()));
}

#[test]
fn control_a_stop_that_forgets_what_it_has_not_written_is_caught() {
    let setup = setup(&Sink::open()).sabotaged("write-behind");
    let ledger = Ledger::new();
    stop_under_load(&setup, &ledger);
    let lost = lost(&setup, &ledger);
    assert!(lost > 0, "what was not written is forgotten at the end, and nothing of {} events is missing", ledger.len());
    report(&format!("caught: {lost} of {} acknowledged events are gone", ledger.len()));
}

#[test]
fn control_a_stop_that_lingers_is_caught() {
    let setup = setup(&Sink::open()).sabotaged("linger-at-the-end");
    let took = stop_under_load(&setup, &Ledger::new());
    assert!(took >= BOUND, "closing the store takes ten seconds, whoever waits for it, and the stop took {took:?}");
    report(&format!("caught: the stop took {took:.1?}"));
}

fn setup(sink: &Sink) -> Setup {
    Setup::new().server("shutdown_grace = \"3s\"").with(&sink.handler("sink"))
}

/// Starts a server and asks it to stop while clients press on it and one has sent half a request; says how long it took to end.
#[track_caller]
fn stop_under_load(setup: &Setup, ledger: &Arc<Ledger>) -> Duration {
    let server = setup.start();
    let before = ledger.len();
    let load = Load::start(server.public(), 32, Duration::from_millis(5), ledger);
    let mut dawdler = Connection::open(server.public()).unwrap();
    dawdler.write(format!("POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n"), b"half a body").unwrap();
    eventually("the clients are being answered", Duration::from_secs(30), || ledger.len() > before + 50);

    let (status, took, log) = server.stop(Duration::from_secs(20));
    load.stop();
    assert!(status.success(), "an orderly stop is no failure, but {status}:\n{log}");
    took
}

fn lost(setup: &Setup, ledger: &Ledger) -> usize {
    ledger.missing_from(&Kept::read(setup.store()).events)
}
