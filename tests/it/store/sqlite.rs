//! What only a store in a file can get wrong.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
    time::Duration,
};

use asc_webhooks::inbox::{
    Accepted, AttemptResult, DispatchState, ReceiptId, Store, StoreError, Verdict,
    history::HistoryFilter,
    query::{PageRequest, ReceiptFilter, Replay},
    sqlite::{Options, Sqlite},
};
use rusqlite::Connection;

use super::{Letter, accept, arrival, at, claim, claim_ids, finish, new_receipt, record, stats};

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/inbox/sqlite/migrations");
const FIRST_MIGRATION: &str = include_str!("../../../src/inbox/sqlite/migrations/0001_inbox.sql");

#[tokio::test]
async fn what_is_kept_is_there_after_reopening() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let store = Sqlite::open(Options::new(&path)).unwrap();
    for number in 1..=3 {
        accept(&store, &Letter::new(number)).await;
    }
    new_receipt(store.accept(arrival("app", "no event", &[], 1_100)).await.unwrap());
    let claimed = claim(&store, "log", 2, 2_000).await;
    assert!(finish(&store, claimed[0].lease, Verdict::Done).await);
    let before = record(&store, ReceiptId(1)).await;
    let unparsed = store.unparsed(None, 9).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(fs::metadata(home.path().join("inbox.db-wal")).map_or(0, |log| log.len()), 0, "the log is empty or gone");

    let store = Sqlite::open(Options::new(&path)).unwrap();
    let after = record(&store, ReceiptId(1)).await;
    assert_eq!(serde_json::to_value(&after).unwrap(), serde_json::to_value(&before).unwrap());
    assert_eq!((after.body, store.unparsed(None, 9).await.unwrap()), (before.body, unparsed));
    assert_eq!(store.accept(Letter::new(1).arrival()).await.unwrap(), Accepted::Known);

    let lost = record(&store, ReceiptId(2)).await.dispatches.remove(0);
    assert_eq!((lost.dispatch.state, lost.dispatch.due_at), (DispatchState::Waiting, Some(at(1_000))));
    assert_eq!((lost.history[0].number, lost.history[0].result), (1, AttemptResult::Lost));
    assert!(!finish(&store, claimed[1].lease, Verdict::Done).await, "the process that held it is gone");
    assert_eq!(claim_ids(&store, "log", 9, 2_000).await, [2, 3]);
    let stats = stats(&store).await;
    assert_eq!((stats.handlers[0].waiting, stats.handlers[0].claimed, stats.handlers[0].done), (0, 2, 1));
}

/// What `src/docs/stores.md` says of backups, both of it.
#[tokio::test]
async fn a_backup_is_what_was_kept_at_some_moment_and_a_copy_of_the_file_is_not() {
    let home = tempfile::tempdir().unwrap();
    let [path, backup, copy] = ["inbox.db", "backup.db", "copy.db"].map(|name| home.path().join(name));
    let store = Sqlite::open(Options::new(&path)).unwrap();
    for number in 0..20 {
        accept(&store, &Letter::new(number)).await;
    }
    let goes_on = async {
        for number in 20..200 {
            accept(&store, &Letter::new(number)).await;
        }
    };
    let (from, to) = (path.clone(), backup.to_str().unwrap().to_owned());
    let backs_up = tokio::task::spawn_blocking(move || Connection::open(from).unwrap().execute("VACUUM INTO ?1", [to]).unwrap());
    let ((), backed_up) = tokio::join!(goes_on, backs_up);
    backed_up.unwrap();
    fs::copy(&path, &copy).unwrap();
    store.close().await.unwrap();

    let restored = Sqlite::open(Options::new(&backup)).unwrap();
    let kept = usize::try_from(stats(&restored).await.receipts).unwrap();
    assert!((20..=200).contains(&kept), "{kept}");
    for number in 0..200 {
        let accepted = restored.accept(Letter::new(number).arrival()).await.unwrap();
        assert_eq!(accepted == Accepted::Known, number < kept, "{number} of {kept}");
    }
    assert_eq!(claim_ids(&restored, "log", 999, 2_000).await.len(), 200, "what was owed is owed");
    let copied = Sqlite::open(Options::new(&copy)).unwrap();
    assert_eq!(stats(&copied).await.receipts, 0, "all of it still stood in the log");
}

