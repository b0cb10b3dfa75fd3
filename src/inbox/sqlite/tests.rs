//! Faults that cannot be made from outside: a full disk, a failing sync, a task that fails among others.

use std::time::{Duration, Instant};

use super::*;
use crate::{
    event::Event,
    inbox::{Room, Verdict},
    secret::Secret,
    signature::{Secrets, SigningKey, sign},
};

struct Fresh {
    store: Sqlite,
    _home: tempfile::TempDir,
}

fn fresh() -> Fresh {
    let home = tempfile::tempdir().unwrap();
    Fresh { store: Sqlite::open(Options::new(home.path().join("inbox.db"))).unwrap(), _home: home }
}

/// An event with this number. Padding is what makes reading it in a test slow, so what is large is no event.
fn arrival(number: usize, size: usize) -> Arrival {
    let body = if size == 0 {
        Bytes::from(format!(r#"{{"data":{{"type":"webhookPings","id":"{number}"}}}}"#))
    } else {
        Bytes::from(format!("{number}{}", "x".repeat(size)))
    };
    let secret = Secret::new("a secret for the tests of the store");
    let header = sign(&secret, &body).to_string();
    let authentic = Secrets::new([SigningKey::new(&secret, "current")]).verify([header.as_bytes()], body, now()).unwrap();
    let parsed = Event::parse(authentic.get().clone());
    let owed = vec![Owed { handler: "log".into(), in_order: false }];
    Arrival::new("app".into(), authentic, parsed.as_ref(), owed, now())
}

fn now() -> Timestamp {
    Timestamp::from_second(1_000).unwrap()
}

fn one(handler: &str) -> Claim {
    Claim { handlers: vec![Room { handler: handler.into(), slots: 1, lease: Duration::from_mins(1) }], now: now() }
}

fn done(claimed: &Claimed) -> Finish {
    Finish { lease: claimed.lease, started_at: now(), took: Duration::ZERO, verdict: Verdict::Done }
}

fn failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
}

#[tokio::test]
async fn a_task_that_fails_does_not_take_its_neighbours_with_it() {
    let Fresh { store, _home } = fresh();
    let held = rusqlite::Connection::open(&store.path).unwrap();
    // While the other connection holds the write lock, the three of them gather in the queue and become one transaction.
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let half_way = store.writer.write(|ledger| {
        ledger.name("half a task")?;
        ledger.tally.add(1, tally::What::Receipts, 1_000);
        Err::<(), _>(failure(rusqlite::ffi::SQLITE_CONSTRAINT))
    });
    let both = async { tokio::join!(store.probe(now()), store.accept(arrival(1, 0)), half_way, store.accept(arrival(2, 0))) };
    let release = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        held.execute_batch("ROLLBACK").unwrap();
    };
    let ((probe, first, failed, second), ()) = tokio::join!(both, release);
    assert!(probe.is_ok());
    assert!(matches!(first, Ok(Accepted::New { receipt: ReceiptId(1), .. })), "{first:?}");
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    assert!(matches!(second, Ok(Accepted::New { receipt: ReceiptId(2), .. })), "{second:?}");
    let stats = store.stats(now()).await.unwrap();
    assert_eq!((stats.receipts, stats.handlers[0].waiting), (2, 2));
    assert_eq!(store.writer.write(|ledger| ledger.known_name("half a task")).await.unwrap(), None);
}

#[tokio::test]
async fn a_failing_disk_breaks_the_store_for_good() {
    for code in [rusqlite::ffi::SQLITE_IOERR_FSYNC, rusqlite::ffi::SQLITE_IOERR_WRITE, rusqlite::ffi::SQLITE_CORRUPT] {
        let Fresh { store, _home } = fresh();
        let error = store.writer.write(move |_| Err::<(), _>(failure(code))).await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        assert!(store.accept(arrival(1, 0)).await.unwrap_err().is_fatal());
        assert!(store.probe(now()).await.unwrap_err().is_fatal());
        assert!(store.stats(now()).await.unwrap_err().is_fatal());
    }
}

