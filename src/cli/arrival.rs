//! A ping, from asking Apple for it until our own server has kept it, or until Apple says why that will not happen.
//!
//! Apple does not promise that the id of the order is the id of the event that comes of it. So a ping is known by being new: at the
//! endpoint, one with a higher number than any before; at Apple's side, a delivery that was not listed before.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{open_if_here, registered};
use crate::{
    asc::{
        self, Client,
        delivery::{Delivery, DeliveryFilter, DeliveryState},
        webhook::Webhook,
    },
    clock::{Clock as _, SystemClock},
    config::{Config, Endpoint},
    event::EventKind,
    inbox::{
        Receipt, ReceiptId, Store, StoreError,
        query::{PageRequest, ReceiptFilter},
        sqlite::Sqlite,
    },
};

/// How often the store is looked into: it is on this machine, and it costs nothing.
const BETWEEN_LOOKS_AT_STORE: Duration = Duration::from_millis(50);

/// How long the ping may take before Apple is asked what became of it, and how long until it is asked again.
const FIRST_LOOK_AT_APPLE: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS_AT_APPLE: Duration = Duration::from_secs(3);

/// Deliveries as old as this are listed to know the new one by. It may be so much that Apple's clock and ours differ.
const CLOCKS_MAY_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// A webhook that is to be pinged, and where the ping is expected.
#[derive(Debug)]
pub(super) struct Trial<'c> {
    client: &'c Client,
    webhook: &'c Webhook,
    endpoint: Option<&'c Endpoint>,
    store: Option<Sqlite>,
}

/// What became of a ping.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// Our server has kept it.
    Kept { receipt: Box<Receipt>, took: Duration },
    /// Apple says that it was taken, and it cannot be seen here.
    Taken { delivery: Box<Delivery>, because: Unseen },
    /// Apple says that it was not taken.
    Failed(Box<Delivery>),
    /// Apple has not sent it yet, or does not know yet what became of it.
    Pending,
    /// Apple does not list it.
    Unlisted,
}

/// Why a ping that was taken cannot be seen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// The webhook posts to none of the endpoints of the configuration.
    NoEndpoint,
    /// The store is not on this machine.
    NoStore,
    /// The store is here, and does not hold it.
    NotKept,
}

/// Why it is not known what became of a ping.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error(transparent)]
    Apple(#[from] asc::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'c> Trial<'c> {
    /// Prepares a trial of a webhook. The store is looked into if it is on this machine and the webhook posts to an endpoint of the
    /// configuration.
    pub(super) fn new(config: &'c Config, client: &'c Client, webhook: &'c Webhook) -> Self {
        let endpoint = registered::endpoint_of(config, webhook);
        Self { client, webhook, endpoint, store: endpoint.and_then(|_| open_if_here(config)) }
    }

    /// Has Apple send a ping, and waits for it.
    pub(super) async fn run(&self, patience: Duration) -> Result<Ending, Lost> {
        let clock = SystemClock::new();
        let newest_before = self.newest_ping().await?.map(|receipt| receipt.id);
        let listed_before: BTreeSet<String> = self.pings(clock.now()).await?.into_iter().map(|delivery| delivery.id).collect();
        let (asked_at, started) = (clock.now(), Instant::now());
        self.client.ping(&self.webhook.id).await?;
        let mut look_at = FIRST_LOOK_AT_APPLE;
        loop {
            if let Some(kept) = self.kept_since(newest_before, asked_at).await? {
                return Ok(kept);
            }
            let is_over = started.elapsed() >= patience;
            if is_over || started.elapsed() >= look_at {
                let ending = self.ask_what_became_of_it(&listed_before, clock.now()).await?;
                // It may have come in while we asked.
                if let Some(kept) = self.kept_since(newest_before, asked_at).await? {
                    return Ok(kept);
                }
                if is_over || matches!(ending, Ending::Taken { .. } | Ending::Failed(_)) {
                    return Ok(ending);
                }
                look_at = started.elapsed() + BETWEEN_LOOKS_AT_APPLE;
            }
            tokio::time::sleep(BETWEEN_LOOKS_AT_STORE).await;
        }
    }

    async fn kept_since(&self, newest_before: Option<ReceiptId>, asked_at: Timestamp) -> Result<Option<Ending>, StoreError> {
        let newest = self.newest_ping().await?.filter(|receipt| Some(receipt.id) > newest_before);
        Ok(newest.map(|receipt| {
            let took = Duration::try_from(receipt.received_at.duration_since(asked_at)).unwrap_or_default();
            Ending::Kept { receipt: Box::new(receipt), took }
        }))
    }

    async fn newest_ping(&self) -> Result<Option<Receipt>, StoreError> {
        let (Some(store), Some(endpoint)) = (&self.store, self.endpoint) else { return Ok(None) };
        let filter = ReceiptFilter {
            endpoint: Some(endpoint.name.to_string()),
            kinds: vec![EventKind::WebhookPingCreated.to_string()],
            ..ReceiptFilter::default()
        };
        let page = store.receipts(&filter, PageRequest { before: None, limit: 1 }).await?;
        Ok(page.items.into_iter().next().map(|listed| listed.receipt))
    }

    async fn ask_what_became_of_it(&self, listed_before: &BTreeSet<String>, now: Timestamp) -> Result<Ending, asc::Error> {
        let new = self.pings(now).await?.into_iter().find(|delivery| !listed_before.contains(&delivery.id));
        let Some(delivery) = new else { return Ok(Ending::Unlisted) };
        Ok(match delivery.state {
            Some(DeliveryState::Succeeded) => {
                let because = match (self.endpoint, &self.store) {
                    (None, _) => Unseen::NoEndpoint,
                    (Some(_), None) => Unseen::NoStore,
                    (Some(_), Some(_)) => Unseen::NotKept,
                };
                Ending::Taken { delivery: Box::new(delivery), because }
            }
            Some(DeliveryState::Failed) => Ending::Failed(Box::new(delivery)),
            _ => Ending::Pending,
        })
    }

    async fn pings(&self, now: Timestamp) -> Result<Vec<Delivery>, asc::Error> {
        let since = now.checked_sub(CLOCKS_MAY_DIFFER).unwrap_or(now);
        let mut recent = self.client.deliveries(&self.webhook.id, DeliveryFilter::since(since))?.all().await?;
        recent.retain(|delivery| delivery.event.as_ref().is_some_and(|event| event.is_ping));
        Ok(recent)
    }
}

