//! What an operator is shown of Apple's side, and can have done there.
//!
//! The server cannot ask Apple. Whoever can implements [`Apple`]; without a key there is nobody, and the view says what to do about that.
//! Every text in these answers may be foreign, and is escaped where it is shown.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

/// Somebody who can ask App Store Connect. No question takes longer than a person waits in front of a page, and what was answered a
/// moment ago is answered again.
#[async_trait]
pub trait Apple: Debug + Send + Sync + 'static {
    /// The webhooks of the configured apps, and how they differ from the configuration.
    async fn registrations(&self) -> Result<Registrations, Trouble>;

    /// The latest tries to deliver to our endpoints.
    async fn deliveries(&self) -> Result<Deliveries, Trouble>;

    /// Has a webhook pinged.
    async fn ping(&self, webhook: &str) -> Result<(), Trouble>;

    /// Has the event of a delivery sent again.
    async fn redeliver(&self, delivery: &str) -> Result<(), Trouble>;
}

/// The webhooks of the configured apps.
#[derive(Clone, Debug, Serialize)]
pub struct Registrations {
    /// When Apple was asked.
    pub asked_at: Timestamp,
    /// Those that post to an endpoint of ours first.
    pub webhooks: Vec<Registered>,
    /// How they differ from the configuration; none without `server.public_url`.
    pub plan: Option<Planned>,
}

/// A webhook, as Apple tells of it.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    /// Apple's id of it.
    pub id: String,
    /// What it is called there.
    pub name: Option<String>,
    /// Where it posts.
    pub url: Option<String>,
    /// Whether it posts.
    pub enabled: Option<bool>,
    /// The app it is of.
    pub app_id: String,
    /// The endpoint that it posts to, if it is one of ours.
    pub endpoint: Option<String>,
}

/// How Apple's side differs from the configuration.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Planned {
    /// Whether it differs at all.
    pub differs: bool,
    /// How many webhooks are somebody else's.
    pub foreign: usize,
    /// What there is to say, in the order of `webhooks plan`.
    pub items: Vec<PlannedItem>,
}

/// One line of a plan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlannedItem {
    /// `create`, `change`, `surplus`, `right` or `not_planned`.
    pub what: &'static str,
    /// The endpoint it is about.
    pub endpoint: Option<String>,
    /// The app.
    pub app_id: Option<String>,
    /// Apple's id of the webhook it is about.
    pub webhook: Option<String>,
    /// What is different, or why nothing is planned.
    pub details: Vec<String>,
}

/// The latest tries to deliver.
#[derive(Clone, Debug, Serialize)]
pub struct Deliveries {
    /// When Apple was asked.
    pub asked_at: Timestamp,
    /// How far back was looked.
    pub since: Timestamp,
    /// Newest first.
    pub items: Vec<Delivered>,
    /// Whether there are more than are shown.
    pub more: bool,
}

/// One try to deliver.
#[derive(Clone, Debug, Serialize)]
pub struct Delivered {
    /// Apple's id of it.
    pub id: String,
    /// Apple's id of the webhook.
    pub webhook: String,
    /// The endpoint that the webhook posts to.
    pub endpoint: String,
    /// How it went, in Apple's word.
    pub state: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// The status that was answered.
    pub status: Option<u16>,
    /// What went wrong, in Apple's words.
    pub error: Option<String>,
    /// Whether somebody asked for it after an earlier one.
    pub is_redelivery: bool,
    /// The kind of event, if Apple tells.
    pub kind: Option<String>,
    /// Whether it was only a test.
    pub is_ping: bool,
    /// Whether its event is kept; none if Apple does not tell what it was.
    pub kept: Option<bool>,
    /// The receipt that keeps it.
    pub receipt: Option<i64>,
}

/// Why Apple was asked in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Of which sort it is.
    pub kind: TroubleKind,
    /// What happened, in one line.
    pub words: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// After how many seconds it is worth asking again, if Apple has said so.
    pub retry_after_seconds: Option<u64>,
}

/// The sorts of trouble that call for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// There is nothing by that id.
    NotFound,
    /// Apple says no: to the key, or to what it was asked.
    Refused,
    /// Apple says that it was asked too often.
    RateLimited,
    /// Apple did not answer, or nothing that makes sense.
    Silent,
    /// It is not Apple's fault: the store, or the configuration.
    Ours,
}
