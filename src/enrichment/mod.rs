//! Details for receipts: looked up once, shared by all who want them at the same time, and kept with the receipt.
//!
//! Whoever is about to handle an event waits for a while ([`Enrichment::details`]) and gets what is known by then. The lookup goes
//! on without it, so that the next one finds more. Nobody waits for an App Store Connect that does not answer: once it has been silent
//! to somebody, everybody goes on at once with what is known, until it has answered a single lookup that is made now and then; see `silence`.
//!
//! A lookup is a task of its own and holds nothing that anybody else needs. What comes of it is kept before it is handed out, unless the
//! store has no room: a message is worth more than its memory.

mod silence;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use self::silence::Silence;
use crate::{
    asc::lookup::{Found, Lookup},
    event::{
        Event,
        details::{Details, Why},
    },
    inbox::{Receipt, ReceiptId, Store},
    shutdown::Shutdown,
    telemetry::metrics::{self, LookedUp},
};

/// How long a lookup may take at the very most.
const LONGEST: Duration = Duration::from_mins(1);

/// For how long the end of a lookup is remembered, for those who were handed the receipt before it was kept.
const REMEMBERED: Duration = Duration::from_mins(1);

/// The most lookups under way.
const MOST: usize = 64;

/// How many of them ask at the same time. Requests have their pace: if all asked in turns, all would end late and none in time.
const AT_ONCE: usize = 4;

/// Why nothing is learned about an event while very many others come in.
const CROWDED: &str = "App Store Connect is being asked about many other events";

/// Gets details for receipts.
#[derive(Debug)]
pub struct Enrichment {
    lookup: Lookup,
    store: Arc<dyn Store>,
    patience: Duration,
    apps: Mutex<HashMap<String, String>>,
    lookups: Mutex<HashMap<ReceiptId, Watched>>,
    asking: Semaphore,
    silence: Silence,
}

/// What is known of an event's subject at some moment.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The details, as far as they are known.
    pub details: Arc<Details>,
    /// Why more is not known, if asking later may bring more.
    pub missing: Option<Arc<str>>,
}

/// A lookup, as those see it who wait for it.
#[derive(Clone, Debug)]
struct Watched {
    begun: Instant,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    known: Known,
    has_ended: bool,
}

impl Watched {
    fn is_under_way(&self) -> bool {
        // A task that was cut off has no end to tell of.
        !self.progress.borrow().has_ended && self.progress.has_changed().is_ok()
    }

    fn is_settled(&self) -> bool {
        let progress = self.progress.borrow();
        progress.has_ended && progress.known.missing.is_none()
    }
}

impl Enrichment {
    /// Gets details through `lookup` and keeps them in `store`. `apps` says to which app the webhook of an endpoint belongs, by the
    /// endpoint's name; nobody waits for longer than `patience`.
    pub fn new(lookup: Lookup, store: Arc<dyn Store>, apps: HashMap<String, String>, patience: Duration) -> Self {
        let (lookups, asking) = (Mutex::default(), Semaphore::new(AT_ONCE));
        Self { lookup, store, patience, apps: Mutex::new(apps), lookups, asking, silence: Silence::default() }
    }

    /// Replaces the apps of the endpoints.
    pub fn replace(&self, apps: HashMap<String, String>) {
        *self.apps.lock().unwrap_or_else(PoisonError::into_inner) = apps;
    }

    /// The longest that [`details`](Self::details) takes.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// What there is to know about a receipt's event, as far as it is known in time. `kept` is what the store holds of it.
    pub async fn details(
        self: &Arc<Self>,
        receipt: &Receipt,
        event: &Arc<Event>,
        kept: Option<&Bytes>,
        shutdown: &Shutdown,
    ) -> Known {
        let kept = kept.and_then(|json| Details::read(json)).map(Arc::new);
        if let Some(details) = kept.as_ref().filter(|details| details.is_settled()) {
            return Known { details: Arc::clone(details), missing: None };
        }
        let since = Instant::now();
        let mut progress = match self.begin(receipt, event, shutdown) {
            Ok(progress) => progress,
            Err(missing) => return Known { details: kept.unwrap_or_default(), missing: Some(missing.into()) },
        };
        let ended = tokio::time::timeout(self.patience, progress.wait_for(|progress| progress.has_ended)).await;
        let ended = ended.map(|progress| progress.map(|progress| progress.known.clone()));
        let known = match ended {
            Ok(Ok(known)) => known,
            Ok(Err(_)) => Known { missing: Some("the lookup was cut off, because the program stops".into()), ..Known::default() },
            Err(_) => {
                self.silence.waited_in_vain(since);
                let missing = format!("App Store Connect did not tell all within {}", humantime::format_duration(self.patience));
                Known { missing: Some(missing.into()), ..progress.borrow().known.clone() }
            }
        };
        // What was kept may be more than what could be learned just now.
        let details = match kept {
            Some(kept) if known.missing.is_some() && gaps(&kept) <= gaps(&known.details) && *known.details != *kept => kept,
            _ => known.details,
        };
        Known { details, ..known }
    }