#[tokio::test]
async fn the_number_of_a_removed_receipt_does_not_come_back() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let store = Sqlite::open(Options::new(&path)).unwrap();
    accept(&store, &Letter { owed: vec![], ..Letter::new(1) }).await;
    assert_eq!(store.purge(at(9_000), 9).await.unwrap().receipts, 1);
    store.close().await.unwrap();
    let store = Sqlite::open(Options::new(&path)).unwrap();
    assert_eq!(accept(&store, &Letter::new(2)).await, ReceiptId(2));
}

#[tokio::test]
async fn one_server_is_alone_and_commands_work_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let server = Sqlite::open(Options::new(&path)).unwrap();
    let id = accept(&server, &Letter::new(1)).await;
    let claimed = claim(&server, "log", 9, 2_000).await.remove(0);
    check_refused(Options::new(&path), "another server has it open (it holds `{home}/inbox.db.lock`)", home.path());

    let command = Sqlite::open(Options::new(&path).shared()).unwrap();
    assert_eq!(record(&command, id).await.dispatches[0].dispatch.state, DispatchState::Claimed);
    assert!(finish(&server, claimed.lease, Verdict::Done).await);
    let replay = Replay::Receipt { id, handlers: super::owing(&[("log", false)]) };
    assert_eq!(command.replay(&replay, at(3_000)).await.unwrap(), 1);
    command.close().await.unwrap();
    assert_eq!(claim_ids(&server, "log", 9, 3_000).await, [1]);
    drop(server);
    Sqlite::open(Options::new(&path)).unwrap();
}

/// Closing any descriptor of a file gives up all locks that the process has on it, those of SQLite too. An older `sqlite3` that makes a
/// backup takes itself for the only one then, and removes the log that the server goes on writing to.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_second_opening_in_one_process_leaves_the_first_its_lock() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let is_locked = || {
        let (of_this_process, on_this_file) = (
            format!(" {} ", std::process::id()),
            format!(":{} ", std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap())),
        );
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|lock| [" POSIX ", &of_this_process, &on_this_file].iter().all(|part| lock.contains(part)))
    };
    let server = Sqlite::open(Options::new(&path)).unwrap();
    accept(&server, &Letter::new(1)).await;
    assert!(is_locked());
    check_refused(Options::new(&path), "another server has it open", home.path());
    assert!(is_locked(), "who is refused must not unlock it");
    drop(Sqlite::open(Options::new(&path).shared()).unwrap());
    assert!(is_locked(), "who has closed it must not have unlocked it");

    accept(&server, &Letter::new(2)).await;
    drop(server);
    assert!(!is_locked());
    assert_eq!(stats(&Sqlite::open(Options::new(&path)).unwrap()).await.receipts, 2);
}

#[tokio::test]
async fn a_link_may_stand_for_the_file_before_there_is_one() {
    let home = tempfile::tempdir().unwrap();
    let [path, link, loops] = ["inbox.db", "link.db", "loop.db"].map(|name| home.path().join(name));
    symlink("inbox.db", &link).unwrap();
    symlink("loop.db", &loops).unwrap();
    let store = Sqlite::open(Options::new(&link)).unwrap();
    accept(&store, &Letter::new(1)).await;
    assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    check_refused(Options::new(&path), "another server has it open (it holds `{home}/inbox.db.lock`)", home.path());
    check_refused(Options::new(&loops), "cannot open `{home}/loop.db` for writing: ", home.path());
}

