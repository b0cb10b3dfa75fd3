//! A full disk is said plainly, loses nothing, stops nothing that was begun, and is over as soon as there is room.

use std::{path::Path, time::Duration};

use crate::support::{
    disk::Disk,
    eventually, http,
    kept::{Kept, assert_sound},
    load::{Ledger, Load, event, event_id},
    report,
    server::{Server, Setup},
    sink::Sink,
};

#[test]
fn a_full_disk_refuses_and_heals_by_itself() {
    check(640, 40);
}

/// The reserve of a small disk is a twentieth of it, less than the log may hold.
#[test]
fn a_full_small_disk_does_so_too() {
    check(128, 24);
}

#[test]
fn what_would_refuse_every_notification_is_not_ready() {
    let disk = Disk::in_memory(128);
    let setup = Setup::new().store_in(&disk.path());
    let server = setup.start();
    let filler = leave_free(&disk.path(), 1 << 20);
    let status = |path| http::get(server.public(), path).unwrap().status();
    eventually("it is not ready", Duration::from_secs(30), || status("/readyz") == 503);
    assert_eq!(http::send(server.public(), &event(&event_id(1))).unwrap().status(), 503);
    assert_eq!(status("/livez"), 200, "a full disk is no reason to be restarted");
    std::fs::remove_file(filler).unwrap();
    eventually("it is ready again", Duration::from_secs(30), || status("/readyz") == 200);
    assert_eq!(http::send(server.public(), &event(&event_id(1))).unwrap().status(), 200);
}

/// Fills a disk of so many mebibytes, of which so many are free at first.
fn check(size: usize, free: u64) {
    let disk = Disk::in_memory(size);
    let sink = Sink::open();
    sink.answer(503);
    let setup = Setup::new().store_in(&disk.path()).with(&sink.handler("sink"));
    let server = setup.start();
    let filler = leave_free(&disk.path(), free << 20);

    let ledger = Ledger::new();
    fill_up(&server, &ledger);
    let refused = http::send(server.public(), &event(&event_id(u64::MAX >> 16))).unwrap();
    assert_eq!(refused.status(), 503, "{}", refused.text());
    let wait = refused.header("retry-after").expect("a 503 says when to come back");
    assert!(wait.parse::<u32>().is_ok_and(|seconds| seconds > 0), "`{wait}` is not a number of seconds");
    assert_eq!(http::get(server.public(), "/livez").unwrap().status(), 200, "a full disk is no reason to be restarted");

    // What was accepted is finished and recorded, on the room that is kept back for that.
    sink.answer(200);
    eventually("every dispatch is done", Duration::from_mins(1), || Kept::read(setup.store()).open == 0);

    std::fs::remove_file(filler).unwrap();
    let mut number = u64::MAX >> 17;
    let healed = eventually("events are accepted again", Duration::from_secs(30), || {
        number += 1;
        http::send(server.public(), &event(&event_id(number))).is_ok_and(|answer| answer.status() == 200)
    });
    eventually("those are done too", Duration::from_mins(1), || Kept::read(setup.store()).open == 0);
    server.kill();
    assert_sound(setup.store());
    let kept = Kept::read(setup.store());
    assert_eq!(ledger.missing_from(&kept.events), 0, "acknowledged, and not in the store");
    assert_eq!(
        usize::try_from(kept.done),
        Ok(kept.receipts),
        "what was accepted while the disk filled up is done, and none of it dead"
    );
    let again: Vec<_> = sink.counts().into_iter().filter(|(_, times)| *times != 1).collect();
    assert_eq!(again, [], "a result that cannot be recorded is a handler that runs again");
    report(&format!(
        "{} events until the disk was full, 0 lost, all handled; healed {healed:.1?} after there was room",
        ledger.len()
    ));
}

#[test]
fn control_an_acknowledgement_before_the_commit_is_caught() {
    let disk = Disk::in_memory(64);
    let setup = Setup::new().sabotaged("acknowledge-first").store_in(&disk.path());
    let server = setup.start();
    let filler = leave_free(&disk.path(), 6 << 20);
    let ledger = Ledger::new();
    let load = Load::start(server.public(), 16, Duration::ZERO, &ledger);
    eventually("more is acknowledged than there is room for", Duration::from_mins(2), || ledger.len() > 20_000);
    load.stop();
    server.kill();
    std::fs::remove_file(filler).unwrap();
    let lost = ledger.missing_from(&Kept::read(setup.store()).events);
    assert!(lost > 0, "{} events were acknowledged on 6 MiB, and none is missed", ledger.len());
    report(&format!("caught: {lost} of {} acknowledged events are gone", ledger.len()));
}

/// Sends until there is no room any more.
fn fill_up(server: &Server, ledger: &std::sync::Arc<Ledger>) {
    let load = Load::start(server.public(), 16, Duration::ZERO, ledger);
    eventually("the disk is full", Duration::from_mins(2), || ledger.answers().contains_key(&503));
    load.stop();
}

/// Takes all room on a disk but so many bytes.
fn leave_free(folder: &Path, bytes: u64) -> std::path::PathBuf {
    let room = rustix::fs::statvfs(folder).unwrap();
    let filler = folder.join("filler");
    let size = (room.f_bavail * room.f_frsize).checked_sub(bytes).expect("the disk is larger than that");
    rustix::fs::fallocate(std::fs::File::create(&filler).unwrap(), rustix::fs::FallocateFlags::empty(), 0, size).unwrap();
    filler
}
