//! Pings: test notifications that Apple sends to a webhook when asked to
//! ([`WebhookPing`](https://developer.apple.com/documentation/appstoreconnectapi/webhookping)).
//!
//! A ping goes the way of every notification, signed with the webhook's secret, and is listed among its deliveries.

use http::Method;
use serde_json::json;

use super::{
    Client, Order, Request,
    document::{Nothing, One, Resource},
};

/// A ping that Apple has agreed to send.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Ping {
    /// Apple's id of the order. It is not promised to be the id of the event that comes of it.
    pub id: String,
}

impl Client {
    /// Has Apple send a ping to a webhook.
    pub fn ping(&self, webhook_id: &str) -> Order<'_, Ping> {
        let body = json!({ "data": {
            "type": "webhookPings",
            "relationships": { "webhook": { "data": { "type": "webhooks", "id": webhook_id } } },
        } });
        let request = self.url(&["v1", "webhookPings"]).map(|url| Request::new(Method::POST, url).json(&body));
        Order::new(self, request, |answer| {
            let one: One<Resource<Nothing>> = answer.json()?;
            Ok(Ping { id: one.data.id })
        })
    }
}
