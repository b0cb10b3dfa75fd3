//! The configuration against Apple's side: which webhooks there should be, which there are, and how the one becomes the other.
//!
//! [`look`] asks Apple what there is, [`Plan::new`] compares (it does no I/O, and everything it finds can be read), and [`Step`]s are
//! carried out one by one, each complete in itself: whoever is interrupted plans again and goes on.
//!
//! **What is ours.** A webhook is ours if its address is below `server.public_url`, or if its name begins with
//! `registration.name_prefix` and that is not empty. Every other webhook is somebody else's: it is counted, and never touched.
//!
//! **Secrets** cannot be compared, because Apple never shows one. Those that the program makes itself are handed over when a webhook is made or
//! when Apple is not known to have them ([`to_hand_over`]), and exchanged by a [`Rotation`]: never before every running server accepts them.

mod compare;
mod handover;
mod plan;
mod rotation;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use self::{
    handover::{NotAccepted, to_hand_over, unproven},
    plan::{Difference, NoPublicUrl, PassedOver, Plan, Reason, Right, Step, Surplus, Why},
    rotation::{Outlook, Progress, Rotation, RotationError},
};
use crate::{
    asc::{
        Client, Error,
        webhook::{NewWebhook, Webhook, WebhookChange},
    },
    config::Config,
    secret::Secret,
};

/// The webhooks that Apple has, by app.
pub type AppleSide = BTreeMap<String, Vec<Webhook>>;

/// The endpoints whose managed secret Apple is not known to have.
pub type Unproven = BTreeSet<Arc<str>>;

/// Asks Apple for the webhooks of every app of the configuration, and of these apps too.
///
/// There is no list of all webhooks, so one of an app that is named nowhere cannot be seen.
pub async fn look(config: &Config, client: &Client, also: &[String]) -> Result<AppleSide, Error> {
    let configured = config.endpoints.iter().filter_map(|endpoint| endpoint.app_id.as_ref());
    let mut side: AppleSide = configured.chain(also).map(|app| (app.clone(), Vec::new())).collect();
    for (app, webhooks) in &mut side {
        *webhooks = client.webhooks(app)?.all().await?;
    }
    Ok(side)
}

impl Step {
    /// Does it at Apple. `secret` gets what the webhook is to sign with; it is asked only if the step hands that over.
    ///
    /// Once it is done, a new plan does not have it any more.
    ///
    /// # Errors
    /// When there is no secret to hand over, and within, when Apple was asked in vain.
    pub async fn carry_out<E>(
        &self,
        client: &Client,
        secret: impl AsyncFnOnce() -> Result<Secret, E>,
    ) -> Result<Result<Webhook, Error>, E> {
        Ok(match self {
            Self::Create { app_id, name, url, events, .. } => {
                let (app_id, name, url) = (app_id.clone(), name.clone(), url.clone());
                let secret = secret().await?;
                client.create_webhook(&NewWebhook { app_id, name, url, secret, events: events.clone(), enabled: true }).await
            }
            Self::Change { webhook, differences, .. } => {
                let mut change = WebhookChange::default();
                if differences.contains(&Difference::Secret) {
                    change.secret = Some(secret().await?);
                }
                for difference in differences {
                    match difference {
                        Difference::Disabled => change.enabled = Some(true),
                        Difference::Name { wanted, .. } => change.name = Some(wanted.clone()),
                        Difference::Url { wanted, .. } => change.url = Some(wanted.clone()),
                        Difference::Events { wanted, .. } => change.events = Some(wanted.clone()),
                        Difference::Secret => {}
                    }
                }
                client.change_webhook(&webhook.id, &change).await
            }
        })
    }

    /// The endpoint that it is for.
    pub fn endpoint(&self) -> &Arc<str> {
        match self {
            Self::Create { endpoint, .. } | Self::Change { endpoint, .. } => endpoint,
        }
    }
}

#[cfg(test)]
mod tests;
