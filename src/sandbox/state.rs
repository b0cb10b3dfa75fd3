//! Everything that the sandbox remembers: it lives behind one lock, and is gone when the process is.
//!
//! Each method is one step that Apple's side takes as a whole. None waits for anything: what there is to send comes back as [`Job`]s,
//! to be carried out when the lock is free again.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    budget::Budget,
    catalog::{Catalog, Reference, Relationship},
    faults::Faults,
    scenario::{Journey, Scenario},
    seed::Seed,
};
use crate::{
    event::{EventKind, sample},
    secret::Secret,
};

/// The most webhooks that one app can have.
pub(super) const WEBHOOKS_PER_APP: usize = 10;

#[derive(Debug)]
pub(super) struct State {
    pub(super) ids: Seed,
    pub(super) catalog: Catalog,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) marketplace_webhook: Option<MarketplaceWebhook>,
    pub(super) deliveries: Vec<Delivery>,
    /// What happened last.
    pub(super) latest: Option<Latest>,
    pub(super) faults: Faults,
    pub(super) held: VecDeque<Job>,
    pub(super) budgets: HashMap<String, Budget>,
    pub(super) journeys: HashMap<(Scenario, String), Journey>,
    pub(super) builds: u32,
    registered: u64,
}

/// A registered webhook.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) app: String,
    pub(super) settings: WebhookSettings,
}

/// What the owner of a webhook decides.
#[derive(Clone, Debug)]
pub(super) struct WebhookSettings {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) enabled: bool,
    pub(super) event_types: Vec<EventKind>,
    pub(super) secret: Secret,
}

/// The one webhook of the older sort that an account can have.
#[derive(Clone, Debug)]
pub(super) struct MarketplaceWebhook {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) secret: Secret,
}

/// What there is to tell.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) kind: EventKind,
    /// The id in the payload.
    pub(super) event_id: String,
    pub(super) payload: Bytes,
    /// The same for people, in a few words.
    pub(super) summary: String,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Event {
    /// The id of the `webhookEvents` resource. Not the id in the payload: it is not known whether Apple's are the same, so nobody
    /// may come to rely on it here.
    pub(super) id: String,
    pub(super) notice: Notice,
    pub(super) created: Timestamp,
}

/// Something that happened, and to whom it was told.
#[derive(Clone, Debug)]
pub(super) struct Latest {
    pub(super) app: String,
    pub(super) event: Arc<Event>,
    /// How many webhooks were to hear of it.
    pub(super) told: usize,
}

/// One try to tell one webhook of one event.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) webhook: String,
    pub(super) url: String,
    pub(super) event: Arc<Event>,
    pub(super) created: Timestamp,
    pub(super) redelivery: bool,
    pub(super) sent: Option<Timestamp>,
    pub(super) outcome: Outcome,
}

/// How a delivery went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Pending,
    Succeeded(Answer),
    Failed { message: String, answer: Option<Answer> },
}

/// What the receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// A request to be made.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Where the delivery stands in [`State::deliveries`].
    pub(super) delivery: usize,
    pub(super) webhook: String,
    pub(super) url: String,
    pub(super) secret: Secret,
    pub(super) body: Bytes,
}

