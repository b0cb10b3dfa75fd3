//! A log that nobody reads holds nothing up: not the answers to Apple, not the handlers, not the page, not the end.
//!
//! Whoever reads standard error stops without closing it, as a stuck log driver does. The pipe takes 64 KiB, and then no write returns.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    eventually,
    http::Connection,
    kept::{Kept, assert_sound},
    load::{Ledger, Load},
    report,
    server::{Server, Setup},
    sink::Sink,
};

/// More events than there is room for their lines, in the pipe and before it.
const EVENTS: usize = 6_000;

/// The grace of the server, and what else a stop may take: the last moment of what was cut off, and that of the log.
const BOUND: Duration = Duration::from_secs(3 + 3);

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let sink = Sink::open();
    let setup = setup(&sink);
    let (server, ledger) = press(&setup, EVENTS);
    assert!(ledger.len() >= EVENTS, "{} events were acknowledged, and then none", ledger.len());
    assert_eq!(ledger.answers().into_keys().collect::<Vec<_>>(), [200], "the log must not be seen in the answers");
    eventually("every event is handled", Duration::from_mins(1), || ledger.missing_from(&sink.events()) == 0);
    let lost = lost_lines(&server);
    assert!(lost > 0, "the log was held, and {} events found room in it", ledger.len());

    let (status, took, log) = server.stop(Duration::from_secs(20));
    assert!(status.success(), "an orderly stop is no failure, but {status}:\n{log}");
    assert!(took < BOUND, "the grace is three seconds; the stop took {took:?}");
    assert_sound(setup.store());
    assert_eq!(ledger.missing_from(&Kept::read(setup.store()).events), 0, "acknowledged, and not in the store");
    report(&format!("{} events with a log that nobody reads, {lost} lines lost; then a stop of {took:.1?}", ledger.len()));
}

#[test]
fn a_log_that_is_read_again_says_what_is_missing() {
    let setup = setup(&Sink::open());
    let (server, _) = press(&setup, EVENTS);
    assert!(lost_lines(&server) > 0, "the log was held, and there was room for all of it");
    server.read_outputs();
    let missing = || {
        let log = server.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let told = lines.filter(|line| line["target"] == "asc_webhooks::telemetry::missing");
        told.map(|line| line["lines"].as_u64().unwrap()).sum::<u64>()
    };
    eventually("the log says what is missing", Duration::from_secs(20), || missing() == lost_lines(&server));
    let (status, _, log) = server.stop(Duration::from_secs(20));
    assert!(status.success() && log.lines().last().unwrap().contains("\"stopped\""), "the last line is missing:\n{log}");
}

#[test]
fn control_a_log_that_is_written_on_the_spot_is_caught() {
    let setup = setup(&Sink::open()).sabotaged("log-on-the-spot");
    let (_server, ledger) = press(&setup, EVENTS);
    assert!(ledger.len() < EVENTS, "every line waits until it is read, and all events were acknowledged");
    report(&format!("caught: after {} events, none was acknowledged for five seconds", ledger.len()));
}

/// Every event makes a line of some hundred bytes.
fn setup(sink: &Sink) -> Setup {
    let tells = "[[handler]]\nname = \"log\"\nkind = \"log\"\n";
    Setup::new().server("shutdown_grace = \"3s\"").with(&sink.handler("sink")).with(tells)
}

/// Sends events to a server whose log nobody reads, until so many are acknowledged, or none for five seconds.
fn press(setup: &Setup, events: usize) -> (Server, Arc<Ledger>) {
    let server = setup.start();
    server.hold_outputs();
    let ledger = Ledger::new();
    let load = Load::start(server.public(), 8, Duration::ZERO, &ledger);
    let (mut seen, mut last) = (0, Instant::now());
    while seen < events && last.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(20));
        if ledger.len() > seen {
            (seen, last) = (ledger.len(), Instant::now());
        }
    }
    if seen < events {
        // Nothing is answered any more, so the clients would wait for as long as they may.
        server.signal(rustix::process::Signal::KILL);
    }
    load.stop();
    (server, ledger)
}

/// How many lines were not written, as its metrics say.
fn lost_lines(server: &Server) -> u64 {
    let mut admin = Connection::open(server.admin()).unwrap();
    admin.write("GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", b"").unwrap();
    let answer = admin.answer().unwrap();
    assert_eq!(answer.status(), 200, "the page must not wait for the log either");
    let metrics = String::from_utf8(answer.body).unwrap();
    let figure = metrics.lines().find_map(|line| line.strip_prefix("asc_webhooks_log_lines_lost_total "));
    figure.map_or(0, |figure| figure.trim().parse().unwrap())
}
