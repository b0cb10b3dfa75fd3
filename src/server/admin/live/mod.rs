//! What is told while it happens: every receipt that comes in, and every one whose dispatches have changed.
//!
//! One reader looks at the store for all who listen, a few times a second while something changes, and not at all while nobody
//! listens. It tells what it has read over a bounded channel. A listener that does not keep up is not waited for: it is told that it has
//! missed something, and goes on with what is new. Whoever comes back says what it was told last, and is told what came in since.
//!
//! | said | data | when |
//! |---|---|---|
//! | `receipt` | the receipt, as a list has it; with its number as `id` if it is new | it came in, or its dispatches changed |
//! | `gone` | `{"id": 7}` | it has changed, and is not what was asked for any more |
//! | `missed` | `{"after": 7}` | more has changed than can be told one by one: list again what came after that receipt |
//!
//! **Invariant:** a listener is told of each new receipt exactly once, in order, or that it has missed some.

mod listener;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::{Mutex, Semaphore, broadcast, watch};

pub(super) use self::listener::{events, receipts};
use super::Desk;
use crate::{
    inbox::{
        ReceiptId, Store, StoreError,
        query::{Listed, PageRequest, ReceiptFilter},
        watched::{Changes, Noted},
    },
    shutdown::Shutdown,
    telemetry::metrics,
};

/// The most who listen at a time: half of the connections that the operator's listener has.
const MOST_LISTENERS: usize = 32;

/// How many things that were told a listener may have still to hear.
const MOST_BEHIND: usize = 2_048;

/// How many receipts are told at once: all listeners of what has changed, or one that comes back of what came in meanwhile.
const MOST_AT_ONCE: usize = 1_000;

/// How long changes are gathered before they are told: nobody reads faster.
const GATHER: Duration = Duration::from_millis(200);

/// How often the store is asked for what other processes wrote.
const POLL: Duration = Duration::from_secs(2);

/// How many receipts are read at once, at most: few when there are few, since nobody knows how many there are.
const LARGEST_PAGE: usize = 256;

/// Those who listen, and what they are told.
#[derive(Debug)]
pub struct Live {
    changes: Arc<Changes>,
    shutdown: Shutdown,
    told: broadcast::Sender<Told>,
    places: Arc<Semaphore>,
    is_heard: watch::Sender<bool>,
    /// The newest receipt that has been told of; none while nobody listens. Whoever begins to listen holds it, so nothing is told twice
    /// or not at all.
    mark: Mutex<Option<ReceiptId>>,
}

/// What all listeners are told.
#[derive(Clone, Debug)]
enum Told {
    Receipt(Arc<News>),
    /// More than can be told one by one.
    More,
}

/// A receipt that is new or has changed.
#[derive(Debug)]
struct News {
    listed: Listed,
    is_new: bool,
    /// Both are written once, by the first listener that wants them.
    json: OnceLock<String>,
    row: OnceLock<String>,
}

impl News {
    fn of(listed: Listed, is_new: bool) -> Arc<Self> {
        Arc::new(Self { listed, is_new, json: OnceLock::new(), row: OnceLock::new() })
    }
}

impl Live {
    /// Nobody listens yet. `changes` are those of the store; when `shutdown` begins, everybody is let go.
    pub fn new(changes: Arc<Changes>, shutdown: &Shutdown) -> Self {
        Self {
            changes,
            shutdown: shutdown.clone(),
            told: broadcast::Sender::new(MOST_BEHIND),
            places: Arc::new(Semaphore::new(MOST_LISTENERS)),
            is_heard: watch::Sender::new(false),
            mark: Mutex::new(None),
        }
    }

    /// Begins to listen: what is told from now on, and the newest receipt until now.
    async fn listen(&self, store: &dyn Store) -> Result<(broadcast::Receiver<Told>, ReceiptId), StoreError> {
        let mut mark = self.mark.lock().await;
        let since = if let Some(mark) = *mark {
            mark
        } else {
            // What changed while nobody listened is nobody's news.
            drop(self.changes.take());
            newest(store).await?
        };
        let told = self.told.subscribe();
        *mark = Some(since);
        self.is_heard.send_replace(true);
        Ok((told, since))
    }

