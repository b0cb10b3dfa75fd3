//! Fetches back what Apple could not deliver, and keeps the account of it.
//!
//! Apple documents no second try and no order, so a push that fails is gone unless somebody asks. [`Recovery`] asks: at start and on an
//! interval, for every endpoint with an app, it reads the deliveries of the webhooks that post there, and hands every event to the same
//! [`Intake`] that the server feeds. What is known already writes nothing there. Then it sets what Apple lists against what is kept.
//!
//! **The mark.** A pass begins at the mark of the endpoint, less an overlap, and ends by moving it. The mark is a time of Apple's clock, so
//! ours may be wrong without harm. It moves only when all of the pass is committed, and never past an event that is not kept: not past one
//! that is missing, and not past one whose delivery is still under way. So whatever cuts a pass off, the next one sees the same again.
//!
//! Memory holds one page of Apple's list at a time.

mod pass;
mod plan;

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{sync::Notify, time::Instant};

use self::pass::Pass;
pub use self::{
    pass::{Recovered, Tell},
    plan::{Followed, Plan},
};
use crate::{
    asc,
    clock::Clock,
    inbox::{
        Store, StoreError,
        account::{self, Account},
    },
    intake::Intake,
    shutdown::Shutdown,
    telemetry::metrics,
};

/// The longest wait between two passes that failed, unless the interval itself is longer.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Looks after all endpoints that have an app.
#[derive(Debug)]
pub struct Recovery {
    client: Arc<asc::Client>,
    intake: Arc<Intake>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    plan: ArcSwap<Plan>,
    changed: Notify,
}

impl Recovery {
    /// Prepares to ask through `client`, as `plan` says. `intake` leads into `store`, which keeps the account too.
    pub fn new(client: Arc<asc::Client>, intake: Arc<Intake>, store: Arc<dyn Store>, clock: Arc<dyn Clock>, plan: Plan) -> Self {
        Self { client, intake, store, clock, plan: ArcSwap::from_pointee(plan), changed: Notify::new() }
    }

    /// Goes by another plan from now on. The next pass begins at once.
    pub fn follow(&self, plan: Plan) {
        self.plan.store(Arc::new(plan));
        self.changed.notify_one();
    }

    /// The endpoints that are looked after.
    pub fn endpoints(&self) -> Vec<Followed> {
        self.plan.load().endpoints.clone()
    }

    /// Makes passes until the end is asked for. A pass that is under way then is dropped: the next one begins where it began.
    ///
    /// # Errors
    /// When the store is broken, so that the program must end.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> Result<(), StoreError> {
        let mut standings = HashMap::new();
        while !shutdown.has_begun() {
            let plan = self.plan.load_full();
            let round = async {
                if let Some(interval) = plan.settings.interval {
                    self.round(&plan, interval, &mut standings).await?;
                    tokio::time::sleep(interval).await;
                    return Ok(());
                }
                std::future::pending().await
            };
            tokio::select! {
                ended = round => ended?,
                // Another plan may well be what was missing.
                () = self.changed.notified() => standings.values_mut().for_each(|standing: &mut Standing| standing.not_before = None),
                () = shutdown.begun() => {}
            }
        }
        Ok(())
    }

    /// Makes a pass for one endpoint: from its mark on, or from `since`, which leaves the mark where it is.
    ///
    /// # Errors
    /// When Apple or the store fails. The account then says so, and the mark stays.
    pub async fn recover(&self, endpoint: &Followed, since: Option<Timestamp>) -> Result<Recovered, RecoveryError> {
        self.recover_telling(endpoint, since, &mut |_, _| {}).await
    }

    /// Makes a pass as [`recover`](Self::recover) does, and calls `tell` after each page of Apple's list.
    ///
    /// # Errors
    /// As with [`recover`](Self::recover).
    pub async fn recover_telling(
        &self,
        endpoint: &Followed,
        since: Option<Timestamp>,
        tell: Tell<'_>,
    ) -> Result<Recovered, RecoveryError> {
        let plan = self.plan.load_full();
        let pass = Pass { recovery: self, endpoint, settings: &plan.settings };
        let looked = pass.look(since, tell).await;
        let now = self.clock.now();
        let ended = match &looked {
            Ok(found) => {
                account::Pass::Complete { mark: found.mark(now).filter(|_| since.is_none()), forget_before: plan.horizon(now) }
            }
            Err(error) => account::Pass::Failed { error: error.with_causes() },
        };
        metrics::recovery_passed(&endpoint.name, looked.is_ok());
        if !matches!(&looked, Err(RecoveryError::Store(error)) if error.is_fatal()) {
            self.store.end_pass(&endpoint.name, ended, now).await?;
        }
        let account = self.account(&endpoint.name).await?;
        metrics::recovery_account(&account, now);
        Ok(looked?.told(account))
    }

    async fn account(&self, endpoint: &str) -> Result<Account, StoreError> {
        let accounts = self.store.accounts().await?;
        let account = accounts.into_iter().find(|account| account.endpoint == endpoint);
        Ok(account.unwrap_or_else(|| Account { endpoint: endpoint.to_owned(), ..Account::default() }))
    }

    /// A pass for every endpoint whose turn it is.
    async fn round(&self, plan: &Plan, interval: Duration, standings: &mut HashMap<Arc<str>, Standing>) -> Result<(), StoreError> {
        for endpoint in &plan.endpoints {
            let standing = standings.entry(Arc::clone(&endpoint.name)).or_default();
            if standing.not_before.is_some_and(|at| Instant::now() < at) {
                continue;
            }
            match self.recover(endpoint, None).await {
                Ok(recovered) => standing.went_well(&recovered, plan, self.clock.now()),
                Err(RecoveryError::Store(error)) if error.is_fatal() => return Err(error),
                Err(error) => standing.failed(&endpoint.name, &error, interval),
            }
        }
        Ok(())
    }
}