impl Ending {
    /// Whether the way from Apple to the receiver is open.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Kept { .. } | Self::Taken { because: Unseen::NoEndpoint | Unseen::NoStore, .. })
    }

    /// What became of it, as people read it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Kept { receipt, took } => {
                let secret = receipt.secret.as_deref().unwrap_or_default();
                format!(
                    "the ping came in after {:.3} s and is kept as receipt {}; the secret `{secret}` matched",
                    took.as_secs_f64(),
                    receipt.id
                )
            }
            Self::Taken { delivery, because } => {
                let answer = answer_of(delivery);
                let unseen = match because {
                    Unseen::NoEndpoint => {
                        "the webhook posts to none of the endpoints of this configuration, so it was not looked for here"
                    }
                    Unseen::NoStore => "the store of this configuration is not on this machine, so it was not looked for there",
                    Unseen::NotKept => "the store of this configuration does not hold it",
                };
                format!("the ping was sent, and Apple got {answer}; {unseen}")
            }
            Self::Failed(delivery) => {
                let error = delivery.error.as_deref().map(|error| format!(" (Apple says: {error})")).unwrap_or_default();
                format!("the ping was not taken: Apple got {}{error}", answer_of(delivery))
            }
            Self::Pending => "the ping did not come in time: Apple lists it, and has no answer to it yet".to_owned(),
            Self::Unlisted => "the ping did not come in time, and Apple does not list it among the deliveries".to_owned(),
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self, webhook: &Webhook, endpoint: Option<&Endpoint>) -> Option<String> {
        let managed = endpoint.filter(|endpoint| endpoint.managed_secrets);
        let hint = match self {
            Self::Taken { because: Unseen::NotKept, .. } => {
                "something else answers at the webhook's address: another server, or one with another store"
            }
            Self::Kept { .. } | Self::Taken { .. } => return None,
            Self::Failed(delivery) => match delivery.answered_status {
                None => {
                    "Apple must be able to connect: check that the server runs, and the address, its DNS name, certificate and firewall"
                }
                Some(401) => {
                    let give = match managed {
                        Some(endpoint) => format!("`asc-webhooks webhooks rotate-secret {}` gives Apple a new one", endpoint.name),
                        None => format!(
                            "write it into the endpoint's `secrets`, or give Apple another with `webhooks update {} --secret-file FILE`",
                            webhook.id
                        ),
                    };
                    return Some(format!("Apple signs with a secret that the server does not know: {give}"));
                }
                Some(404) => {
                    "the server that answers has no endpoint at the webhook's path: compare `webhooks show` and the configuration"
                }
                Some(300..=399) => "Apple does not follow redirects: register the address that it leads to",
                Some(503) => "the server cannot keep anything now: `asc-webhooks healthcheck` and its log say why",
                Some(500..) => "a proxy answered in the server's place: check that `asc-webhooks serve` runs behind it",
                Some(_) => "something on the way refused it: a proxy, a firewall, or another server at this address",
            },
            Self::Pending | Self::Unlisted if webhook.enabled == Some(false) => {
                return Some(format!("the webhook is disabled: `asc-webhooks webhooks update {} --enable`", webhook.id));
            }
            Self::Pending | Self::Unlisted => {
                "look again with `asc-webhooks deliveries list --since 10m`, or wait longer with `--timeout`"
            }
        };
        Some(hint.to_owned())
    }

    /// The same for programs.
    pub(super) fn document(&self, webhook: &Webhook, endpoint: Option<&Endpoint>) -> Value {
        let (ending, delivery) = match self {
            Self::Kept { .. } => ("kept", None),
            Self::Taken { delivery, .. } => ("taken", Some(delivery)),
            Self::Failed(delivery) => ("failed", Some(delivery)),
            Self::Pending => ("pending", None),
            Self::Unlisted => ("unlisted", None),
        };
        let kept = if let Self::Kept { receipt, took } = self { Some((receipt, took)) } else { None };
        json!({
            "webhook": webhook.id,
            "ending": ending,
            "took_ms": kept.map(|(_, took)| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            "receipt": kept.map(|(receipt, _)| receipt.id),
            "endpoint": endpoint.map(|endpoint| &endpoint.name),
            "secret": kept.and_then(|(receipt, _)| receipt.secret.as_ref()),
            "delivery": delivery.map(|delivery| json!({
                "id": delivery.id, "state": delivery.state, "status": delivery.answered_status, "error": delivery.error,
            })),
            "message": self.words(),
            "hint": self.hint(webhook, endpoint),
        })
    }
}

fn answer_of(delivery: &Delivery) -> String {
    delivery.answered_status.map_or_else(|| "no answer".to_owned(), |status| format!("the answer {status}"))
}
