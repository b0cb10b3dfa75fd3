//! `kill -9` at any instant loses nothing that was acknowledged, and what was acknowledged is handled.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::support::{
    eventually,
    kept::{Kept, assert_sound},
    load::{Ledger, Load},
    random::pause,
    report,
    server::Setup,
    sink::Sink,
    times,
};

/// How many clients press on the server while it is killed.
const CLIENTS: usize = 32;

#[test]
fn acknowledged_events_survive_kill_9_and_are_handled() {
    let kills = times(40, 200);
    let sink = Sink::open();
    let setup = Setup::new().with(&sink.handler("sink"));
    let ledger = Ledger::new();
    for _ in 0..kills {
        crash_under_load(&setup, &ledger);
    }

    assert_sound(setup.store());
    assert_eq!(ledger.missing_from(&Kept::read(setup.store()).events), 0, "acknowledged, and not in the store");

    let server = setup.start();
    eventually("every dispatch is done", Duration::from_mins(2), || Kept::read(setup.store()).open == 0);
    server.kill();
    assert_eq!(ledger.missing_from(&sink.events()), 0, "acknowledged, and never handled");
    report(&format!(
        "{kills} kills, {} events acknowledged, 0 lost, 0 unhandled: at most {:.1} % of kills lose one (95 % confidence)",
        ledger.len(),
        300.0 / f64::from(u32::try_from(kills).unwrap()),
    ));
}

#[test]
fn control_an_acknowledgement_before_the_commit_is_caught() {
    let sink = Sink::open();
    let setup = Setup::new().sabotaged("acknowledge-first").with(&sink.handler("sink"));
    let ledger = Ledger::new();
    for kills in 1..=40 {
        crash_under_load(&setup, &ledger);
        let lost = ledger.missing_from(&kept(&setup));
        if lost > 0 {
            report(&format!("caught after {kills} kills: {lost} of {} acknowledged events are gone", ledger.len()));
            return;
        }
    }
    panic!("the server acknowledges before it commits, and this harness does not see it");
}

/// Handled again means: under the same key, so that the other side can tell. However often the server dies in between.
#[test]
fn what_is_handled_again_has_the_key_that_it_had() {
    let (again, changed) = keys_over_crashes(Setup::new());
    assert!(again > 0, "nothing was handled again, so nothing tells what becomes of the key");
    assert_eq!(changed, 0, "of {again} events that were handled again");
    report(&format!("{again} events came again, over {} kills, and each under the key that it had", times(4, 40)));
}

#[test]
fn control_keys_that_change_are_caught() {
    let (again, changed) = keys_over_crashes(Setup::new().sabotaged("change-the-key"));
    assert!(changed > 0, "every attempt has another key, and this harness does not see it");
    report(&format!("caught: {changed} of {again} events that came again had another key"));
}

/// Kills a server again and again while all that it sends out is turned down; then it may go through. Says how many events came more than
/// once, and how many of them under more than one key.
fn keys_over_crashes(setup: Setup) -> (usize, usize) {
    let sink = Sink::open();
    sink.answer(503);
    let setup = setup.with(&sink.handler("sink"));
    let ledger = Ledger::new();
    for _ in 0..times(4, 40) {
        crash_under_load(&setup, &ledger);
    }
    sink.answer(200);
    let server = setup.start();
    eventually("every dispatch is done", Duration::from_mins(2), || Kept::read(setup.store()).open == 0);
    server.kill();
    let again: Vec<_> = sink.keys().into_values().filter(|keys| keys.len() > 1).collect();
    (again.len(), again.iter().filter(|keys| keys.iter().collect::<HashSet<_>>().len() > 1).count())
}

/// Starts a server, lets clients press on it, and kills it at some instant.
fn crash_under_load(setup: &Setup, ledger: &Arc<Ledger>) {
    let server = setup.start();
    let load = Load::start(server.public(), CLIENTS, Duration::from_millis(10), ledger);
    let before = ledger.len();
    std::thread::sleep(pause(&(5..500)));
    // A slow machine may not have got a word in yet, and a kill without load shows nothing.
    eventually("the clients are being answered", Duration::from_secs(30), || ledger.len() > before);
    server.kill();
    load.stop();
}

fn kept(setup: &Setup) -> HashSet<String> {
    Kept::read(setup.store()).events
}
