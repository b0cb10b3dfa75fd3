//! Puts a new managed secret in the place of the old one, without a moment at which Apple would be refused.
//!
//! | step | what the servers accept | what Apple signs with | interrupted here, the next run |
//! |---|---|---|---|
//! | a new secret is kept | old | old | goes on with it |
//! | every server has loaded it | old, new | old | finds that at once |
//! | Apple is told | old, new | old or new | tells it again |
//! | a ping, until a receipt shows the new one | old, new | old or new | pings again |
//! | the new one is current, the old one retires | old for the grace period, new | new | makes the next new one |
//!
//! Everything that must be remembered between two runs is in the store. There is nothing to undo at any step.

use std::{fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    AppleSide, Difference, NoPublicUrl, Plan, Step, Unproven,
    handover::{NotAccepted, until_accepted},
};
use crate::{
    asc::{
        self, Client,
        webhook::{Webhook, WebhookChange},
    },
    config::{Config, Endpoint},
    inbox::{
        ReceiptId, Store, StoreError,
        query::{PageRequest, ReceiptFilter},
        secrets::SecretState,
    },
    vault::{Contents, ManagedSecret, Vault, VaultError},
};

/// How long one ping may take to arrive before another is asked for.
const PING: Duration = Duration::from_secs(15);

/// How long Apple may take to sign with the new secret.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often the store is asked whether the ping is there.
const ROUND: Duration = Duration::from_millis(200);

/// How far the clocks of server and command may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How many of the newest receipts are looked at.
const LATEST: usize = 200;

/// What a rotation works with.
#[derive(Debug)]
pub struct Rotation<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The way to ask Apple.
    pub client: &'a Client,
    /// Where the secrets are.
    pub vault: &'a Vault,
    /// Where the servers keep what they receive.
    pub store: &'a dyn Store,
}

/// A step that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// There is a new secret.
    Prepared {
        /// What it is called.
        label: String,
        /// Whether it was there already: a server made it at its start, or an earlier run did.
        resumed: bool,
    },
    /// Every running server accepts it.
    Accepted {
        /// How many servers there are.
        servers: usize,
    },
    /// Apple has it.
    Told {
        /// The id of the webhook.
        webhook: String,
    },
    /// Apple was asked for a ping.
    Pinged,
    /// Something came in that was signed with it.
    Seen {
        /// The receipt.
        receipt: ReceiptId,
    },
    /// It is the current one.
    Settled {
        /// Until when the one before is still accepted, if there was one.
        old_until: Option<Timestamp>,
    },
}

/// What a rotation would do.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Outlook {
    /// The endpoint.
    pub endpoint: Arc<str>,
    /// The webhook that would be told.
    pub webhook: Webhook,
    /// The secret that Apple signs with, as far as is known.
    pub current: Option<String>,
    /// The new secret, if there is one already: made by a server at its start, or by an earlier run that was interrupted.
    pub next: Option<String>,
    /// How many servers are running.
    pub servers: usize,
}

