//! What is in the store, read from its file: the other side of the ledger.

use std::{collections::HashSet, path::Path};

use rusqlite::{Connection, OpenFlags};

/// The content of a store.
#[derive(Default)]
pub(crate) struct Kept {
    /// The ids of the events it has a receipt of.
    pub(crate) events: HashSet<String>,
    /// How many receipts it has, of events and of bytes that are none.
    pub(crate) receipts: usize,
    /// How many of their dispatches are neither done nor dead.
    pub(crate) open: i64,
    /// How many of their dispatches are done.
    pub(crate) done: i64,
}

impl Kept {
    /// Reads a store that a server may have open, or that lies as a dead one left it.
    ///
    /// The ids are read out of the bytes themselves, so that nothing but the bytes is believed.
    pub(crate) fn read(store: &Path) -> Self {
        let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        // A store that never reached the disk has not even tables.
        if connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).unwrap() == 0 {
            return Self::default();
        }
        let count = |states: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM dispatch WHERE state IN ({states})");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let (open, done) = (count("0, 1"), count("2"));
        let mut bodies = connection.prepare("SELECT CAST(body AS TEXT) FROM original").unwrap();
        let bodies: Vec<String> = bodies.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        Self { receipts: bodies.len(), events: bodies.iter().filter_map(|body| id_in(body)).collect(), open, done }
    }
}

/// Has the database look at every page of itself.
#[track_caller]
pub(crate) fn assert_sound(store: &Path) {
    let connection = Connection::open(store).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok", "the database must be sound");
}

fn id_in(body: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(event["data"]["id"].as_str()?.to_owned())
}
