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
    Client, Error, Request,
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
    pub async fn create_marketplace_webhook(&self, url: &Url, secret: &Secret) -> Result<MarketplaceWebhook, Error> {
        let body = json!({ "data": {
            "type": "marketplaceWebhooks",
            "attributes": { "endpointUrl": url.as_str(), "secret": secret.expose() },
        } });
        let request = Request::new(Method::POST, self.url(&["v1", "marketplaceWebhooks"])?);
        self.one_marketplace_webhook(request.json(&body).confidential(secret)).await
    }

    /// Changes a marketplace webhook.
    pub async fn change_marketplace_webhook(
        &self,
        id: &str,
        change: &MarketplaceWebhookChange,
    ) -> Result<MarketplaceWebhook, Error> {
        let mut attributes = serde_json::Map::new();
        if let Some(url) = &change.url {
            attributes.insert("endpointUrl".to_owned(), Value::from(url.as_str()));
        }
        if let Some(secret) = &change.secret {
            attributes.insert("secret".to_owned(), Value::from(secret.expose()));
        }
        let body = json!({ "data": { "type": "marketplaceWebhooks", "id": id, "attributes": attributes } });
        let mut request = Request::new(Method::PATCH, self.url(&["v1", "marketplaceWebhooks", id])?).json(&body);
        if let Some(secret) = &change.secret {
            request = request.confidential(secret);
        }
        self.one_marketplace_webhook(request).await
    }

    /// Deletes a marketplace webhook.
    pub async fn delete_marketplace_webhook(&self, id: &str) -> Result<(), Error> {
        self.ask(Request::new(Method::DELETE, self.url(&["v1", "marketplaceWebhooks", id])?)).await.map(drop)
    }

    async fn one_marketplace_webhook(&self, request: Request<'_>) -> Result<MarketplaceWebhook, Error> {
        let one: One<Wire> = self.ask(request).await?.json()?;
        Ok(one.data.into())
    }
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