impl Rotation<'_> {
    /// Looks at what there is, and changes nothing.
    pub async fn outlook(&self, endpoint: &Endpoint) -> Result<Outlook, RotationError> {
        let webhook = self.webhook_of(endpoint).await?;
        let contents = self.vault.open().await?;
        let label = |state| contents.find(&endpoint.name, state).map(|secret| secret.label.clone());
        let (current, next) = (label(SecretState::Current), label(SecretState::Next));
        Ok(Outlook { endpoint: Arc::clone(&endpoint.name), webhook, current, next, servers: contents.servers.len() })
    }

    /// Goes through all steps, from where an earlier run was interrupted, and tells of each one when it is done. The old secret is accepted for
    /// `grace` after the new one was seen.
    ///
    /// # Errors
    /// At whichever step it fails, or its future is dropped: Apple's requests are accepted, and it can be run again.
    pub async fn run(&self, endpoint: &Endpoint, grace: Duration, tell: &mut dyn FnMut(Progress)) -> Result<(), RotationError> {
        let webhook = self.webhook_of(endpoint).await?;

        let resumed = self.vault.open().await?.find(&endpoint.name, SecretState::Next).is_some();
        self.vault.prepare(&endpoint.name).await?;
        let contents = self.vault.open().await?;
        let next = next_of(&contents, endpoint)?;
        tell(Progress::Prepared { label: next.label.clone(), resumed });

        let servers = until_accepted(self.vault, contents.version).await?;
        tell(Progress::Accepted { servers });

        let change = WebhookChange { secret: Some(next.secret.clone()), ..WebhookChange::default() };
        self.client.change_webhook(&webhook.id, &change).await?;
        tell(Progress::Told { webhook: webhook.id.clone() });

        let receipt = self.until_seen(&webhook, endpoint, next, tell).await?;
        tell(Progress::Seen { receipt });

        let old_until = self.vault.settle(&endpoint.name, &next.label, grace).await?;
        tell(Progress::Settled { old_until });
        Ok(())
    }

    /// The webhook that serves an endpoint, in working order.
    async fn webhook_of(&self, endpoint: &Endpoint) -> Result<Webhook, RotationError> {
        let none = || RotationError::NoWebhook { endpoint: Arc::clone(&endpoint.name) };
        let app = endpoint.app_id.as_ref().ok_or_else(none)?;
        let webhooks = self.client.webhooks(app)?.all().await?;
        let plan = Plan::new(self.config, &AppleSide::from([(app.clone(), webhooks)]), &Unproven::new())?;
        let in_the_way = plan.steps.iter().find_map(|step| match step {
            Step::Change { endpoint: name, differences, .. } if *name == endpoint.name => {
                differences.iter().find(|one| matches!(one, Difference::Disabled | Difference::Url { .. }))
            }
            _ => None,
        });
        match in_the_way {
            Some(difference) => {
                Err(RotationError::NotServing { endpoint: Arc::clone(&endpoint.name), difference: difference.clone() })
            }
            None => plan.webhook_of(&endpoint.name).cloned().ok_or_else(none),
        }
    }

    /// Pings until something has come in that was signed with the secret.
    async fn until_seen(
        &self,
        webhook: &Webhook,
        endpoint: &Endpoint,
        secret: &ManagedSecret,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<ReceiptId, RotationError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.client.ping(&webhook.id).await?;
            tell(Progress::Pinged);
            let asked = Instant::now();
            while asked.elapsed() < PING {
                if let Some(receipt) = self.signed_with(endpoint, secret).await? {
                    return Ok(receipt);
                }
                tokio::time::sleep(ROUND).await;
            }
        }
        Err(RotationError::NotSeen { endpoint: Arc::clone(&endpoint.name), label: secret.label.clone() })
    }

    async fn signed_with(&self, endpoint: &Endpoint, secret: &ManagedSecret) -> Result<Option<ReceiptId>, StoreError> {
        let since = secret.made_at.saturating_sub(SKEW).unwrap_or(Timestamp::MIN);
        let filter = ReceiptFilter { endpoint: Some(endpoint.name.to_string()), since: Some(since), ..ReceiptFilter::default() };
        let page = self.store.receipts(&filter, PageRequest { before: None, limit: LATEST }).await?;
        let signed = page.items.iter().find(|listed| listed.receipt.secret.as_ref() == Some(&secret.label));
        Ok(signed.map(|listed| listed.receipt.id))
    }
}

fn next_of<'c>(contents: &'c Contents, endpoint: &Endpoint) -> Result<&'c ManagedSecret, VaultError> {
    // Another command may have come between, and settled it.
    contents.find(&endpoint.name, SecretState::Next).ok_or(VaultError::Contended)
}

/// What is done.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepared { label, resumed: false } => write!(f, "made the secret `{label}`"),
            Self::Prepared { label, resumed: true } => {
                write!(f, "going on with the secret `{label}`, which was made before and is not in use yet")
            }
            Self::Accepted { servers: 1 } => f.write_str("the running server accepts it"),
            Self::Accepted { servers } => write!(f, "all {servers} running servers accept it"),
            Self::Told { webhook } => write!(f, "Apple has it, for the webhook `{webhook}`"),
            Self::Pinged => f.write_str("asked Apple for a ping"),
            Self::Seen { receipt } => write!(f, "receipt {receipt} was signed with it"),
            Self::Settled { old_until: Some(until) } => {
                write!(f, "done; the one before is accepted until {}", until.strftime("%Y-%m-%d %H:%M:%S UTC"))
            }
            Self::Settled { old_until: None } => f.write_str("done"),
        }
    }
}

/// Why a secret was not rotated, or not yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// It is not known where Apple reaches this server.
    #[error(transparent)]
    NoPublicUrl(#[from] NoPublicUrl),
    /// Apple has no webhook for the endpoint.
    #[error("Apple has no webhook for the endpoint `{endpoint}`")]
    NoWebhook {
        /// The endpoint.
        endpoint: Arc<str>,
    },
    /// The webhook of the endpoint could not deliver a ping.
    #[error("the webhook of the endpoint `{endpoint}` does not post to it ({difference})")]
    NotServing {
        /// The endpoint.
        endpoint: Arc<str>,
        /// What is to be mended.
        difference: Difference,
    },
    /// A running server would refuse the new secret, or none is running.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    /// Nothing came in that was signed with the new secret.
    #[error(
        "nothing signed with `{label}` came in at the endpoint `{endpoint}` within {} minutes; both secrets are still accepted",
        PATIENCE.as_secs() / 60
    )]
    NotSeen {
        /// The endpoint.
        endpoint: Arc<str>,
        /// What the secret is called.
        label: String,
    },
    /// Apple said no, or could not be reached.
    #[error(transparent)]
    Apple(#[from] asc::Error),
    /// The secrets cannot be had or changed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
