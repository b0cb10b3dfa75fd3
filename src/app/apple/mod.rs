//! Asks App Store Connect for the operator's view of it.
//!
//! A person who reloads a page must not use up the rate limit that recovery lives on: what was answered is answered again for a while,
//! and of several who ask the same at once, one asks Apple. Nobody waits longer than [`PATIENCE`].

use std::{future::Future, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    asc::{
        Client, Error,
        delivery::{DeliveredEvent, Delivery, DeliveryFilter},
        webhook::Webhook,
    },
    clock::Clock,
    config::Config,
    event::EventKind,
    inbox::{Store, kept::Kept},
    registration::{self, Plan, Step, Unproven},
    server::{Apple, Delivered, Deliveries, Planned, PlannedItem, Registered, Registrations, Trouble, TroubleKind},
    vault::Vault,
};

/// How long somebody in front of a page waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// For how long an answer is given again.
const FRESH: Duration = Duration::from_secs(30);

/// For how long a failure is: soon somebody will have mended it.
const FAILED: Duration = Duration::from_secs(5);

/// How far back deliveries are looked at.
const LOOKBACK: SignedDuration = SignedDuration::from_hours(24);

/// How many deliveries are shown.
const MOST: usize = 100;

/// Apple's side, for the operator's page.
#[derive(Debug)]
pub(super) struct AppleSide {
    client: Arc<Client>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    vault: Option<Vault>,
    config: ArcSwap<Config>,
    registrations: Remembered<Registrations>,
    deliveries: Remembered<Deliveries>,
}

/// The last answer to a question.
#[derive(Debug)]
struct Remembered<T>(Mutex<Option<(Instant, Result<T, Trouble>)>>);

impl<T: Clone> Remembered<T> {
    fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    /// The last answer, or a new one. Whoever comes while somebody asks waits for the same answer.
    async fn or_ask(&self, client: &Client, ask: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        let asked = tokio::time::timeout(PATIENCE, async {
            let mut last = self.0.lock().await;
            if let Some((at, answer)) = &*last
                && at.elapsed() < if answer.is_ok() { FRESH } else { FAILED }
            {
                return answer.clone();
            }
            let answer = match too_long(client) {
                Some(trouble) => Err(trouble),
                None => tokio::time::timeout(PATIENCE, ask).await.unwrap_or_else(|_| Err(unanswered(client))),
            };
            *last = Some((Instant::now(), answer.clone()));
            answer
        });
        asked.await.unwrap_or_else(|_| Err(unanswered(client)))
    }

    async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl AppleSide {
    pub(super) fn new(client: Arc<Client>, store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: &Config) -> Self {
        let vault = Vault::configured(&config.store, &store, &clock);
        let config = ArcSwap::from_pointee(config.clone());
        let (registrations, deliveries) = (Remembered::nothing(), Remembered::nothing());
        Self { client, store, clock, vault, config, registrations, deliveries }
    }

    /// Goes by another configuration from now on.
    pub(super) fn follow(&self, config: &Config) {
        self.config.store(Arc::new(config.clone()));
    }

    async fn look(&self) -> Result<Registrations, Trouble> {
        let config = self.config.load_full();
        let side = registration::look(&config, &self.client, &[]).await?;
        let unproven = match self.vault.as_ref().filter(|_| config.endpoints.iter().any(|endpoint| endpoint.managed_secrets)) {
            Some(vault) => registration::unproven(&config, vault).await.map_err(ours)?,
            None => Unproven::new(),
        };
        let plan = Plan::new(&config, &side, &unproven).ok().map(|plan| planned(&plan));
        let mut webhooks: Vec<Registered> = Vec::new();
        for (app, of_app) in &side {
            webhooks.extend(of_app.iter().map(|webhook| registered(&config, app, webhook)));
        }
        webhooks.sort_by_key(|webhook| (webhook.endpoint.is_none(), webhook.endpoint.clone()));
        Ok(Registrations { asked_at: self.clock.now(), webhooks, plan })
    }

    async fn list(&self) -> Result<Deliveries, Trouble> {
        let registrations = self.registrations.or_ask(&self.client, self.look()).await?;
        let since = self.clock.now().checked_sub(LOOKBACK).unwrap_or_default();
        let mut found: Vec<(&Registered, Delivery)> = Vec::new();
        for webhook in registrations.webhooks.iter().filter(|webhook| webhook.endpoint.is_some()) {
            let pages = self.client.deliveries(&webhook.id, DeliveryFilter::since(since))?;
            found.extend(pages.all().await?.into_iter().map(|delivery| (webhook, delivery)));
        }
        found.sort_by_key(|(_, delivery)| std::cmp::Reverse(delivery.created_at));
        let more = found.len() > MOST;
        let mut items = Vec::new();
        for (webhook, delivery) in found.into_iter().take(MOST) {
            items.push(self.delivered(webhook, delivery).await?);
        }
        Ok(Deliveries { asked_at: self.clock.now(), since, items, more })
    }

    async fn delivered(&self, webhook: &Registered, delivery: Delivery) -> Result<Delivered, Trouble> {
        let about = delivery.event.as_deref();
        let event = about.and_then(DeliveredEvent::event);
        let kept = Kept::of(event.as_ref(), Some(&*self.store)).await.map_err(ours)?;
        let is_ping = about.is_some_and(|about| about.is_ping);
        let told = about.and_then(|about| about.kind.clone()).or(is_ping.then_some(EventKind::WebhookPingCreated));
        Ok(Delivered {
            id: delivery.id,
            webhook: webhook.id.clone(),
            endpoint: webhook.endpoint.clone().unwrap_or_default(),
            state: delivery.state.map(|state| state.as_str().to_owned()),
            created_at: delivery.created_at,
            status: delivery.answered_status,
            error: delivery.error,
            is_redelivery: delivery.is_redelivery,
            kind: event.map(|event| event.kind).or(told).map(|kind| kind.as_str().to_owned()),
            is_ping,
            kept: kept.is_kept(),
            receipt: kept.receipt().map(|receipt| receipt.0),
        })
    }
}

#[async_trait]
impl Apple for AppleSide {
    async fn registrations(&self) -> Result<Registrations, Trouble> {
        self.registrations.or_ask(&self.client, self.look()).await
    }