    /// Joins the lookup that is under way for a receipt or has just ended, or begins one, if Apple may be asked; says why not.
    fn begin(
        self: &Arc<Self>,
        receipt: &Receipt,
        event: &Arc<Event>,
        shutdown: &Shutdown,
    ) -> Result<watch::Receiver<Progress>, &'static str> {
        let mut lookups = self.lookups();
        if let Some(watched) = lookups.get(&receipt.id).filter(|watched| watched.is_under_way() || watched.is_settled()) {
            return Ok(watched.progress.clone());
        }
        lookups.retain(|_, watched| watched.is_under_way() || watched.begun.elapsed() < REMEMBERED);
        let under_way = lookups.values().filter(|watched| watched.is_under_way()).count();
        if shutdown.has_begun() {
            return Err("the program stops, and asks App Store Connect no more");
        }
        if under_way >= MOST {
            return Err(CROWDED);
        }
        if !self.silence.may_ask() {
            return Err("App Store Connect did not answer a moment ago, and is not asked again yet");
        }
        let (sender, progress) = watch::channel(Progress::default());
        lookups.insert(receipt.id, Watched { begun: Instant::now(), progress: progress.clone() });
        let (this, receipt, event, hard) = (Arc::clone(self), receipt.clone(), Arc::clone(event), shutdown.hard().clone());
        shutdown.spawn(async move {
            tokio::select! {
                () = this.look_up(&receipt, &event, &sender) => {}
                () = hard.cancelled() => {}
            }
        });
        Ok(progress)
    }

    async fn look_up(&self, receipt: &Receipt, event: &Event, sender: &watch::Sender<Progress>) {
        let end_without = |missing: Arc<str>| {
            sender.send_modify(|progress| {
                progress.known.missing = Some(missing);
                progress.has_ended = true;
            });
        };
        // Whose turn comes later than that would end when nobody waits for it any more, and only keep others waiting.
        let Ok(Ok(_turn)) = tokio::time::timeout(self.patience / 2, self.asking.acquire()).await else {
            return end_without(CROWDED.into());
        };
        let app = self.apps.lock().unwrap_or_else(PoisonError::into_inner).get(&receipt.endpoint).cloned();
        let so_far = |details: &Details| {
            self.silence.answered();
            sender.send_modify(|progress| progress.known.details = Arc::new(details.clone()));
        };
        let started = Instant::now();
        let found = tokio::time::timeout(LONGEST, self.lookup.details(event, app.as_deref(), &so_far)).await;
        let took = started.elapsed();
        let Ok(found) = found else {
            self.silence.waited_in_vain(started);
            metrics::lookup(LookedUp::Unavailable, took);
            let missing = format!("App Store Connect did not tell all within {}", humantime::format_duration(LONGEST));
            tracing::warn!(receipt.id = receipt.id.0, error = %missing, "could not look up what an event is about");
            return end_without(missing.into());
        };
        let missing = self.judge(receipt, &found, took);
        self.keep(receipt.id, &found).await;
        sender.send_modify(|progress| {
            *progress = Progress { known: Known { details: Arc::new(found.details), missing }, has_ended: true };
        });
    }

    /// Says what the end of a lookup means for the next ones, and tells of it. Returns why not all is known.
    fn judge(&self, receipt: &Receipt, found: &Found, took: Duration) -> Option<Arc<str>> {
        let has_gap = |why| found.details.gaps.iter().any(|gap| gap.why == why);
        let result = match &found.error {
            Some(_) if has_gap(Why::Unavailable) => LookedUp::Unavailable,
            Some(_) => LookedUp::Refused,
            None => LookedUp::Answered,
        };
        metrics::lookup(result, took);
        match result {
            LookedUp::Unavailable => self.silence.unanswered(),
            LookedUp::Refused | LookedUp::Answered => self.silence.answered(),
        }
        match &found.error {
            Some(error) => {
                let error = error.with_causes();
                tracing::warn!(receipt.id = receipt.id.0, error, "could not look up what an event is about");
                Some(error.into())
            }
            None if found.details.is_settled() => None,
            None => Some("some pictures could not be fetched".into()),
        }
    }

    async fn keep(&self, receipt: ReceiptId, found: &Found) {
        if found.details == Details::default() {
            return;
        }
        let Ok(json) = serde_json::to_vec(&found.details) else { return };
        if let Err(error) = self.store.keep_details(receipt, json.into(), found.files.clone()).await {
            metrics::store_failed(&error);
            tracing::warn!(receipt.id = receipt.0, error = %error, "could not keep what was looked up");
        }
    }

    fn lookups(&self) -> MutexGuard<'_, HashMap<ReceiptId, Watched>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of the details is missing. Details that nobody has looked up lack everything.
fn gaps(details: &Details) -> usize {
    if *details == Details::default() { usize::MAX } else { details.gaps.len() }
}
