//! Webhooks: what Apple is told to send, and where to
//! ([Webhooks](https://developer.apple.com/documentation/appstoreconnectapi/webhooks)).
//!
//! A webhook belongs to one app, which cannot be changed, and an app has up to ten. There is no list of all webhooks, only of those of
//! an app. Apple takes the secret and never gives it back.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{
    Answer, Client, Error, Order, Request,
    document::{Linkage, Many, One, Resource, ToOne, lenient},
    page::{LARGEST_PAGE, Pages},
};
use crate::{event::EventKind, secret::Secret};

/// The most webhooks that an app may have.
pub const MOST_PER_APP: usize = 10;

/// A webhook as Apple holds it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Webhook {
    /// Apple's id of it.
    pub id: String,
    /// The name it was given.
    pub name: Option<String>,
    /// The address that Apple posts to, as Apple writes it.
    pub url: Option<String>,
    /// Whether Apple posts at all.
    pub enabled: Option<bool>,
    /// The kinds of event it is sent.
    pub events: Option<Vec<EventKind>>,
    /// The id of the app it belongs to.
    pub app_id: Option<String>,
}

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// The id of the app it is to belong to.
    pub app_id: String,
    /// A name for people.
    pub name: String,
    /// The address to post to.
    pub url: Url,
    /// The secret to sign with.
    pub secret: Secret,
    /// The kinds of event to send.
    pub events: Vec<EventKind>,
    /// Whether to post at all.
    pub enabled: bool,
}

/// What is to be different about a webhook; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// A new name.
    pub name: Option<String>,
    /// A new address.
    pub url: Option<Url>,
    /// A new secret.
    pub secret: Option<Secret>,
    /// The kinds of event to send from now on.
    pub events: Option<Vec<EventKind>>,
    /// Whether to post at all.
    pub enabled: Option<bool>,
}

impl Webhook {
    /// Whether it posts to an endpoint with this address. Where that is not known, the endpoint's path has to do, at the end of the address:
    /// a proxy on the way may take off what stands before.
    pub fn posts_to(&self, address: Option<&Url>, path: &str) -> bool {
        let Some(theirs) = self.url.as_deref().and_then(|url| Url::parse(url).ok()) else { return false };
        address.map_or_else(|| theirs.path().ends_with(path), |ours| *ours == theirs)
    }
}

impl Client {
    /// The webhooks of an app.
    pub fn webhooks(&self, app_id: &str) -> Result<Pages<'_, Webhook>, Error> {
        let mut url = self.url(&["v1", "apps", app_id, "webhooks"])?;
        url.query_pairs_mut().append_pair("include", "app").append_pair("limit", LARGEST_PAGE);
        Ok(Pages::new(self, url, |answer| {
            let page: Many<Wire> = answer.json()?;
            Ok(page.frame.around(page.data.into_iter().map(Webhook::from).collect()))
        }))
    }

    /// The ids of the webhooks of an app.
    pub fn webhook_linkages(&self, app_id: &str) -> Result<Pages<'_, Linkage>, Error> {
        let mut url = self.url(&["v1", "apps", app_id, "relationships", "webhooks"])?;
        url.query_pairs_mut().append_pair("limit", LARGEST_PAGE);
        Ok(self.linkages(url))
    }

    /// One webhook.
    pub async fn webhook(&self, id: &str) -> Result<Webhook, Error> {
        let mut url = self.url(&["v1", "webhooks", id])?;
        url.query_pairs_mut().append_pair("include", "app");
        one_webhook(&self.ask(Request::get(url)).await?)
    }

    /// Makes a webhook.
    pub fn create_webhook<'a>(&'a self, new: &'a NewWebhook) -> Order<'a, Webhook> {
        let body = json!({ "data": {
            "type": "webhooks",
            "attributes": {
                "name": new.name,
                "url": new.url.as_str(),
                "secret": new.secret.expose(),
                "eventTypes": event_types(&new.events),
                "enabled": new.enabled,
            },
            "relationships": { "app": { "data": { "type": "apps", "id": new.app_id } } },
        } });
        let url = self.url(&["v1", "webhooks"]);
        let request = url.map(|url| Request::new(Method::POST, url).json(&body).confidential(&new.secret));
        Order::new(self, request, one_webhook)
    }

    /// Changes a webhook.
    pub fn change_webhook<'a>(&'a self, id: &str, change: &'a WebhookChange) -> Order<'a, Webhook> {
        let mut attributes = serde_json::Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), value);
            }
        };
        set("name", change.name.as_deref().map(Value::from));
        set("url", change.url.as_ref().map(|url| url.as_str().into()));
        set("secret", change.secret.as_ref().map(|secret| secret.expose().into()));
        set("eventTypes", change.events.as_deref().map(|events| event_types(events).into()));
        set("enabled", change.enabled.map(Value::from));
        let body = json!({ "data": { "type": "webhooks", "id": id, "attributes": attributes } });
        let request = self.url(&["v1", "webhooks", id]).map(|url| {
            let request = Request::new(Method::PATCH, url).json(&body);
            change.secret.iter().fold(request, Request::confidential)
        });
        Order::new(self, request, one_webhook)
    }

    /// Deletes a webhook.
    pub fn delete_webhook(&self, id: &str) -> Order<'_, ()> {
        let request = self.url(&["v1", "webhooks", id]).map(|url| Request::new(Method::DELETE, url));
        Order::new(self, request, |_| Ok(()))
    }
}

fn one_webhook(answer: &Answer) -> Result<Webhook, Error> {
    let one: One<Wire> = answer.json()?;
    Ok(one.data.into())
}

/// Kinds as a webhook names them. One that this version does not know goes out as it is written: Apple will say what it makes of it.
fn event_types(events: &[EventKind]) -> Vec<&str> {
    events.iter().map(|kind| kind.subscription().unwrap_or_else(|| kind.as_str())).collect()
}

type Wire = Resource<Attributes, Relationships>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    name: Option<String>,
    url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    enabled: Option<bool>,
    event_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Relationships {
    app: Option<ToOne>,
}

impl From<Wire> for Webhook {
    fn from(wire: Wire) -> Self {
        let Attributes { name, url, enabled, event_types } = wire.attributes.unwrap_or_default();
        let events = event_types.map(|types| types.iter().map(|word| EventKind::from(word.as_str())).collect());
        let app = wire.relationships.and_then(|relationships| relationships.app).and_then(|app| app.data);
        Self { id: wire.id, name, url, enabled, events, app_id: app.map(|app| app.id) }
    }
}