    async fn deliveries(&self) -> Result<Deliveries, Trouble> {
        self.deliveries.or_ask(&self.client, self.list()).await
    }

    async fn ping(&self, webhook: &str) -> Result<(), Trouble> {
        let done = within_patience(&self.client, async { self.client.ping(webhook).await.map(drop) }).await;
        self.deliveries.forget().await;
        done
    }

    async fn redeliver(&self, delivery: &str) -> Result<(), Trouble> {
        let done = within_patience(&self.client, async { self.client.redeliver(delivery).await.map(drop) }).await;
        self.deliveries.forget().await;
        done
    }
}

async fn within_patience(client: &Client, order: impl Future<Output = Result<(), Error>>) -> Result<(), Trouble> {
    if let Some(trouble) = too_long(client) {
        return Err(trouble);
    }
    let hint = || Some("it may have been done all the same; look at the deliveries".to_owned());
    let unknown = |_| Trouble { hint: hint(), ..unanswered(client) };
    Ok(tokio::time::timeout(PATIENCE, order).await.map_err(unknown)??)
}

fn registered(config: &Config, app: &str, webhook: &Webhook) -> Registered {
    let of_app = config.endpoints.iter().filter(|endpoint| endpoint.app_id.as_deref() == Some(app));
    let mut here = of_app.filter(|endpoint| webhook.posts_to(config.url_of(endpoint).as_ref(), &endpoint.path));
    Registered {
        id: webhook.id.clone(),
        name: webhook.name.clone(),
        url: webhook.url.clone(),
        enabled: webhook.enabled,
        app_id: app.to_owned(),
        endpoint: here.next().map(|endpoint| endpoint.name.to_string()),
    }
}

/// A plan line by line.
fn planned(plan: &Plan) -> Planned {
    let steps = plan.steps.iter().map(|step| match step {
        Step::Create { endpoint, app_id, url, .. } => PlannedItem {
            what: "create",
            endpoint: Some(endpoint.to_string()),
            app_id: Some(app_id.clone()),
            webhook: None,
            details: vec![format!("posts to `{url}`")],
        },
        Step::Change { endpoint, app_id, webhook, differences } => PlannedItem {
            what: "change",
            endpoint: Some(endpoint.to_string()),
            app_id: Some(app_id.clone()),
            webhook: Some(webhook.id.clone()),
            details: differences.iter().map(ToString::to_string).collect(),
        },
    });
    let surplus = plan.surplus.iter().map(|surplus| PlannedItem {
        what: "surplus",
        endpoint: None,
        app_id: Some(surplus.app_id.clone()),
        webhook: Some(surplus.webhook.id.clone()),
        details: vec![surplus.why.to_string()],
    });
    let right = plan.right.iter().map(|right| PlannedItem {
        what: "right",
        endpoint: Some(right.endpoint.to_string()),
        app_id: Some(right.app_id.clone()),
        webhook: Some(right.webhook.id.clone()),
        details: Vec::new(),
    });
    let passed_over = plan.passed_over.iter().map(|passed| PlannedItem {
        what: "not_planned",
        endpoint: Some(passed.endpoint.to_string()),
        details: vec![passed.reason.to_string()],
        ..PlannedItem::default()
    });
    let items = steps.chain(surplus).chain(right).chain(passed_over).collect();
    Planned { differs: plan.differs(), foreign: plan.foreign, items }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let kind = match (&error, error.status()) {
            (Error::NotAnId { .. }, _) | (_, Some(404)) => TroubleKind::NotFound,
            (_, Some(429)) => TroubleKind::RateLimited,
            (_, Some(400..=499)) => TroubleKind::Refused,
            _ => TroubleKind::Silent,
        };
        let retry_after_seconds = error.retry_after().map(whole_seconds);
        Self { kind, words: error.with_causes(), hint: error.hint(), retry_after_seconds }
    }
}

fn ours(error: impl std::fmt::Display) -> Trouble {
    let hint = Some("the log may say more".to_owned());
    Trouble { kind: TroubleKind::Ours, words: error.to_string(), hint, retry_after_seconds: None }
}

/// What to say at once to somebody who would wait in vain.
fn too_long(client: &Client) -> Option<Trouble> {
    client.wait().filter(|wait| *wait > PATIENCE).map(asked_to_wait)
}

/// What to say to somebody who has waited in vain: is Apple silent, or did it ask us to wait?
fn unanswered(client: &Client) -> Trouble {
    client.wait().map_or_else(silent, asked_to_wait)
}

fn asked_to_wait(wait: Duration) -> Trouble {
    let seconds = whole_seconds(wait);
    let wait = humantime::format_duration(Duration::from_secs(seconds));
    let words = format!("App Store Connect asks to wait: the next request with this key can be made in {wait}");
    let hint = "other tools with the same key count too; a key for this program alone would help".to_owned();
    Trouble { kind: TroubleKind::RateLimited, words, hint: Some(hint), retry_after_seconds: Some(seconds) }
}

/// Rounded up, so that nobody comes too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn silent() -> Trouble {
    let words = format!("App Store Connect did not answer within {} s", PATIENCE.as_secs());
    Trouble { kind: TroubleKind::Silent, words, hint: None, retry_after_seconds: None }
}

#[cfg(test)]
mod tests;
