//! A sandbox that is running, as Rust code drives it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    budget::Budget,
    catalog::{APPS, App},
    connect::Connect,
    faults::Fault,
    scenario::{Scenario, Told},
    state::{Delivery, Job, MarketplaceWebhook, Notice, Outcome, WEBHOOKS_PER_APP, WebhookSettings},
    token::ApiKey,
};
use crate::{event::EventKind, secret::Secret};

/// How many requests a burst makes at the same time.
const ABREAST: usize = 16;

/// A sandbox that is running. Cloning it gives another handle on the same one; it runs until its shutdown begins, not until the last
/// handle is dropped.
#[derive(Clone, Debug)]
pub struct Running(Arc<Connect>);

/// A scenario to be told from where it stands to its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Drive {
    /// Which.
    pub scenario: Scenario,
    /// The id of the app. The first of [`APPS`] unless it is set.
    pub app: String,
    /// How long to wait between one step and the next.
    pub pace: Duration,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StepTaken {
    /// The kind of the event that it was told with.
    pub kind: EventKind,
    /// The id in the event's payload.
    pub event_id: String,
    /// What happened, in a few words.
    pub summary: String,
    /// What came of it at each webhook that was to hear of it. What a fault delays or holds back is still pending.
    pub deliveries: Vec<Delivered>,
    /// Whether the scenario has come to its end.
    pub last: bool,
}

/// A delivery, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Delivered {
    /// The id of the delivery.
    pub id: String,
    /// The id of the webhook.
    pub webhook: String,
    /// The kind of the event.
    pub kind: EventKind,
    /// The id in the event's payload.
    pub event_id: String,
    /// Whether it was asked for again.
    pub redelivery: bool,
    /// `PENDING`, `SUCCEEDED` or `FAILED`.
    pub state: &'static str,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed, if it has.
    pub error: Option<String>,
}

/// There is no app with this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox has no app `{0}`; it has {apps}", apps = known_apps())]
pub struct NoSuchApp(pub String);

/// Why a webhook is not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such app.
    #[error(transparent)]
    NoSuchApp(#[from] NoSuchApp),
    /// The app has as many webhooks as it can have.
    #[error("the app `{0}` has {WEBHOOKS_PER_APP} webhooks, and can have no more")]
    Full(String),
}

impl From<Scenario> for Drive {
    fn from(scenario: Scenario) -> Self {
        Self { scenario, app: APPS[0].id.to_owned(), pace: Duration::ZERO }
    }
}

impl Drive {
    /// Tells it with this app.
    #[must_use]
    pub fn with_app(mut self, app: impl Into<String>) -> Self {
        self.app = app.into();
        self
    }

    /// Waits this long between one step and the next.
    #[must_use]
    pub fn with_pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }
}

impl Running {
    pub(super) fn new(connect: Arc<Connect>) -> Self {
        Self(connect)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The address that takes the place of `https://api.appstoreconnect.apple.com`. Its page is there too.
    pub fn api_url(&self) -> String {
        self.0.base()
    }

    /// The key of the team, which may do everything.
    pub fn team_key(&self) -> &ApiKey {
        let [team, _, _] = &self.0.keys;
        team
    }

    /// The key of an individual, which may do everything too.
    pub fn individual_key(&self) -> &ApiKey {
        let [_, individual, _] = &self.0.keys;
        individual
    }

    /// A key of the team whose role does not include webhooks.
    pub fn developer_key(&self) -> &ApiKey {
        let [_, _, developer] = &self.0.keys;
        developer
    }

    /// The apps that can be driven.
    pub fn apps(&self) -> &'static [App] {
        &APPS
    }

    /// Registers a webhook for every event of an app, as a POST to the API would; returns its id.
    ///
    /// # Errors
    /// When there is no such app, or it has ten webhooks.
    pub fn register(&self, app: &str, name: &str, url: &str, secret: &Secret) -> Result<String, Refused> {
        let event_types = EventKind::ALL.iter().filter(|kind| kind.subscription().is_some()).cloned().collect();
        let (name, url, secret) = (name.to_owned(), url.to_owned(), secret.clone());
        let mut state = self.0.state();
        if !state.catalog.app_exists(app) {
            return Err(NoSuchApp(app.to_owned()).into());
        }
        let registered = state.register(app.to_owned(), WebhookSettings { name, url, enabled: true, event_types, secret });
        registered.map(|webhook| webhook.id.clone()).ok_or_else(|| Refused::Full(app.to_owned()))
    }

    /// Registers the account's marketplace webhook in the place of the one before; returns its id.
    pub fn register_marketplace(&self, url: &str, secret: &Secret) -> String {
        let mut state = self.0.state();
        let id = state.ids.uuid();
        state.marketplace_webhook = Some(MarketplaceWebhook { id: id.clone(), url: url.to_owned(), secret: secret.clone() });
        id
    }

