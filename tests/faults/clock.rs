//! A clock that is set ten days forward or back strands no dispatch and runs none twice.

use std::{collections::HashMap, fs, path::Path, time::Duration};

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
    let setup = Setup::new().with(&sink.handler("sink"));
    let time = setup.folder().join("time");
    set(&time, "+0");
    let setup = setup
        .variable("LD_PRELOAD", &library())
        .variable("FAKETIME_TIMESTAMP_FILE", &time.display().to_string())
        .variable("FAKETIME_NO_CACHE", "1")
        .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
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
