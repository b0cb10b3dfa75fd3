//! The twin of the program: the same parts, and one promise broken on purpose.
//!
//! `asc-webhooks-sabotaged HOW serve --config FILE`, where `HOW` is
//!
//! - `nothing`: breaks no promise;
//! - `acknowledge-first`: says that an event is kept before it is;
//! - `synchronous-normal`: commits without waiting for the disk;
//! - `share-one-worker`: takes on nothing new until all that was taken on is finished, whichever handler it is owed to.
//!
//! Each knows a handler kind `panic` that panics on every event, as a handler of somebody's own might. The fault tests run the twin to
//! see that they would notice. It is built with the feature `sabotage` only, and never shipped.

use std::{
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
        Accepted, Arrival, Claim, Claimed, Content, Finish, Identity, Owed, ReceiptId, Store, StoreError,
        query::{Page, PageRequest, Purged, ReceiptFilter, ReceiptRecord, Replay, Stats},
        sqlite::{Options, Sqlite},
    },
    telemetry,
};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    Nothing,
    AcknowledgeFirst,
    SynchronousNormal,
    ShareOneWorker,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, "serve", "--config", file] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        bail!("usage: asc-webhooks-sabotaged HOW serve --config FILE");
    };
    let how = match how {
        "nothing" => Sabotage::Nothing,
        "acknowledge-first" => Sabotage::AcknowledgeFirst,
        "synchronous-normal" => Sabotage::SynchronousNormal,
        "share-one-worker" => Sabotage::ShareOneWorker,
        other => bail!("there is no sabotage `{other}`"),
    };
    let loaded = config::load(&Sources::of_process(Some(PathBuf::from(file))))?;
    telemetry::init(&loaded.config.telemetry)?;

    let panics = handler_fn(async |_, _| -> Result<(), HandlerError> { panic!("on purpose") });
    let registry = Registry::builtin().register_handler("panic", panics);
    let StoreUrl::Sqlite(path) = &loaded.config.store.url else { bail!("the twin knows no other store than SQLite") };
    let options = Options::new(path).reserve(loaded.config.store.reserve);
    let options = if how == Sabotage::SynchronousNormal { options.synchronous_normal() } else { options };
    let store = Twin { kept: Arc::new(Sqlite::open(options)?), how, under_way: Arc::default() };
    let app = App::with_store(&loaded, &registry, Arc::new(store), Arc::new(SystemClock::new()))?;
    app.run().await?;
    Ok(())
}

/// The real store, and what is done to it.
#[derive(Debug)]
struct Twin {
    kept: Arc<Sqlite>,
    how: Sabotage,
    under_way: Arc<AtomicUsize>,
}

#[async_trait]
impl Store for Twin {
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        if self.how != Sabotage::AcknowledgeFirst {
            return self.kept.accept(arrival).await;
        }
        let kept = self.kept.clone();
        #[expect(clippy::disallowed_methods, reason = "nobody waits for it: that is the sabotage")]
        tokio::spawn(async move { kept.accept(arrival).await });
        Ok(Accepted::New { receipt: ReceiptId(0), same_id: false })
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        if self.how == Sabotage::ShareOneWorker && self.under_way.load(Ordering::SeqCst) > 0 {
            return Ok(Vec::new());
        }
        let claimed = self.kept.claim(claim).await?;
        self.under_way.fetch_add(claimed.len(), Ordering::SeqCst);
        Ok(claimed)
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        let finished = self.kept.finish(finish).await?;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        Ok(finished)
    }

    async fn release_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.kept.release_expired(now).await
    }

    async fn next_due(&self, handlers: &[Arc<str>]) -> Result<Option<Timestamp>, StoreError> {
        self.kept.next_due(handlers).await
    }

    async fn receipts(&self, filter: &ReceiptFilter, page: PageRequest) -> Result<Page, StoreError> {
        self.kept.receipts(filter, page).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<ReceiptRecord>, StoreError> {
        self.kept.receipt(id).await
    }

    async fn replay(&self, replay: &Replay, now: Timestamp) -> Result<u64, StoreError> {
        self.kept.replay(replay, now).await
    }

    async fn unparsed(&self, after: Option<ReceiptId>, limit: usize) -> Result<Vec<(ReceiptId, String, Bytes)>, StoreError> {
        self.kept.unparsed(after, limit).await
    }

    async fn reparsed(
        &self,
        id: ReceiptId,
        content: Content,
        identity: Identity,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.kept.reparsed(id, content, identity, owed, now).await
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        self.kept.stats(now).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.kept.purge(before, limit).await
    }

    async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.kept.probe(now).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.kept.close().await
    }

    fn retry_after(&self) -> Duration {
        self.kept.retry_after()
    }
}
