//! Which endpoints are looked after, and which of Apple's webhooks post to them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::{
    asc::webhook::Webhook,
    config::{self, Config, EndpointKind},
};

/// Whom to ask about, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) settings: config::Recovery,
    pub(super) endpoints: Vec<Followed>,
}

/// An endpoint whose app is known, so that its deliveries can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Followed {
    /// Its name.
    pub name: Arc<str>,
    /// The app.
    pub app_id: String,
    path: String,
    url: Option<Url>,
}

impl Plan {
    /// Every endpoint with an `app_id`. The older marketplace webhooks are passed over: Apple lists no deliveries of theirs.
    pub fn new(config: &Config) -> Self {
        let followed = config.endpoints.iter().filter(|endpoint| endpoint.kind == EndpointKind::App).filter_map(|endpoint| {
            let app_id = endpoint.app_id.clone()?;
            Some(Followed { name: Arc::clone(&endpoint.name), app_id, path: endpoint.path.clone(), url: config.url_of(endpoint) })
        });
        Self { settings: config.recovery.clone(), endpoints: followed.collect() }
    }

    /// How far back the first look goes, and the account remembers.
    pub(super) fn horizon(&self, now: Timestamp) -> Timestamp {
        before(now, self.settings.lookback)
    }
}

impl Followed {
    /// Whether a webhook of the app posts to this endpoint.
    pub(super) fn is_posted_to_by(&self, webhook: &Webhook) -> bool {
        webhook.posts_to(self.url.as_ref(), &self.path)
    }

    /// Where it is posted to, as far as is known.
    pub(super) fn address(&self) -> String {
        self.url.as_ref().map_or_else(|| format!("…{}", self.path), Url::to_string)
    }
}

/// So much earlier.
pub(super) fn before(time: Timestamp, by: std::time::Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_sub(by).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}