#[tokio::test]
async fn a_task_that_panics_breaks_the_store_for_good() {
    let Fresh { store, _home } = fresh();
    let error = store.writer.write(|_| -> rusqlite::Result<()> { panic!("on purpose") }).await.unwrap_err();
    assert!(error.is_fatal(), "{error}");
    assert!(store.stats(now()).await.unwrap_err().is_fatal());
    assert!(store.accept(arrival(1, 0)).await.unwrap_err().is_fatal());
    assert!(store.close().await.unwrap_err().is_fatal());

    let Fresh { store, _home } = fresh();
    // Nobody hears of this one before the store is closed.
    drop(store.writer.write(|_| -> rusqlite::Result<()> { panic!("on purpose") }));
    assert!(store.close().await.unwrap_err().is_fatal());
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_goes_on() {
    let Fresh { store, _home } = fresh();
    store.accept(arrival(1, 0)).await.unwrap();
    let limit = |pages: i64| store.writer.write(move |ledger| ledger.connection.pragma_update(None, "max_page_count", pages));
    // SQLite never takes a limit below what the file has already: this leaves no page more.
    limit(1).await.unwrap();
    let refused = store.accept(arrival(2, 100_000)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    assert_eq!(store.stats(now()).await.unwrap().receipts, 1);
    let claimed = store.claim(one("log")).await.unwrap().remove(0);
    assert!(store.finish(done(&claimed)).await.unwrap());
    limit(1_000_000).await.unwrap();
    assert!(matches!(store.accept(arrival(2, 100_000)).await.unwrap(), Accepted::New { receipt: ReceiptId(2), same_id: false }));
}

#[tokio::test]
async fn below_the_reserve_nothing_comes_in_and_everything_ends() {
    let Fresh { store, _home } = fresh();
    store.accept(arrival(1, 0)).await.unwrap();
    store.disk.pretend(Instant::now(), 0);
    let refused = store.accept(arrival(2, 0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    store.disk.pretend(Instant::now(), 0);
    assert!(matches!(store.replay(&Replay::Dead { handler: None }, now()).await, Err(StoreError::Full(_))));
    store.disk.pretend(Instant::now(), 0);
    let claimed = store.claim(one("log")).await.unwrap().remove(0);
    assert!(store.finish(done(&claimed)).await.unwrap());
    assert!(matches!(store.probe(now()).await, Err(StoreError::Full(_))), "it is not ready for what it would refuse");
    // A look at the disk counts for a moment only; then the store finds by itself that there is room.
    tokio::time::sleep(Duration::from_millis(150)).await;
    store.accept(arrival(2, 0)).await.unwrap();
}

#[tokio::test]
async fn a_notification_does_not_wait_for_all_that_is_hastened() {
    let Fresh { store, _home } = fresh();
    let late = now() + Duration::from_hours(240);
    let many = (0..2 * AT_ONCE).map(|number| store.accept(Arrival { due_at: late, ..arrival(number, 0) }));
    futures_util::future::join_all(many).await;
    let order = std::sync::Mutex::new(Vec::new());
    let hastened = async {
        let hastened = store.hasten("log", now(), now()).await.unwrap();
        order.lock().unwrap().push("hastened");
        hastened
    };
    let accepted = async {
        store.accept(arrival(usize::MAX, 0)).await.unwrap();
        order.lock().unwrap().push("accepted");
    };
    let (hastened, ()) = tokio::join!(biased; hastened, accepted);
    assert_eq!((hastened, order.into_inner().unwrap()), (2 * AT_ONCE as u64, vec!["accepted", "hastened"]));
}

#[tokio::test]
async fn the_log_starts_over_while_writing_never_stops() {
    let Fresh { store, _home } = fresh();
    let log = place::beside(&store.path, "-wal");
    let mut largest = 0;
    for number in 0..100 {
        store.accept(arrival(number, 1_000_000)).await.unwrap();
        largest = largest.max(log.metadata().unwrap().len());
    }
    assert!(largest < 64 * 1_024 * 1_024, "{largest} bytes");
}

/// What a process left behind that was killed, or that ended because a sync failed: the system shows its log, the disk may not have it.
#[tokio::test]
async fn what_another_process_left_in_the_log_is_on_disk_before_anything_is_built_on_it() {
    let Fresh { store, _home } = fresh();
    store.accept(arrival(1, 0)).await.unwrap();
    let left = tempfile::tempdir().unwrap();
    let copied = left.path().join("inbox.db");
    for suffix in ["", "-wal"] {
        std::fs::copy(place::beside(&store.path, suffix), place::beside(&copied, suffix)).unwrap();
    }
    let opened = Sqlite::open(Options::new(&copied)).unwrap();
    let without_log = left.path().join("without-log.db");
    std::fs::copy(&copied, &without_log).unwrap();
    let kept = rusqlite::Connection::open(&without_log).unwrap();
    assert_eq!(kept.query_row("SELECT count(*) FROM receipt", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    drop(opened);
}

#[cfg(feature = "sabotage")]
#[test]
fn the_sabotaged_store_says_what_it_is() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let synchronous = |options: &Options| {
        let connection = place::connect(&path, options).unwrap();
        connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap()
    };
    let options = Options::new(&path);
    drop(Sqlite::open(options.clone()).unwrap());
    assert_eq!((synchronous(&options), synchronous(&options.clone().synchronous_normal())), (2, 1));
}

/// The numbers on each page of a search, and where it says to go on.
async fn looked_through(store: &Sqlite, filter: ReceiptFilter) -> Vec<(Vec<i64>, Option<i64>)> {
    let mut page = PageRequest { before: None, limit: 10 };
    let mut looked = Vec::new();
    loop {
        let Page { items, next } = store.receipts(&filter, page).await.unwrap();
        looked.push((items.iter().map(|listed| listed.receipt.id.0).collect::<Vec<_>>(), next.map(|next| next.0)));
        page.before = next;
        if next.is_none() {
            return looked;
        }
    }
}

/// Receipts without a number between them stand for many that do not have the text, and for many that have been removed.
#[tokio::test]
async fn a_text_is_looked_for_a_part_at_a_time_until_no_receipt_is_left() {
    let Fresh { store, _home } = fresh();
    let seven = |since| ReceiptFilter { text: Some("7".to_owned()), since, ..ReceiptFilter::default() };
    assert_eq!(looked_through(&store, seven(None)).await, [(vec![], None)]);
    store.accept(arrival(7, 0)).await.unwrap();
    rusqlite::Connection::open(&store.path).unwrap().execute("INSERT INTO hour (first, at) VALUES (30001, 0)", []).unwrap();
    let later = now() + Duration::from_hours(5);
    store.accept(Arrival { received_at: later, due_at: later, ..arrival(8, 0) }).await.unwrap();

    let found = [(vec![], Some(20_002)), (vec![], Some(10_002)), (vec![], Some(2)), (vec![1], None)];
    assert_eq!(looked_through(&store, seven(None)).await, found);
    assert_eq!(looked_through(&store, seven(Some(now()))).await, found);
    assert_eq!(looked_through(&store, seven(Some(later))).await, [(vec![], None)], "of that hour only the newest is");
    assert_eq!(looked_through(&store, seven(Some(later + Duration::from_hours(1)))).await, [(vec![], None)]);

    let claimed = store.claim(one("log")).await.unwrap().remove(0);
    assert!(store.finish(done(&claimed)).await.unwrap());
    assert_eq!(store.purge(later, 9).await.unwrap().receipts, 1);
    assert_eq!(looked_through(&store, seven(None)).await, [(vec![], None)], "the rest is removed");
}

/// A million receipts must not be walked for the words of one message.
#[test]
fn what_happened_to_a_subject_before_is_found_by_its_index() {
    let Fresh { store, _home } = fresh();
    let connection = rusqlite::Connection::open(&store.path).unwrap();
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", reading::ENTERED)).unwrap();
    let steps: Vec<String> = plan.query_map([1], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    let expected =
        ["SEARCH r USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH e USING INDEX receipt_subject (subject_id=? AND <expr><?)"];
    assert_eq!(steps, expected);
}