    /// Tells what has changed. Returns whether anybody listens.
    async fn tell(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let mut mark = self.mark.lock().await;
        let (Some(since), true) = (*mark, self.told.receiver_count() > 0) else {
            *mark = None;
            self.is_heard.send_replace(false);
            return Ok(false);
        };
        let changed = self.changes.take();
        let told = self.tell_of(changed, since, &mut mark, store).await;
        if told.is_err() {
            // Nobody has been told of all that was taken.
            self.changes.put_back();
        }
        told.map(|()| true)
    }

    async fn tell_of(
        &self,
        changed: Noted,
        since: ReceiptId,
        mark: &mut Option<ReceiptId>,
        store: &dyn Store,
    ) -> Result<(), StoreError> {
        let new = after(store, since, MOST_AT_ONCE).await?;
        let known: BTreeSet<ReceiptId> = changed.receipts.range(..=since).copied().collect();
        if changed.others || new.is_cut || known.len() > MOST_AT_ONCE {
            self.say(Told::More);
        }
        *mark = Some(new.listed.first().map_or(since, |listed| listed.receipt.id));
        for listed in new.listed.into_iter().rev() {
            self.say(Told::Receipt(News::of(listed, true)));
        }
        for id in known.into_iter().rev().take(MOST_AT_ONCE) {
            if let Some(listed) = one(store, id).await? {
                self.say(Told::Receipt(News::of(listed, false)));
            }
        }
        Ok(())
    }

    fn say(&self, told: Told) {
        // That the last one has just left is no error.
        let _ = self.told.send(told);
    }
}

/// Reads and tells, for as long as somebody listens, until the program ends.
pub(super) async fn run(desk: &Desk, shutdown: &Shutdown) -> Result<(), StoreError> {
    let live = &desk.live;
    let mut is_heard = live.is_heard.subscribe();
    let work = async {
        // The sender lives as long as the desk.
        while is_heard.wait_for(|is_heard| *is_heard).await.is_ok() {
            let _ = tokio::time::timeout(POLL, live.changes.noted()).await;
            if let Err(error) = live.tell(&*desk.store).await {
                metrics::store_failed(&error);
                if error.is_fatal() {
                    return Err(error);
                }
                tracing::warn!(error = %error, "could not read what has changed; those who listen are told later");
            }
            tokio::time::sleep(GATHER).await;
        }
        Ok(())
    };
    tokio::select! {
        ended = work => ended,
        () = shutdown.begun() => Ok(()),
    }
}

/// Receipts that came after another, newest first, and whether there are more.
struct After {
    listed: Vec<Listed>,
    is_cut: bool,
}

async fn after(store: &dyn Store, since: ReceiptId, most: usize) -> Result<After, StoreError> {
    let (mut listed, mut before, mut limit) = (Vec::new(), None, 8);
    while listed.len() < most {
        let page = store.receipts(&ReceiptFilter::default(), PageRequest { before, limit }).await?;
        let is_all = page.next.is_none_or(|next| next <= since);
        listed.extend(page.items.into_iter().take_while(|listed| listed.receipt.id > since));
        if is_all {
            return Ok(After { listed, is_cut: false });
        }
        (before, limit) = (page.next, (limit * 2).min(LARGEST_PAGE));
    }
    listed.truncate(most);
    Ok(After { listed, is_cut: true })
}

async fn newest(store: &dyn Store) -> Result<ReceiptId, StoreError> {
    let page = store.receipts(&ReceiptFilter::default(), PageRequest { before: None, limit: 1 }).await?;
    Ok(page.items.first().map_or(ReceiptId(0), |listed| listed.receipt.id))
}

/// One receipt as a list has it; none if it has been removed.
async fn one(store: &dyn Store, id: ReceiptId) -> Result<Option<Listed>, StoreError> {
    let before = Some(ReceiptId(id.0.saturating_add(1)));
    let page = store.receipts(&ReceiptFilter::default(), PageRequest { before, limit: 1 }).await?;
    Ok(page.items.into_iter().find(|listed| listed.receipt.id == id))
}
