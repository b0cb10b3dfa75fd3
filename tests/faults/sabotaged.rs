//! The twin of the program: the same parts, and one promise broken on purpose.
//!
//! `asc-webhooks-sabotaged HOW serve --config FILE`, where `HOW` is
//!
//! - `nothing`: breaks no promise;
//! - `acknowledge-first`: says that an event is kept before it is;
//! - `adrift`: does not look whether the files that it writes to are still there;
//! - `synchronous-normal`: commits without waiting for the disk;
//! - `share-one-worker`: takes on nothing new until all that was taken on is finished, whichever handler it is owed to;
//! - `select-then-insert`: asks whether an event is known, and then writes it, in two steps, and knows no event of an earlier process;
//! - `trust-the-id`: takes every event for known whose id was seen before;
//! - `write-behind`: says that an event is kept, writes it a moment later, and does not when it is asked to stop before;
//! - `mark-first`: moves the mark of recovery before what was recovered is written, which happens a moment later;
//! - `linger-at-the-end`: takes ten seconds to close its store, and lets nobody give up on it;
//! - `accept-later`: says that it accepts the newest secrets before it does;
//! - `believe-the-clock`: leaves put off what a clock that stood wrong has put off;
//! - `change-the-key`: has every attempt made under another idempotency key;
//! - `endless-room`: gives bodies of which nothing is proven as much memory as they ask for;
//! - `indiscreet`: logs its configuration, its environment, and every notification;
//! - `log-on-the-spot`: writes its log itself, and waits until somebody has read it.
//!
//! Each knows a handler kind `panic` that panics on every event, as a handler of somebody's own might. The fault tests run the twin to
//! see that they would notice. It is built with the feature `sabotage` only, and never shipped.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::bail;
use asc_webhooks::{
    app::App,
    clock::SystemClock,
    config::{self, Sources, StoreUrl},
    handler::{HandlerError, Registry, handler_fn},
    inbox::{
        Accepted, Arrival, Claim, Claimed, Finish, Identity, ReceiptId, Store, StoreError, Way,
        secrets::SecretsReader,
        sqlite::{Options, Sqlite},
        wrapper::Wrapper,
    },
    signature::Proof,
    telemetry,
};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Mutex,
};

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    Nothing,
    AcknowledgeFirst,
    Adrift,
    SynchronousNormal,
    ShareOneWorker,
    SelectThenInsert,
    TrustTheId,
    WriteBehind,
    MarkFirst,
    LingerAtTheEnd,
    AcceptLater,
    BelieveTheClock,
    ChangeTheKey,
    EndlessRoom,
    Indiscreet,
    LogOnTheSpot,
}

/// What is said of an event that nobody has written yet.
const NEW: Accepted = Accepted::New { receipt: ReceiptId(0), same_id: false };

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, "serve", "--config", file] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        bail!("usage: asc-webhooks-sabotaged HOW serve --config FILE");
    };
    let how = match how {
        "nothing" => Sabotage::Nothing,
        "acknowledge-first" => Sabotage::AcknowledgeFirst,
        "adrift" => Sabotage::Adrift,
        "synchronous-normal" => Sabotage::SynchronousNormal,
        "share-one-worker" => Sabotage::ShareOneWorker,
        "select-then-insert" => Sabotage::SelectThenInsert,
        "trust-the-id" => Sabotage::TrustTheId,
        "write-behind" => Sabotage::WriteBehind,
        "mark-first" => Sabotage::MarkFirst,
        "linger-at-the-end" => Sabotage::LingerAtTheEnd,
        "accept-later" => Sabotage::AcceptLater,
        "believe-the-clock" => Sabotage::BelieveTheClock,
        "change-the-key" => Sabotage::ChangeTheKey,
        "endless-room" => Sabotage::EndlessRoom,
        "indiscreet" => Sabotage::Indiscreet,
        "log-on-the-spot" => Sabotage::LogOnTheSpot,
        other => bail!("there is no sabotage `{other}`"),
    };
    let mut loaded = config::load(&Sources::of_process(Some(PathBuf::from(file))))?;
    if how == Sabotage::EndlessRoom {
        // There is always room for one body that is as large as allowed; no configuration may say this.
        loaded.config.server.max_body = usize::MAX;
    }
    let _last_words = telemetry::LastWords;
    if how == Sabotage::LogOnTheSpot {
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::io::stderr).init();
    } else {
        telemetry::init(&loaded.config.telemetry)?;
    }
    if how == Sabotage::Indiscreet {
        tracing::info!("starting with {} and {:?}", std::fs::read_to_string(file)?, std::env::vars_os());
    }

    let panics = handler_fn(async |_, _| -> Result<(), HandlerError> { panic!("on purpose") });
    let registry = Registry::builtin().register_handler("panic", panics);
    let StoreUrl::Sqlite(path) = &loaded.config.store.url else { bail!("the twin knows no other store than SQLite") };
    let options = Options::new(path).reserve(loaded.config.store.reserve);
    let options = match how {
        Sabotage::SynchronousNormal => options.synchronous_normal(),
        Sabotage::Adrift => options.adrift(),
        _ => options,
    };
    let store = Twin::new(Sqlite::open(options)?, how);
    let app = App::with_store(&loaded, &registry, store, Arc::new(SystemClock::new()))?;
    let (shutdown, mut asked) = (app.shutdown().clone(), signal(SignalKind::terminate())?);
    app.shutdown().spawn(async move {
        if asked.recv().await.is_some() {
            shutdown.begin();
        }
    });
    app.run().await?;
    Ok(())
}