#[tokio::test]
async fn the_file_is_private_and_its_directory_is_made() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("deep/down/inbox.db");
    let store = Sqlite::open(Options::new(&path)).unwrap();
    accept(&store, &Letter::new(1)).await;
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[test]
fn what_cannot_be_a_store_is_refused_in_words() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    fs::write(at("letter.txt"), "Dear Sir or Madam, this is no database. ".repeat(50)).unwrap();
    Connection::open(at("other.db")).unwrap().execute_batch("CREATE TABLE cakes (name TEXT)").unwrap();
    Sqlite::open(Options::new(at("newer.db"))).unwrap();
    Connection::open(at("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    fs::create_dir(at("directory")).unwrap();

    for (options, expected) in [
        (Options::new(at("letter.txt")), "`{home}/letter.txt`: the file is not a SQLite database"),
        (Options::new(at("other.db")), "`{home}/other.db`: the file is a SQLite database of another program"),
        (Options::new(at("newer.db")), "`{home}/newer.db`: a newer version of `asc-webhooks` has changed it (its schema is 99,"),
        (Options::new(at("directory")), "`{home}/directory`: it is not a regular file"),
        (Options::new(at("letter.txt/inbox.db")), "cannot make the directory `{home}/letter.txt` for the store"),
        (Options::new(at("none.db")).shared(), "`{home}/none.db`: there is no store yet"),
    ] {
        check_refused(options, expected, home.path());
    }
    assert!(!at("none.db").exists());
    assert!(fs::read_to_string(at("letter.txt")).unwrap().starts_with("Dear Sir"));
}

#[track_caller]
fn check_refused(options: Options, expected: &str, home: &Path) {
    let error = Sqlite::open(options).unwrap_err();
    let expected = expected.replace("{home}", home.canonicalize().unwrap().to_str().unwrap());
    assert!(!error.is_fatal());
    assert!(error.to_string().contains(&expected), "{error}\nexpected\n{expected}");
}

#[tokio::test]
async fn a_migration_that_is_cut_off_did_not_happen() {
    let home = tempfile::tempdir().unwrap();
    let connection = Connection::open(home.path().join("inbox.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection.execute_batch(FIRST_MIGRATION).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection.cache_flush().unwrap();
    // The files at this moment are what a process leaves that is killed.
    let left = tempfile::tempdir().unwrap();
    for name in ["inbox.db", "inbox.db-wal"] {
        fs::copy(home.path().join(name), left.path().join(name)).unwrap();
    }
    assert!(fs::metadata(left.path().join("inbox.db-wal")).unwrap().len() > 4_096, "something of it was written");
    let store = Sqlite::open(Options::new(left.path().join("inbox.db"))).unwrap();
    accept(&store, &Letter::new(1)).await;
}

/// A database as older versions left it, with what they had heard.
#[tokio::test]
async fn what_was_heard_before_there_were_histories_is_in_them() {
    let home = tempfile::tempdir().unwrap();
    let older = Connection::open(home.path().join("inbox.db")).unwrap();
    older.execute_batch(FIRST_MIGRATION).unwrap();
    older.execute_batch(&format!("PRAGMA application_id = {}; PRAGMA user_version = 1;", 0x6173_6377)).unwrap();
    older
        .execute_batch("INSERT INTO name (id, name) VALUES (1, 'app'), (2, 'versionUpdated'), (3, 'IN_REVIEW'), (4, '100')")
        .unwrap();
    for (id, subject, state) in [(1, "'1.0'", "3"), (2, "NULL", "3"), (3, "'1.1'", "3"), (4, "'1.0'", "3"), (5, "'1.2'", "NULL")] {
        let values = format!("({id}, {id}000000, 1, 0, 2, {state}, {subject}, 'event-{id}')");
        let columns = "id, received_at, endpoint, source, kind, state, subject_id, event_id";
        older.execute_batch(&format!("INSERT INTO receipt ({columns}) VALUES {values}")).unwrap();
    }
    older.execute_batch(include_str!("../../../src/inbox/sqlite/migrations/0002_recovery.sql")).unwrap();
    older.execute_batch(include_str!("../../../src/inbox/sqlite/migrations/0003_details.sql")).unwrap();
    older.pragma_update(None, "user_version", 3).unwrap();
    let details = [(1, r#"{"app":{"id":"200"}}"#), (4, r#"{"app":{"id":"100"}}"#), (3, "no details")];
    for (receipt, json) in details {
        older.execute("INSERT INTO details (receipt, json) VALUES (?1, ?2)", (receipt, json.as_bytes())).unwrap();
    }
    drop(older);

    let store = Sqlite::open(Options::new(home.path().join("inbox.db"))).unwrap();
    let filter = HistoryFilter { kind: "versionUpdated".into(), app: None };
    let page = store.histories(&filter, PageRequest { before: None, limit: 9 }).await.unwrap();
    let found: Vec<_> = page.items.iter().map(|of| (of.first.0, of.subject_id.as_str(), of.app.as_str(), of.steps.len())).collect();
    assert_eq!(found, [(3, "1.1", "app", 1), (1, "1.0", "100", 2)], "each once, and the newest details say whose it is");
    assert_eq!(store.apps().await.unwrap(), ["app", "100"]);
}

/// As the version before left it that numbered by a sequence: the newest has been removed, and a clock was set back.
#[tokio::test]
async fn numbers_go_on_and_times_are_found_where_an_index_had_them_before() {
    const HOUR: i64 = 3_600;
    let home = tempfile::tempdir().unwrap();
    let older = Connection::open(home.path().join("inbox.db")).unwrap();
    for migration in fs::read_dir(MIGRATIONS).unwrap().map(|entry| entry.unwrap().path()).collect::<BTreeSet<_>>().iter().take(8) {
        older.execute_batch(&fs::read_to_string(migration).unwrap()).unwrap();
    }
    older.execute_batch(&format!("PRAGMA application_id = {}; PRAGMA user_version = 8;", 0x6173_6377)).unwrap();
    older.execute_batch("INSERT INTO name (id, name) VALUES (1, 'app'); INSERT INTO tally VALUES (1, 10, 5), (1, 13, 0)").unwrap();
    for (id, received_at) in [(2, 5 * HOUR), (3, 5 * HOUR + 1), (4, HOUR), (5, 2 * HOUR), (9, 2 * HOUR)] {
        let columns = "id, received_at, endpoint, source, reason";
        older.execute_batch(&format!("INSERT INTO receipt ({columns}) VALUES ({id}, {received_at}000000, 1, 0, 'none')")).unwrap();
        older.execute_batch(&format!("INSERT INTO original VALUES ({id}, x'00', NULL, NULL, x'00')")).unwrap();
    }
    older.execute_batch("DELETE FROM receipt WHERE id = 9").unwrap();
    drop(older);

    let store = Sqlite::open(Options::new(home.path().join("inbox.db"))).unwrap();
    let found = async |filter: ReceiptFilter| {
        let page = store.receipts(&filter, PageRequest { before: None, limit: 9 }).await.unwrap();
        page.items.iter().map(|listed| listed.receipt.id.0).collect::<Vec<_>>()
    };
    assert_eq!(found(ReceiptFilter { since: Some(at(5 * HOUR)), ..ReceiptFilter::default() }).await, [3, 2]);
    assert_eq!(found(ReceiptFilter { until: Some(at(5 * HOUR)), ..ReceiptFilter::default() }).await, [5, 4]);
    assert_eq!(found(ReceiptFilter { unparsed: true, ..ReceiptFilter::default() }).await, [5, 4, 3, 2]);
    let hours = store.hours(at(0)).await.unwrap();
    let hours: Vec<_> = hours.iter().map(|hour| (hour.begins_at.as_second() / HOUR, hour.receipts)).collect();
    assert_eq!(hours, [(1, 1), (2, 1), (5, 2)]);
    assert_eq!(accept(&store, &Letter { received_at: 2 * HOUR, ..Letter::new(1) }).await, ReceiptId(10));
    assert_eq!(found(ReceiptFilter { until: Some(at(5 * HOUR)), ..ReceiptFilter::default() }).await, [10, 5, 4]);
}

/// Each line as it may be found whose second was claimed before the first came in: as the version left it that let both be claimed at
/// once, as this one does, and as nobody should.
#[tokio::test]
async fn each_line_has_one_head_whatever_an_older_version_left() {
    const WAITING: u8 = 0;
    const CLAIMED: u8 = 1;
    let lines = [
        [(WAITING, 0), (CLAIMED, 1), (WAITING, 1)],
        [(CLAIMED, 0), (CLAIMED, 1), (WAITING, 1)],
        [(WAITING, 0), (CLAIMED, 0), (WAITING, 1)],
        [(WAITING, 1), (CLAIMED, 0), (WAITING, 1)],
        [(WAITING, 0), (WAITING, 1), (WAITING, 1)],
    ];
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let older = Sqlite::open(Options::new(&path)).unwrap();
    let mut numbers = 1..;
    for (line, left) in lines.iter().enumerate() {
        for (time, number) in (1..).zip(numbers.by_ref().take(left.len())) {
            let owed = vec![("log", true)];
            accept(&older, &Letter { subject: format!("version-{line}"), time, owed, ..Letter::new(number) }).await;
        }
    }
    drop(older);
    let raw = Connection::open(&path).unwrap();
    for (receipt, (state, behind)) in (1..).zip(lines.as_flattened()) {
        let left = "UPDATE dispatch SET state = ?2, behind = ?3, token = ?2, claimed_at = 0, lease_until = 0 WHERE id / 1000 = ?1";
        assert_eq!(raw.execute(left, (receipt, state, behind)).unwrap(), 1);
    }
    drop(raw);

    let store = Sqlite::open(Options::new(&path)).unwrap();
    for heads in [[1, 4, 7, 10, 13], [2, 5, 8, 11, 14], [3, 6, 9, 12, 15]] {
        let mut claimed = claim(&store, "log", 99, 2_000).await;
        claimed.sort_by_key(|claimed| claimed.receipt.id);
        assert_eq!(claimed.iter().map(|claimed| claimed.receipt.id.0).collect::<Vec<_>>(), heads);
        for claimed in claimed {
            assert!(finish(&store, claimed.lease, Verdict::Done).await);
        }
    }
}

#[tokio::test]
async fn hours_go_with_their_receipts() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let store = Sqlite::open(Options::new(&path)).unwrap();
    let kept = || Connection::open(&path).unwrap().query_row("SELECT count(*) FROM hour", [], |row| row.get::<_, i64>(0)).unwrap();
    for number in 0..5 {
        let received_at = 3_600 * i64::try_from(number).unwrap();
        accept(&store, &Letter { received_at, owed: vec![], ..Letter::new(number) }).await;
    }
    assert_eq!(kept(), 5);
    assert_eq!(store.purge(at(7_200), 9).await.unwrap().receipts, 2);
    assert_eq!(kept(), 3);
    assert_eq!(store.purge(at(72_000), 9).await.unwrap().receipts, 3);
    assert_eq!(kept(), 1, "the last number is still known");
    assert_eq!(accept(&store, &Letter { received_at: 72_000, ..Letter::new(9) }).await, ReceiptId(6));
}

#[tokio::test]
async fn what_another_process_holds_up_is_refused_and_not_half_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let store = Sqlite::open(Options::new(&path).patience(Duration::from_millis(20))).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.accept(Letter::new(1).arrival()).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
    assert_eq!(stats(&store).await.receipts, 0);
    other.execute_batch("ROLLBACK").unwrap();
    accept(&store, &Letter::new(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_in_the_queue_is_refused_at_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("inbox.db");
    let store = Arc::new(Sqlite::open(Options::new(&path).patience(Duration::from_mins(1))).unwrap());
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..6_000 {
        let store = store.clone();
        senders.spawn(async move { store.accept(Letter::new(number).arrival()).await });
    }
    // While nothing can be written, the only answers are refusals.
    let refused = senders.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(matches!(refused, StoreError::Busy(_)), "{refused}");
    other.execute_batch("ROLLBACK").unwrap();
    let kept = senders.join_all().await.into_iter().flatten().count();
    assert!(kept >= 4_096, "{kept}");
    assert_eq!(stats(&*store).await.receipts, kept as u64);
}

#[tokio::test]
async fn a_caller_who_goes_away_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = Sqlite::open(Options::new(home.path().join("inbox.db"))).unwrap();
    let mut call = store.accept(Letter::new(1).arrival());
    // Polled once, so it is queued; then dropped, answered or not.
    let _answered_or_not = futures_util::poll!(&mut call);
    drop(call);
    assert_eq!(store.accept(Letter::new(1).arrival()).await.unwrap(), Accepted::Known);
}
