//! How Apple's side differs from the configuration, as it is shown to people and programs.

use std::{fmt, sync::Arc};

use serde::Serialize;
use url::Url;

use super::{
    AppleSide, Unproven,
    compare::{self, Ours},
};
use crate::{
    asc::webhook::{MOST_PER_APP, Webhook},
    config::{Config, EndpointKind},
    event::EventKind,
};

/// What is to be done at Apple so that its side is as the configuration says, and what cannot be done.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// What is to be done.
    pub steps: Vec<Step>,
    /// Our webhooks that no endpoint of the configuration wants. They stay until somebody says otherwise.
    pub surplus: Vec<Surplus>,
    /// The endpoints that nothing is planned for, and why.
    pub passed_over: Vec<PassedOver>,
    /// What is as it should be.
    pub right: Vec<Right>,
    /// How many webhooks are somebody else's.
    pub foreign: usize,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Make the webhook of an endpoint that has none.
    Create {
        /// The endpoint.
        endpoint: Arc<str>,
        /// The app.
        app_id: String,
        /// Its name.
        name: String,
        /// The address to post to.
        #[serde(serialize_with = "as_text")]
        url: Url,
        /// The kinds of event to send.
        events: Vec<EventKind>,
    },
    /// Change the webhook of an endpoint.
    Change {
        /// The endpoint.
        endpoint: Arc<str>,
        /// The app.
        app_id: String,
        /// The webhook as it is.
        webhook: Webhook,
        /// What is to become different.
        differences: Vec<Difference>,
    },
}

/// How a webhook differs from what the configuration says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// Apple posts nothing.
    Disabled,
    /// It has another name.
    Name {
        /// The name it has.
        found: Option<String>,
        /// The name it should have.
        wanted: String,
    },
    /// It posts elsewhere.
    Url {
        /// Where it posts.
        found: Option<String>,
        /// Where it should.
        #[serde(serialize_with = "as_text")]
        wanted: Url,
    },
    /// It is sent other kinds of event.
    Events {
        /// Those it is not sent and should be.
        missing: Vec<EventKind>,
        /// Those it is sent and should not be.
        unwanted: Vec<EventKind>,
        /// All it should be sent.
        wanted: Vec<EventKind>,
    },
    /// Apple is not known to have the secret that the store keeps for the endpoint.
    Secret,
}

/// A webhook of ours that no endpoint wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Surplus {
    /// The app.
    pub app_id: String,
    /// The webhook.
    pub webhook: Webhook,
    /// Why it is not wanted.
    #[serde(flatten)]
    pub why: Why,
}

/// Why a webhook of ours is not wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// Another webhook serves its endpoint already.
    Duplicate {
        /// The endpoint.
        endpoint: Arc<str>,
        /// The id of the webhook that serves it.
        of: String,
    },
    /// Its address is below the public address of this server, and no endpoint of this app is there.
    Address,
    /// Its name begins with our prefix, and no endpoint of this app has the rest of it.
    Name,
}

/// An endpoint that nothing is planned for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// The endpoint.
    pub endpoint: Arc<str>,
    /// Why.
    pub reason: Reason,
}

/// Why nothing is planned for an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It does not say whose notifications come in.
    NoApp,
    /// It is for the older marketplace webhook, of which the account has one.
    Marketplace,
    /// It is for a webhook of Xcode Cloud, which the API does not know.
    XcodeCloud,
    /// It needs a webhook, and the app has as many as it can have.
    NoRoom,
    /// It needs a webhook, and it is not known where Apple reaches this server.
    NoPublicUrl,
}

/// An endpoint whose webhook is as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Right {
    /// The endpoint.
    pub endpoint: Arc<str>,
    /// The app.
    pub app_id: String,
    /// The webhook.
    pub webhook: Webhook,
}

/// Nothing can be planned, because it is not known where Apple reaches this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`server.public_url` is not set, so it is not known where Apple is to post")]
pub struct NoPublicUrl;