impl State {
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        Self {
            ids: Seed::new(seed),
            catalog: Catalog::stocked(now),
            webhooks: Vec::new(),
            marketplace_webhook: None,
            deliveries: Vec::new(),
            latest: None,
            // A stream of its own, so that a fault more or less leaves the ids as they are.
            faults: Faults::new(Seed::new(!seed)),
            held: VecDeque::new(),
            budgets: HashMap::new(),
            journeys: HashMap::new(),
            builds: 44,
            registered: 0,
        }
    }

    /// Registers a webhook for an app. None if the app has as many as it can have.
    pub(super) fn register(&mut self, app: String, settings: WebhookSettings) -> Option<&Webhook> {
        if self.webhooks.iter().filter(|webhook| webhook.app == app).count() >= WEBHOOKS_PER_APP {
            return None;
        }
        self.registered += 1;
        self.webhooks.push(Webhook { number: self.registered, id: self.ids.uuid(), app, settings });
        self.webhooks.last()
    }

    pub(super) fn webhook(&self, id: &str) -> Option<&Webhook> {
        self.webhooks.iter().find(|webhook| webhook.id == id)
    }

    /// Where a delivery stands, by its id.
    pub(super) fn delivery(&self, id: &str) -> Option<usize> {
        self.deliveries.iter().position(|delivery| delivery.id == id)
    }

    /// Records an event, and a delivery to every webhook that is to hear of it.
    pub(super) fn announce(&mut self, app: &str, notice: Notice, now: Timestamp) -> Vec<Job> {
        let kind = &notice.kind;
        let to: Vec<_> = if kind.subscription().is_some() {
            let wanted =
                |webhook: &&Webhook| webhook.app == app && webhook.settings.enabled && webhook.settings.event_types.contains(kind);
            self.webhooks.iter().filter(wanted).map(Destination::from).collect()
        } else {
            self.marketplace_webhook.iter().map(Destination::from).collect()
        };
        let event = self.record(notice, now);
        self.latest = Some(Latest { app: app.to_owned(), event: Arc::clone(&event), told: to.len() });
        to.into_iter().map(|to| self.deliver(to, &event, false, now)).collect()
    }

    /// Changes a state, and announces that to the app that `owner` belongs to.
    pub(super) fn change(
        &mut self,
        subject: &Reference,
        attribute: &str,
        to: &str,
        kind: EventKind,
        owner: &Reference,
        now: Timestamp,
    ) -> Vec<Job> {
        let before = self.catalog.set(subject, attribute, to);
        let before = before.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let app = match self.catalog.find(owner).and_then(|owner| owner.relationships.get("app")) {
            Some(Relationship::One(app)) => app.id.clone(),
            _ => return Vec::new(),
        };
        let event_id = self.ids.uuid();
        let payload = sample::of(&kind).id(&event_id).subject_id(&subject.id).state(to).previous_state(&before).time(now).body();
        let summary = format!("as asked: {before} → {to}");
        self.announce(&app, Notice { kind, event_id, payload, summary }, now)
    }

    /// Records a ping of one webhook. None if there is no such webhook.
    pub(super) fn ping(&mut self, webhook: &str, notice: Notice, now: Timestamp) -> Option<Job> {
        let webhook = self.webhook(webhook)?;
        let (to, app) = (Destination::from(webhook), webhook.app.clone());
        let event = self.record(notice, now);
        self.latest = Some(Latest { app, event: Arc::clone(&event), told: 1 });
        Some(self.deliver(to, &event, false, now))
    }

    /// Records a new delivery of the event of an earlier one, signed with the secret that the webhook has now. None if the delivery
    /// or its webhook does not exist.
    pub(super) fn redeliver(&mut self, template: &str, now: Timestamp) -> Option<Job> {
        let Delivery { webhook, event, .. } = self.deliveries.get(self.delivery(template)?)?.clone();
        let older = self.marketplace_webhook.as_ref().filter(|older| older.id == webhook);
        let to = self.webhook(&webhook).map(Destination::from).or_else(|| older.map(Destination::from))?;
        Some(self.deliver(to, &event, true, now))
    }

    /// Records how a delivery went.
    pub(super) fn settle(&mut self, delivery: usize, outcome: Outcome, now: Timestamp) {
        if let Some(delivery) = self.deliveries.get_mut(delivery) {
            delivery.sent = Some(now);
            delivery.outcome = outcome;
        }
    }

    fn record(&mut self, notice: Notice, now: Timestamp) -> Arc<Event> {
        Arc::new(Event { id: self.ids.uuid(), notice, created: now })
    }

    fn deliver(&mut self, to: Destination, event: &Arc<Event>, redelivery: bool, now: Timestamp) -> Job {
        let job = Job {
            delivery: self.deliveries.len(),
            webhook: to.webhook.clone(),
            url: to.url.clone(),
            secret: to.secret,
            body: event.notice.payload.clone(),
        };
        self.deliveries.push(Delivery {
            id: self.ids.uuid(),
            webhook: to.webhook,
            url: to.url,
            event: Arc::clone(event),
            created: now,
            redelivery,
            sent: None,
            outcome: Outcome::Pending,
        });
        job
    }
}

impl Event {
    pub(super) fn is_ping(&self) -> bool {
        self.notice.kind == EventKind::WebhookPingCreated
    }
}

impl Outcome {
    /// The state of the delivery as Apple writes it.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Succeeded(_) => "SUCCEEDED",
            Self::Failed { .. } => "FAILED",
        }
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Pending => None,
            Self::Succeeded(answer) => Some(answer),
            Self::Failed { answer, .. } => answer.as_ref(),
        }
    }
}

struct Destination {
    webhook: String,
    url: String,
    secret: Secret,
}

impl From<&Webhook> for Destination {
    fn from(webhook: &Webhook) -> Self {
        let WebhookSettings { url, secret, .. } = &webhook.settings;
        Self { webhook: webhook.id.clone(), url: url.clone(), secret: secret.clone() }
    }
}

impl From<&MarketplaceWebhook> for Destination {
    fn from(webhook: &MarketplaceWebhook) -> Self {
        Self { webhook: webhook.id.clone(), url: webhook.url.clone(), secret: webhook.secret.clone() }
    }
}
