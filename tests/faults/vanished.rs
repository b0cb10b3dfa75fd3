//! Files that are taken away under a running server: nothing is acknowledged that the next start would not find.

use std::{fs, path::Path, time::Duration};

use crate::support::{
    http,
    kept::Kept,
    load::{event, event_id},
    report,
    server::{Server, Setup},
};

/// Something that is done to the database at a path.
type Deed = fn(&Path);

/// How the store can be taken away.
const WAYS: [(&str, Deed); 5] = [
    ("the database is removed", |store| fs::remove_file(store).unwrap()),
    ("its log is removed", |store| fs::remove_file(beside(store, "-wal")).unwrap()),
    ("its lock is removed", |store| fs::remove_file(beside(store, ".lock")).unwrap()),
    ("its folder is emptied", |store| {
        let folder = store.parent().unwrap();
        fs::remove_dir_all(folder).unwrap();
        fs::create_dir(folder).unwrap();
    }),
    ("a copy is put in its place", |store| {
        let copy = beside(store, ".copy");
        fs::copy(store, &copy).unwrap();
        fs::rename(copy, store).unwrap();
    }),
];

#[test]
fn nothing_is_acknowledged_that_the_next_start_would_not_find() {
    for (way, take_away) in WAYS {
        let (setup, mut server) = started(Setup::new());
        take_away(setup.store());
        assert_eq!(acknowledged(&server, 6..=10), 0, "after {way}");
        let status = server.ended_within(Duration::from_secs(10)).unwrap_or_else(|| panic!("it goes on after {way}"));
        assert_eq!(status.code(), Some(4), "after {way}");
        assert!(server.log().contains("was removed, or replaced by another file"), "{}", server.log());
    }
    report(&format!("{} ways to take the store away: nothing is acknowledged after", WAYS.len()));
}

#[test]
fn control_a_store_that_does_not_look_loses_what_it_acknowledged() {
    let (setup, server) = started(Setup::new().sabotaged("adrift"));
    let (_, take_away) = WAYS[0];
    take_away(setup.store());
    let told = acknowledged(&server, 6..=10);
    server.kill();
    let _server = setup.start();
    let kept = Kept::read(setup.store()).receipts;
    assert_eq!((told, kept), (5, 0));
    report("caught: 10 acknowledged events are gone");
}

/// A server that has kept five events, in a folder with nothing else in it.
fn started(setup: Setup) -> (Setup, Server) {
    let folder = setup.folder().join("data");
    fs::create_dir(&folder).unwrap();
    let setup = setup.store_in(&folder);
    let server = setup.start();
    assert_eq!(acknowledged(&server, 1..=5), 5);
    (setup, server)
}

/// How many of these events are answered with 200.
fn acknowledged(server: &Server, numbers: std::ops::RangeInclusive<u64>) -> usize {
    let is_kept = |number: &u64| http::send(server.public(), &event(&event_id(*number))).is_ok_and(|answer| answer.status() == 200);
    numbers.filter(is_kept).count()
}

fn beside(store: &Path, suffix: &str) -> std::path::PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
