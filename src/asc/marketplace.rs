//! The webhook of an alternative marketplace: the older kind, one for a whole account
//! ([Marketplace webhooks](https://developer.apple.com/documentation/appstoreconnectapi/marketplace-webhooks)).
//!
//! Apple has deprecated it in favour of the events for alternative distribution on an app's [webhook](super::webhook), and still
//! serves it. Its only attribute that can be read is the address.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{
    Answer, Client, Error, Order, Request,
    document::{Many, One, Resource},
    page::{LARGEST_PAGE, Pages},
};
use crate::secret::Secret;

/// A marketplace webhook as Apple holds it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct MarketplaceWebhook {
    /// Apple's id of it.
    pub id: String,
    /// The address that Apple posts to, as Apple writes it.
    pub url: Option<String>,
}

/// What is to be different about a marketplace webhook; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct MarketplaceWebhookChange {
    /// A new address.
    pub url: Option<Url>,
    /// A new secret.
    pub secret: Option<Secret>,
}

impl Client {
    /// The marketplace webhooks of the account: one or none.
    pub fn marketplace_webhooks(&self) -> Result<Pages<'_, MarketplaceWebhook>, Error> {
        let mut url = self.url(&["v1", "marketplaceWebhooks"])?;
        url.query_pairs_mut().append_pair("limit", LARGEST_PAGE);
        Ok(Pages::new(self, url, |answer| {
            let page: Many<Wire> = answer.json()?;
            Ok(page.frame.around(page.data.into_iter().map(MarketplaceWebhook::from).collect()))
        }))
    }

    /// Makes the marketplace webhook.
    pub fn create_marketplace_webhook<'a>(&'a self, url: &Url, secret: &'a Secret) -> Order<'a, MarketplaceWebhook> {
        let body = json!({ "data": {
            "type": "marketplaceWebhooks",
            "attributes": { "endpointUrl": url.as_str(), "secret": secret.expose() },
        } });
        let address = self.url(&["v1", "marketplaceWebhooks"]);
        let request = address.map(|address| Request::new(Method::POST, address).json(&body).confidential(secret));
        Order::new(self, request, one_marketplace_webhook)
    }

    /// Changes a marketplace webhook.
    pub fn change_marketplace_webhook<'a>(
        &'a self,
        id: &str,
        change: &'a MarketplaceWebhookChange,
    ) -> Order<'a, MarketplaceWebhook> {
        let mut attributes = serde_json::Map::new();
        if let Some(url) = &change.url {
            attributes.insert("endpointUrl".to_owned(), Value::from(url.as_str()));
        }
        if let Some(secret) = &change.secret {
            attributes.insert("secret".to_owned(), Value::from(secret.expose()));
        }
        let body = json!({ "data": { "type": "marketplaceWebhooks", "id": id, "attributes": attributes } });
        let request = self.url(&["v1", "marketplaceWebhooks", id]).map(|address| {
            let request = Request::new(Method::PATCH, address).json(&body);
            change.secret.iter().fold(request, Request::confidential)
        });
        Order::new(self, request, one_marketplace_webhook)
    }

    /// Deletes a marketplace webhook.
    pub fn delete_marketplace_webhook(&self, id: &str) -> Order<'_, ()> {
        let request = self.url(&["v1", "marketplaceWebhooks", id]).map(|address| Request::new(Method::DELETE, address));
        Order::new(self, request, |_| Ok(()))
    }
}

fn one_marketplace_webhook(answer: &Answer) -> Result<MarketplaceWebhook, Error> {
    let one: One<Wire> = answer.json()?;
    Ok(one.data.into())
}

type Wire = Resource<Attributes>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    endpoint_url: Option<String>,
}

impl From<Wire> for MarketplaceWebhook {
    fn from(wire: Wire) -> Self {
        Self { id: wire.id, url: wire.attributes.unwrap_or_default().endpoint_url }
    }
}
