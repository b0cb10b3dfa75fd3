//! One event is one receipt and one run of each handler, however often and however much at once it arrives; two events that share an
//! id are two.

use std::{
    collections::{BTreeSet, HashMap},
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
                    assert_eq!(connection.send(&event(&event_id(number % EVENTS))).unwrap().status(), 200);
                }
            });
        }
    });
    eventually("every dispatch is done", Duration::from_mins(1), || Kept::read(setup.store()).open == 0);

    let kept = Kept::read(setup.store());
    assert_eq!((kept.receipts, kept.events.len(), kept.done), (100, 100, 200), "receipts, events, dispatches that are done");
    let each_once: HashMap<String, usize> = (0..EVENTS).map(|number| (event_id(number), 1)).collect();
    assert_eq!(one.counts(), each_once);
    assert_eq!(other.counts(), each_once);
    report(&format!("{SENDS} sends of {EVENTS} events on 64 connections: 100 receipts, each handler ran 100 times"));
}

#[test]
fn two_events_with_one_id_are_two_receipts() {
    let sink = Sink::open();
    let setup = Setup::new().with(&sink.handler("sink"));
    let server = setup.start();
    let id = event_id(0);
    let bodies: BTreeSet<_> = ["IN_REVIEW", "REJECTED"].map(|state| event_saying(&id, state)).into();
    for body in &bodies {
        assert_eq!(send(server.public(), body).unwrap().status(), 200);
    }
    eventually("both are handled", Duration::from_secs(30), || sink.counts().get(&id) == Some(&2));
    assert_eq!(Kept::read(setup.store()).receipts, 2);
}