    /// Takes a scenario from where it stands to its end, or until the sandbox is told to stop, and waits for the answer to each
    /// notification before the next step. What is delayed by a fault is not waited for: see [`settled`](Self::settled).
    ///
    /// # Errors
    /// When there is no such app.
    pub async fn drive(&self, drive: impl Into<Drive>) -> Result<Vec<StepTaken>, NoSuchApp> {
        let Drive { scenario, app, pace } = drive.into();
        let mut taken = Vec::new();
        loop {
            let step = self.step(scenario, &app).await?;
            let last = step.last;
            taken.push(step);
            if last || self.0.shutdown.has_begun() {
                return Ok(taken);
            }
            tokio::select! {
                () = tokio::time::sleep(pace) => {}
                () = self.0.shutdown.begun() => return Ok(taken),
            }
        }
    }

    /// Takes the next step of a scenario with an app, and waits for the answers. After the last step, what a fault has held back until
    /// something else comes is sent too: nothing else does.
    ///
    /// # Errors
    /// When there is no such app.
    pub async fn step(&self, scenario: Scenario, app: &str) -> Result<StepTaken, NoSuchApp> {
        let (told, jobs) = self.0.advance(scenario, app).ok_or_else(|| NoSuchApp(app.to_owned()))?;
        let places: Vec<usize> = jobs.iter().map(|job| job.delivery).collect();
        for job in jobs {
            self.0.send(job).await;
        }
        if told.last {
            self.0.release_held().await;
        }
        let state = self.0.state();
        let deliveries = places.into_iter().filter_map(|place| state.deliveries.get(place)).map(Delivered::from).collect();
        Ok(StepTaken::new(told, deliveries))
    }

    /// Makes so many events of the app in a row, of several kinds, and sends them as fast as they are answered. Returns the ids in their
    /// payloads when all are answered.
    ///
    /// # Errors
    /// When there is no such app.
    pub async fn burst(&self, app: &str, events: usize) -> Result<Vec<String>, NoSuchApp> {
        const SCENARIOS: [Scenario; 4] = [Scenario::Release, Scenario::Beta, Scenario::Rejection, Scenario::Feedback];
        let mut ids = Vec::with_capacity(events);
        let mut jobs: Vec<Job> = Vec::new();
        for scenario in SCENARIOS.into_iter().cycle().take(events) {
            let (told, sends) = self.0.advance(scenario, app).ok_or_else(|| NoSuchApp(app.to_owned()))?;
            ids.push(told.notice.event_id);
            jobs.extend(sends);
        }
        let connect = &self.0;
        stream::iter(jobs).for_each_concurrent(ABREAST, |job| async move { connect.send(job).await }).await;
        self.0.release_held().await;
        Ok(ids)
    }

    /// Sends a ping to a webhook and waits for the answer. False if there is no such webhook.
    pub async fn ping(&self, webhook: &str) -> bool {
        let Some(job) = self.0.ping(webhook) else { return false };
        self.0.send(job).await;
        true
    }

    /// Sends the event of a delivery again and waits for the answer. False if there is no such delivery, or its webhook is gone.
    pub async fn redeliver(&self, delivery: &str) -> bool {
        let job = self.0.state().redeliver(delivery, self.0.now());
        let Some(job) = job else { return false };
        self.0.send(job).await;
        true
    }

    /// Lets something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.0.state().faults.add(fault);
    }

    /// Lets nothing go wrong any more.
    pub fn clear_faults(&self) {
        self.0.state().faults.clear();
    }

    /// What may still go wrong.
    pub fn faults(&self) -> Vec<Fault> {
        self.0.state().faults.active().to_vec()
    }

    /// When the API was asked within the last hour, with whatever key, refused requests left out.
    pub fn requests(&self) -> Vec<Timestamp> {
        let mut requests: Vec<_> = self.0.state().budgets.values().flat_map(Budget::spent).collect();
        requests.sort_unstable();
        requests
    }

    /// Every delivery so far, the oldest first.
    pub fn deliveries(&self) -> Vec<Delivered> {
        self.0.state().deliveries.iter().map(Delivered::from).collect()
    }

    /// Returns when nothing is being sent any more.
    pub async fn settled(&self) {
        self.0.settled().await;
    }
}

impl StepTaken {
    fn new(told: Told, deliveries: Vec<Delivered>) -> Self {
        let Told { notice: Notice { kind, event_id, summary, .. }, last, .. } = told;
        Self { kind, event_id, summary, deliveries, last }
    }
}

impl From<&Delivery> for Delivered {
    fn from(delivery: &Delivery) -> Self {
        let Delivery { id, webhook, event, redelivery, outcome, .. } = delivery;
        Self {
            id: id.clone(),
            webhook: webhook.clone(),
            kind: event.notice.kind.clone(),
            event_id: event.notice.event_id.clone(),
            redelivery: *redelivery,
            state: outcome.as_str(),
            status: outcome.answer().map(|answer| answer.status),
            error: if let Outcome::Failed { message, .. } = outcome { Some(message.clone()) } else { None },
        }
    }
}

fn known_apps() -> String {
    APPS.map(|app| format!("`{}` ({})", app.id, app.name)).join(", ")
}
