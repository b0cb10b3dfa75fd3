//! A clock that is set ten days forward or back strands no dispatch and runs none twice.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    eventually, http,
    kept::Kept,
    load::{event, event_id},
    report,
    server::Setup,
    sink::Sink,
};

#[test]
fn a_clock_that_is_set_strands_nothing_and_repeats_nothing() {
    let sink = Sink::open();
    sink.answer(503);
    let (setup, time) = with_a_clock_to_set(Setup::new().with(&sink.handler("sink")));
    let server = setup.start();

    let mut sent = 0;
    for shift in ["+10d", "-10d", "+0"] {
        for _ in 0..50 {
            sent += 1;
            assert_eq!(http::send(server.public(), &event(&event_id(sent))).unwrap().status(), 200);
        }
        set(&time, shift);
    }
    sink.answer(200);
    let took = eventually("every dispatch is done", Duration::from_mins(1), || Kept::read(setup.store()).open == 0);
    let once: HashMap<String, usize> = (1..=sent).map(|number| (event_id(number), 1)).collect();
    assert_eq!(sink.counts(), once);
    report(&format!("{sent} events while the clock was set by ten days and back: each handled once, {took:.1?} after it could be"));
}

#[test]
fn a_start_with_the_clock_set_right_fetches_back_what_a_wrong_one_put_off() {
    let sink = Sink::open();
    let (sent, took) = after_ten_days_ahead(Setup::new(), &sink, Duration::from_secs(30));
    let took = took.expect("events that were put off by ten days must be handled now");
    let once: HashMap<String, usize> = (1..=sent).map(|number| (event_id(number), 1)).collect();
    assert_eq!(sink.counts(), once);
    report(&format!(
        "{sent} events put off by a clock ten days ahead, each handled once, {took:.1?} after a start with the right one"
    ));
}

#[test]
fn control_what_a_wrong_clock_put_off_would_wait_for_days() {
    let sink = Sink::open();
    let (_, took) = after_ten_days_ahead(Setup::new().sabotaged("believe-the-clock"), &sink, Duration::from_secs(5));
    assert_eq!((took, sink.len()), (None, 0));
}

/// Events come in while the clock stands ten days ahead and nobody takes them. Then the program is started again with the right clock.
/// Returns how many they are, and how long it took from then on until all were done; none if not all were in time.
fn after_ten_days_ahead(setup: Setup, sink: &Sink, patience: Duration) -> (u64, Option<Duration>) {
    const SENT: u64 = 50;
    sink.answer(503);
    let (setup, time) = with_a_clock_to_set(setup.with(&sink.handler("sink")));
    set(&time, "+10d");
    let server = setup.start();
    for number in 1..=SENT {
        assert_eq!(http::send(server.public(), &event(&event_id(number))).unwrap().status(), 200);
    }
    server.kill();
    set(&time, "+0");
    sink.answer(200);
    let _server = setup.start();
    let start = Instant::now();
    while Kept::read(setup.store()).open > 0 {
        if start.elapsed() > patience {
            return (SENT, None);
        }
        thread::sleep(Duration::from_millis(20));
    }
    (SENT, Some(start.elapsed()))
}

/// A setup whose clock is set by a file, and the file.
fn with_a_clock_to_set(setup: Setup) -> (Setup, PathBuf) {
    let time = setup.folder().join("time");
    set(&time, "+0");
    let setup = setup
        .variable("LD_PRELOAD", &library())
        .variable("FAKETIME_TIMESTAMP_FILE", &time.display().to_string())
        .variable("FAKETIME_NO_CACHE", "1")
        .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    (setup, time)
}

/// The clock is really turned: a check that runs under a clock that nobody touches shows nothing.
#[test]
fn control_the_clock_is_turned() {
    let folder = tempfile::tempdir().unwrap();
    let time = folder.path().join("time");
    set(&time, "-10000d");
    let mut date = std::process::Command::new("date");
    let output = date.arg("+%Y").env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &time).output().unwrap();
    let year: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!(year < 2010, "the library does not turn the clock: it is {year}");
}

pub(crate) fn set(file: &Path, shift: &str) {
    fs::write(file, format!("{shift}\n")).unwrap();
}

/// Where Debian's package `faketime` puts the library that stands between a program and the clock.
pub(crate) fn library() -> String {
    format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH)
}