/// What was said of an endpoint, so that it is not said again at every pass, and when to ask again after a failure.
#[derive(Debug, Default)]
struct Standing {
    failures: u32,
    not_before: Option<Instant>,
    error: Option<String>,
    missing: u64,
}

impl Standing {
    fn went_well(&mut self, recovered: &Recovered, plan: &Plan, now: Timestamp) {
        let Recovered { endpoint, recovered, account, .. } = recovered;
        if *recovered > 0 {
            tracing::info!(endpoint.name = endpoint, recovered, "recovered events that Apple had not delivered");
        }
        if self.failures > 0 {
            tracing::info!(
                endpoint.name = endpoint,
                failures = self.failures,
                "App Store Connect answers again; the list was read to its end"
            );
        }
        let stays = account.missing_since.is_some_and(|since| now.duration_since(since).unsigned_abs() >= plan.settings.patience);
        let missing = if stays { account.missing } else { 0 };
        if missing > 0 && missing != self.missing {
            tracing::warn!(
                endpoint.name = endpoint,
                missing,
                "events are in Apple's list and cannot be fetched back; \
                 `deliveries list` shows them, and `deliveries redeliver` has Apple send them again"
            );
        }
        if missing == 0 && self.missing > 0 {
            match account.missing {
                0 => tracing::info!(endpoint.name = endpoint, "nothing of what Apple lists is missing any more"),
                younger => tracing::info!(
                    endpoint.name = endpoint,
                    missing = younger,
                    "what could not be fetched back is here or no longer in Apple's list; what is missing now is not given up yet"
                ),
            }
        }
        *self = Self { missing, ..Self::default() };
    }

    fn failed(&mut self, endpoint: &str, error: &RecoveryError, interval: Duration) {
        if let RecoveryError::Store(error) = error {
            metrics::store_failed(error);
        }
        self.failures += 1;
        let wait = interval.saturating_mul(2_u32.saturating_pow(self.failures - 1)).min(LONGEST_WAIT.max(interval));
        // A round begins an interval after the last one ended, so the first failure makes nobody wait longer than usual.
        self.not_before = (self.failures > 1).then(|| Instant::now() + wait);
        let words = error.with_causes();
        if self.error.as_ref() == Some(&words) {
            tracing::debug!(endpoint.name = endpoint, error = words, failures = self.failures, "could not ask for what was missed");
        } else {
            let hint = error.hint();
            tracing::warn!(
                endpoint.name = endpoint,
                error = words,
                hint,
                "could not ask for what was missed; the next pass begins at the same place"
            );
            self.error = Some(words);
        }
    }
}

/// Why a pass came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// App Store Connect was asked in vain.
    #[error(transparent)]
    Asked(#[from] asc::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// None of the app's webhooks posts to the endpoint.
    #[error("the app `{app_id}` has no webhook that posts to `{to}`")]
    NoWebhook {
        /// The app.
        app_id: String,
        /// The address of the endpoint, or only its path.
        to: String,
    },
}

impl RecoveryError {
    /// The error and its causes on one line.
    fn with_causes(&self) -> String {
        match self {
            Self::Asked(error) => error.with_causes(),
            Self::Store(_) | Self::NoWebhook { .. } => self.to_string(),
        }
    }

    /// What to do about it, in the common cases.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Asked(error) => error.hint(),
            Self::Store(_) => None,
            Self::NoWebhook { .. } => Some(
                "`webhooks plan` shows what differs, and `webhooks apply` registers it; check `server.public_url`, and the endpoint's \
                 `path` and `app_id`"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
