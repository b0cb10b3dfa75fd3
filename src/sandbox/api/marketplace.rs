//! `marketplaceWebhooks`: the older way to tell an alternative marketplace, one for each account. Apple has deprecated it, and still
//! serves it.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::{Call, Page, choose},
    document::Sent,
    error::{Answer, ApiError, Errors},
    query::{Parameters, Query},
};
use crate::{
    sandbox::{Connect, state::MarketplaceWebhook},
    secret::Secret,
};

const KIND: &str = "marketplaceWebhooks";

const ATTRIBUTES: &[&str] = &["endpointUrl", "secret"];

pub(super) async fn list(State(connect): State<Arc<Connect>>, call: Call) -> Answer {
    let query = call.query(Parameters { paged: true, fields: &[(KIND, &["endpointUrl"])], ..Parameters::default() })?;
    let state = connect.state();
    let only = state.marketplace_webhook.iter().map(|webhook| (0, represent(webhook, &call, &query)));
    Ok(call.many(Page::cut(only, &query)?, Vec::new()))
}

pub(super) async fn create(State(connect): State<Arc<Connect>>, call: Call, sent: Sent) -> Answer {
    let query = call.query(Parameters::default())?;
    let document = sent.new_resource(KIND)?;
    let mut attributes = document.attributes(ATTRIBUTES, true);
    let (url, secret) = (attributes.address("endpointUrl"), attributes.text("secret").map(Secret::new));
    attributes.done()?;
    let (Some(url), Some(secret)) = (url, secret) else { return Err(ApiError::unexpected().into()) };
    let mut state = connect.state();
    if state.marketplace_webhook.is_some() {
        return Err(ApiError::one_too_many("The account has a marketplace webhook, and can have no more").into());
    }
    let id = state.ids.uuid();
    let webhook = state.marketplace_webhook.insert(MarketplaceWebhook { id, url, secret });
    Ok(call.one(StatusCode::CREATED, &represent(webhook, &call, &query), Vec::new()))
}

pub(super) async fn modify(State(connect): State<Arc<Connect>>, Path(id): Path<String>, call: Call, sent: Sent) -> Answer {
    let query = call.query(Parameters::default())?;
    let mut state = connect.state();
    let webhook = state.marketplace_webhook.as_mut().filter(|webhook| webhook.id == id);
    let webhook = webhook.ok_or_else(|| ApiError::not_found(KIND, &id))?;
    let document = sent.change(KIND, &id)?;
    let mut attributes = document.attributes(ATTRIBUTES, false);
    let (url, secret) = (attributes.address("endpointUrl"), attributes.text("secret").map(Secret::new));
    attributes.done()?;
    if let Some(url) = url {
        webhook.url = url;
    }
    if let Some(secret) = secret {
        webhook.secret = secret;
    }
    Ok(call.one(StatusCode::OK, &represent(webhook, &call, &query), Vec::new()))
}

pub(super) async fn delete(State(connect): State<Arc<Connect>>, Path(id): Path<String>) -> Result<StatusCode, Errors> {
    let mut state = connect.state();
    let gone = state.marketplace_webhook.take_if(|webhook| webhook.id == id);
    gone.map(|_| StatusCode::NO_CONTENT).ok_or_else(|| ApiError::not_found(KIND, &id).into())
}

fn represent(webhook: &MarketplaceWebhook, call: &Call, query: &Query) -> Value {
    let MarketplaceWebhook { id, url, secret: _ } = webhook;
    let address = call.address(&format!("/v1/marketplaceWebhooks/{id}"));
    let attributes = json!({ "endpointUrl": url });
    choose(json!({ "type": KIND, "id": id, "attributes": attributes, "links": { "self": address } }), query)
}
