//! One event is one receipt and one run of each handler, however often and however much at once it arrives; two events that share an
//! id are two.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use crate::support::{
    eventually,
    http::{Connection, send},
    kept::Kept,
    load::{event, event_id, event_saying},
    report,
    server::Setup,
    sink::Sink,
};

const EVENTS: u64 = 100;
const SENDS: u64 = 10_000;

#[test]
fn ten_thousand_duplicates_of_a_hundred_events_are_handled_a_hundred_times() {
    let (one, other) = (Sink::open(), Sink::open());
    let setup = Setup::new().with(&one.handler("one")).with(&other.handler("other"));
    let kept = send_duplicates(&setup);
    assert_eq!((kept.receipts, kept.events.len(), kept.done), (100, 100, 200), "receipts, events, dispatches that are done");
    let each_once: HashMap<String, usize> = (0..EVENTS).map(|number| (event_id(number), 1)).collect();
    assert_eq!(one.counts(), each_once);
    assert_eq!(other.counts(), each_once);
    report(&format!("{SENDS} sends of {EVENTS} events on 64 connections: 100 receipts, each handler ran 100 times"));
}

#[test]
fn control_a_store_that_asks_and_then_writes_is_caught() {
    let sink = Sink::open();
    let kept = send_duplicates(&Setup::new().sabotaged("select-then-insert").with(&sink.handler("sink")));
    assert!(kept.receipts > 100, "two may ask before one writes, and there are {} receipts all the same", kept.receipts);
    assert!(sink.counts().into_values().any(|runs| runs > 1), "{} receipts, and none was handled twice", kept.receipts);
    report(&format!("caught: {} receipts of {EVENTS} events", kept.receipts));
}

#[test]
fn two_events_with_one_id_are_two_receipts() {
    let (receipts, runs) = send_two_with_one_id("nothing");
    assert_eq!((receipts, runs), (2, 2), "receipts, and runs of the handler");
}

#[test]
fn control_a_store_that_trusts_the_id_is_caught() {
    let (receipts, runs) = send_two_with_one_id("trust-the-id");
    assert_eq!((receipts, runs), (1, 1), "receipts, and runs of the handler");
}

/// Sends a hundred events ten thousand times, many at once, until all that came of it is done.
fn send_duplicates(setup: &Setup) -> Kept {
    let server = setup.start();
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut connection = Connection::open(server.public()).unwrap();
                loop {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    if number >= SENDS {
                        return;
                    }
                    // First each event from all sides at the same moment, then all of them again and again.
                    let id = if number < SENDS / 2 { number / (SENDS / 2 / EVENTS) } else { number % EVENTS };
                    assert_eq!(connection.send(&event(&event_id(id))).unwrap().status(), 200);
                }
            });
        }
    });
    all_done(setup);
    Kept::read(setup.store())
}

/// Sends two events that share an id; says how many receipts there are of them, and how often they were handled.
fn send_two_with_one_id(sabotage: &str) -> (usize, usize) {
    let sink = Sink::open();
    let setup = Setup::new().sabotaged(sabotage).with(&sink.handler("sink"));
    let server = setup.start();
    let id = event_id(0);
    for state in ["IN_REVIEW", "REJECTED"] {
        assert_eq!(send(server.public(), &event_saying(&id, state)).unwrap().status(), 200);
    }
    all_done(&setup);
    (Kept::read(setup.store()).receipts, sink.counts()[&id])
}

#[track_caller]
fn all_done(setup: &Setup) {
    eventually("every dispatch is done", Duration::from_mins(1), || Kept::read(setup.store()).open == 0);
}