/// The real store, and what is done to it.
#[derive(Debug)]
struct Twin {
    kept: Arc<Sqlite>,
    how: Sabotage,
    under_way: AtomicUsize,
    /// What was acknowledged and not written yet.
    buffer: Mutex<Vec<Arrival>>,
    /// The identities that are taken for known.
    seen: Mutex<HashSet<String>>,
}

impl Twin {
    fn new(kept: Sqlite, how: Sabotage) -> Arc<Self> {
        let (buffer, seen) = Default::default();
        let twin = Arc::new(Self { kept: Arc::new(kept), how, under_way: AtomicUsize::new(0), buffer, seen });
        #[expect(clippy::disallowed_methods, reason = "nobody waits for it at the end: that is the sabotage")]
        tokio::spawn(twin.clone().write_behind());
        twin
    }

    /// Writes now and then what waits in the buffer. At the end of the program, what waits is forgotten.
    async fn write_behind(self: Arc<Self>) {
        loop {
            tokio::time::sleep(Duration::from_secs(20)).await;
            let waiting = std::mem::take(&mut *self.buffer.lock().await);
            for arrival in waiting {
                drop(self.kept.accept(arrival).await);
            }
        }
    }

    /// Asks first whether an event is known, and writes it then, with nothing in the store to hold against it: between the two, another
    /// may ask the same.
    async fn select_then_insert(&self, mut arrival: Arrival, sameness: String) -> Result<Accepted, StoreError> {
        if self.seen.lock().await.contains(&sameness) {
            return Ok(Accepted::Known);
        }
        tokio::task::yield_now().await;
        arrival.identity = self.unlike_any();
        let accepted = self.kept.accept(arrival).await;
        self.seen.lock().await.insert(sameness);
        accepted
    }

    /// An identity that nothing else has, in this process or in another.
    fn unlike_any(&self) -> Identity {
        let number = self.under_way.fetch_add(1, Ordering::SeqCst);
        Identity::of_bytes("nobody else's", format!("{number} of process {}", std::process::id()).as_bytes())
    }
}

#[async_trait]
impl Wrapper for Twin {
    fn inner(&self) -> &dyn Store {
        &*self.kept
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        match self.how {
            Sabotage::AcknowledgeFirst => {
                let kept = self.kept.clone();
                #[expect(clippy::disallowed_methods, reason = "nobody waits for it: that is the sabotage")]
                tokio::spawn(async move { kept.accept(arrival).await });
                Ok(NEW)
            }
            Sabotage::MarkFirst if arrival.way == Way::Proven(Proof::Fetched) => {
                self.buffer.lock().await.push(arrival);
                Ok(NEW)
            }
            Sabotage::WriteBehind => {
                self.buffer.lock().await.push(arrival);
                Ok(NEW)
            }
            Sabotage::SelectThenInsert => {
                let identity = arrival.identity.to_hex();
                self.select_then_insert(arrival, identity).await
            }
            Sabotage::TrustTheId => {
                let id = arrival.identity.event().to_string();
                self.select_then_insert(arrival, id).await
            }
            Sabotage::Indiscreet => {
                tracing::info!("taking in {}", String::from_utf8_lossy(&arrival.body));
                self.kept.accept(arrival).await
            }
            _ => self.kept.accept(arrival).await,
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        if self.how == Sabotage::ChangeTheKey {
            let mut claimed = self.kept.claim(claim).await?;
            for claimed in &mut claimed {
                claimed.receipt.identity = self.unlike_any().to_hex();
            }
            return Ok(claimed);
        }
        if self.how != Sabotage::ShareOneWorker {
            return self.kept.claim(claim).await;
        }
        if self.under_way.load(Ordering::SeqCst) > 0 {
            return Ok(Vec::new());
        }
        let claimed = self.kept.claim(claim).await?;
        self.under_way.fetch_add(claimed.len(), Ordering::SeqCst);
        Ok(claimed)
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        let finished = self.kept.finish(finish).await?;
        if self.how == Sabotage::ShareOneWorker {
            self.under_way.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(finished)
    }

    async fn hasten(&self, handler: &str, latest: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        if self.how == Sabotage::BelieveTheClock { Ok(0) } else { self.kept.hasten(handler, latest, now).await }
    }

    async fn note_secrets_reader(&self, mut reader: SecretsReader) -> Result<(), StoreError> {
        if self.how == Sabotage::AcceptLater {
            reader.version = i64::MAX;
        }
        self.kept.note_secrets_reader(reader).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        if self.how == Sabotage::LingerAtTheEnd {
            // It holds the thread too, and so whoever would say that it takes too long.
            std::thread::sleep(Duration::from_secs(10));
        }
        self.kept.close().await
    }
}
