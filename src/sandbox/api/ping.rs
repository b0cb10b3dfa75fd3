//! `webhookPings`: asking for a webhook to be tried.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::{
    answer::Call,
    document::Sent,
    error::{Answer, ApiError},
    query::Parameters,
};
use crate::sandbox::Connect;

const KIND: &str = "webhookPings";

pub(super) async fn create(State(connect): State<Arc<Connect>>, call: Call, sent: Sent) -> Answer {
    call.query(Parameters::default())?;
    let document = sent.new_resource(KIND)?;
    let mut attributes = document.attributes(&[], false);
    let webhook = attributes.also(document.related("webhook", "webhooks")).map(str::to_owned);
    attributes.done()?;
    let webhook = webhook.ok_or_else(ApiError::unexpected)?;
    let unknown = || ApiError::relationship_invalid("webhook", format!("There is no webhook with id '{webhook}'"));
    let job = connect.ping(&webhook).ok_or_else(unknown)?;
    connect.send_later(job);
    let id = connect.state().ids.uuid();
    let address = call.address(&format!("/v1/webhookPings/{id}"));
    Ok(call.one(StatusCode::CREATED, &json!({ "type": KIND, "id": id, "links": { "self": address } }), Vec::new()))
}
