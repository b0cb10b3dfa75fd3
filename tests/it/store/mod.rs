//! What every store must do.
//!
//! `keeping`, `dispatching`, `accounts`, `histories` and `notes` say it one promise at a time, and `model` plays long random games against a store and
//! a model of it; both over every store there is. `sqlite` has what only a file can get wrong. To test a store of your own, add it to [`Kind`].

mod accounts;
mod dispatching;
mod histories;
mod keeping;
mod model;
mod notes;
mod sqlite;

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    event::Event,
    inbox::{
        Accepted, Arrival, AttemptResult, Claim, Claimed, Finish, Lease, Owed, ReceiptId, Room, Store, Verdict,
        memory::Memory,
        query::{ReceiptRecord, Stats},
        sqlite::{Options, Sqlite},
    },
    secret::Secret,
    signature::{Secrets, SigningKey, sign},
};
use bytes::Bytes;
use jiff::Timestamp;

/// Makes each of the named functions a test of every store.
macro_rules! kept_by_every_store {
    ($($promise:ident)*) => {
        mod memory { $(#[tokio::test(flavor = "multi_thread")] async fn $promise() {
            let fresh = crate::store::Kind::Memory.fresh();
            super::$promise(fresh.store.clone()).await;
        })* }
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")] async fn $promise() {
            let fresh = crate::store::Kind::Sqlite.fresh();
            super::$promise(fresh.store.clone()).await;
        })* }
    };
}
use kept_by_every_store;

/// Which store.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Memory,
    Sqlite,
}

/// A store of its own for a test, with the directory it lives in.
struct Fresh {
    store: Arc<dyn Store>,
    _home: tempfile::TempDir,
}

impl Kind {
    fn fresh(self) -> Fresh {
        let home = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = match self {
            Self::Memory => Arc::new(Memory::new()),
            Self::Sqlite => Arc::new(Sqlite::open(Options::new(home.path().join("inbox.db"))).unwrap()),
        };
        Fresh { store, _home: home }
    }
}

/// A notification to be. The same values make the same event.
#[derive(Clone, Debug)]
struct Letter {
    endpoint: &'static str,
    id: String,
    kind: &'static str,
    state: &'static str,
    subject: String,
    time: i64,
    received_at: i64,
    owed: Vec<(&'static str, bool)>,
}

impl Letter {
    /// The event of this number, about a subject of its own, received at second 1,000, owed to the handler `log`.
    fn new(number: usize) -> Self {
        Self {
            endpoint: "app",
            id: format!("event-{number}"),
            kind: "appStoreVersionAppVersionStateUpdated",
            state: "IN_REVIEW",
            subject: format!("version-{number}"),
            time: 900,
            received_at: 1_000,
            owed: vec![("log", false)],
        }
    }

    fn body(&self) -> String {
        let Self { id, kind, state, subject, time, .. } = self;
        let time = at(*time);
        format!(
            r#"{{"data":{{"type":"{kind}","id":"{id}","version":1,"attributes":{{"oldValue":"WAITING_FOR_REVIEW","newValue":"{state}","timestamp":"{time}"}},"relationships":{{"instance":{{"data":{{"type":"appStoreVersions","id":"{subject}"}}}}}}}}}}"#
        )
    }

    fn arrival(&self) -> Arrival {
        arrival(self.endpoint, &self.body(), &self.owed, self.received_at)
    }
}

/// Signs and verifies a body, as the only way to an arrival.
fn arrival(endpoint: &str, body: &str, owed: &[(&str, bool)], received_at: i64) -> Arrival {
    let secret = Secret::new("a secret for the tests of the store");
    let header = sign(&secret, body.as_bytes()).to_string();
    let secrets = Secrets::new([SigningKey::new(&secret, "current")]);
    let authentic = secrets.verify([header.as_bytes()], Bytes::copy_from_slice(body.as_bytes()), at(received_at)).unwrap();
    let parsed = Event::parse(authentic.get().clone());
    Arrival::new(endpoint.into(), authentic, parsed.as_ref(), owing(owed), at(received_at))
}

fn owing(handlers: &[(&str, bool)]) -> Vec<Owed> {
    handlers.iter().map(|&(handler, in_order)| Owed { handler: handler.into(), in_order }).collect()
}

/// A time in seconds.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// How long every lease in these tests lasts.
const LEASE: Duration = Duration::from_mins(1);

/// Keeps a letter that must be new.
#[track_caller]
fn new_receipt(accepted: Accepted) -> ReceiptId {
    match accepted {
        Accepted::New { receipt, .. } => receipt,
        other => panic!("expected a new receipt, got {other:?}"),
    }
}

async fn accept(store: &dyn Store, letter: &Letter) -> ReceiptId {
    new_receipt(store.accept(letter.arrival()).await.unwrap())
}

async fn claim(store: &dyn Store, handler: &str, slots: usize, now: i64) -> Vec<Claimed> {
    let room = Room { handler: handler.into(), slots, lease: LEASE };
    store.claim(Claim { handlers: vec![room], now: at(now) }).await.unwrap()
}

/// The numbers of the receipts that a claim yields.
async fn claim_ids(store: &dyn Store, handler: &str, slots: usize, now: i64) -> Vec<i64> {
    claim(store, handler, slots, now).await.iter().map(|claimed| claimed.receipt.id.0).collect()
}

async fn finish(store: &dyn Store, lease: Lease, verdict: Verdict) -> bool {
    store.finish(Finish { lease, started_at: at(2_000), took: Duration::from_millis(5), verdict }).await.unwrap()
}

async fn record(store: &dyn Store, id: ReceiptId) -> ReceiptRecord {
    store.receipt(id).await.unwrap().unwrap()
}

async fn stats(store: &dyn Store) -> Stats {
    Stats { bytes: 0, ..store.stats(at(0)).await.unwrap() }
}

fn retry(due_at: i64) -> Verdict {
    Verdict::Retry { due_at: at(due_at), result: AttemptResult::Failed, error: "not now".into() }
}

fn dead() -> Verdict {
    Verdict::Dead { result: AttemptResult::Rejected, error: "no use".into() }
}