impl Plan {
    /// Compares, so that the plan can be carried out.
    ///
    /// # Errors
    /// When the public address of this server is not known.
    pub fn new(config: &Config, side: &AppleSide, unproven: &Unproven) -> Result<Self, NoPublicUrl> {
        if config.server.public_url.is_none() {
            return Err(NoPublicUrl);
        }
        Ok(Self::compare(config, side, unproven))
    }

    /// Compares, to look at. Where the public address of this server is not known, a webhook is known by the path that it posts to, and
    /// none is planned to be made.
    pub fn compare(config: &Config, side: &AppleSide, unproven: &Unproven) -> Self {
        let mut plan = Self::default();
        for endpoint in &config.endpoints {
            let reason = match (endpoint.kind, &endpoint.app_id) {
                (EndpointKind::Marketplace, _) => Reason::Marketplace,
                (EndpointKind::XcodeCloud, _) => Reason::XcodeCloud,
                (EndpointKind::App, None) => Reason::NoApp,
                (EndpointKind::App, Some(_)) => continue,
            };
            plan.passed_over.push(PassedOver { endpoint: Arc::clone(&endpoint.name), reason });
        }
        for (app_id, webhooks) in side {
            compare::app(Ours { config, unproven }, app_id, webhooks, &mut plan);
        }
        plan
    }

    /// Whether Apple's side is not as the configuration says.
    pub fn differs(&self) -> bool {
        !self.steps.is_empty() || !self.surplus.is_empty() || self.lacks_room()
    }

    /// Whether an app has too many webhooks for one more that is needed.
    pub fn lacks_room(&self) -> bool {
        self.passed_over.iter().any(|passed| passed.reason == Reason::NoRoom)
    }

    /// The webhook that serves an endpoint, be it right or not.
    pub fn webhook_of(&self, endpoint: &str) -> Option<&Webhook> {
        let changed = self.steps.iter().filter_map(|step| match step {
            Step::Change { endpoint, webhook, .. } => Some((endpoint, webhook)),
            Step::Create { .. } => None,
        });
        let right = self.right.iter().map(|right| (&right.endpoint, &right.webhook));
        changed.chain(right).find(|(name, _)| &***name == endpoint).map(|(_, webhook)| webhook)
    }
}

fn as_text<S: serde::Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |found: &Option<String>| found.as_ref().map_or_else(|| "nothing".to_owned(), |found| format!("`{found}`"));
        match self {
            Self::Disabled => f.write_str("enable it"),
            Self::Name { found, wanted } => write!(f, "name: {} becomes `{wanted}`", told(found)),
            Self::Url { found, wanted } => write!(f, "url: {} becomes `{wanted}`", told(found)),
            Self::Events { missing, unwanted, .. } => {
                let signed = |sign: char, kinds: &[EventKind]| -> Vec<String> {
                    kinds.iter().map(|kind| format!("{sign}{}", kind.subscription().unwrap_or(kind.as_str()))).collect()
                };
                write!(f, "events: {}", [signed('+', missing), signed('-', unwanted)].concat().join(" "))
            }
            Self::Secret => f.write_str("secret: hand over the one in the store"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { endpoint, of } => write!(f, "a second one for `{endpoint}`, which `{of}` serves"),
            Self::Address => f.write_str("posts to this server, and no endpoint of this app is there"),
            Self::Name => f.write_str("has our prefix, and no endpoint of this app has its name"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoApp => f.write_str("it has no `app_id`, so it is not known whose notifications come in"),
            Self::Marketplace => f.write_str("it is for the older marketplace webhook, which `asc-webhooks marketplace` sees to"),
            Self::XcodeCloud => f.write_str("it is for a webhook of Xcode Cloud, which is set up by hand in App Store Connect"),
            Self::NoRoom => write!(f, "its app has {MOST_PER_APP} webhooks, and can have no more"),
            Self::NoPublicUrl => {
                f.write_str("Apple has no webhook with its path, and without `server.public_url` none can be planned")
            }
        }
    }
}
