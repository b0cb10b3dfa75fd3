//! What was acknowledged is still there when the power comes back.
//!
//! The store lies on a file system in a file. At some instant under load the file system is told to stop writing, at once and without
//! flushing its journal: what a power failure does, but for what the hardware itself would have to answer for. Then the server is
//! killed, the file system is mounted anew, and the ledger is held against the store.
//!
//! The server is held still an instant before, because a machine without power runs nothing either: ext4 lets a sync that is under way
//! when it is told to stop come back as done, about once in forty times, and no real server could go on to acknowledge on that.

use std::time::Duration;

use crate::support::{
    disk::{Disk, Kind},
    eventually,
    kept::{Kept, assert_sound},
    load::{Ledger, Load},
    random::pause,
    report,
    server::Setup,
    times,
};

#[test]
fn acknowledged_events_survive_power_loss_on_xfs() {
    check_survival(Kind::Xfs, times(5, 20));
}

#[test]
fn acknowledged_events_survive_power_loss_on_ext4() {
    check_survival(Kind::Ext4, times(5, 20));
}

#[test]
fn control_a_store_that_does_not_sync_is_caught() {
    for failures in 1..=20 {
        let (lost, acknowledged) = lose_power_under_load(Kind::Xfs, |setup| setup.sabotaged("synchronous-normal"));
        if lost > 0 {
            report(&format!("caught after {failures} power failures: {lost} of {acknowledged} acknowledged events are gone"));
            return;
        }
    }
    panic!("the store does not sync, and this harness does not see what is lost");
}

fn check_survival(kind: Kind, failures: usize) {
    let mut total = 0;
    for _ in 0..failures {
        let (lost, acknowledged) = lose_power_under_load(kind, |setup| setup);
        assert_eq!(lost, 0, "of {acknowledged} acknowledged events on {kind:?}");
        total += acknowledged;
    }
    report(&format!("{failures} power failures on {kind:?}, {total} events acknowledged, 0 lost"));
}

/// One power failure; says how many acknowledged events are gone after it, and how many there were.
fn lose_power_under_load(kind: Kind, sabotage: impl Fn(Setup) -> Setup) -> (usize, usize) {
    let disk = Disk::make(kind);
    let setup = sabotage(Setup::new()).store_in(&disk.path());
    let server = setup.start();
    let ledger = Ledger::new();
    let load = Load::start(server.public(), 32, Duration::ZERO, &ledger);
    eventually("the clients are being answered", Duration::from_secs(30), || ledger.len() > 0);
    std::thread::sleep(pause(&(50..1_000)));
    server.freeze();
    disk.lose_power();
    server.kill();
    load.stop();
    disk.come_back();
    assert_sound(setup.store());
    (ledger.missing_from(&Kept::read(setup.store()).events), ledger.len())
}
