//! `action = "dispatch"`: a [`repository_dispatch`](https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event), which
//! starts the workflows that wait for its type.
//!
//! `client_payload` is our document and the words for it, in the names that templates and `when` have. GitHub takes ten members and
//! 64 KiB; what is too large is left out, the largest first, and its name is in `left_out`.
//!
//! GitHub knows no idempotency key here: an answer that is lost on the way starts the workflows again. A workflow that must not run twice
//! can use `client_payload.idempotency_key`, for example as its `concurrency` group.

use http::Method;
use serde_json::{Value, json};

use super::api::{Api, Asked};
use crate::handler::{
    Context, HandlerError, SectionError,
    message::{Message, Template, Told, cut},
};

/// The most bytes of a payload. GitHub's 64 KiB count the whole request.
const LARGEST: usize = 60_000;

/// The most letters of an event type.
const LONGEST_TYPE: usize = 100;

/// What is left out of a payload that is too large, in this order.
const LEFT_OUT: [&str; 6] =
    ["details.feedback.crash_log", "details.feedback.comment", "message.quote", "event.attributes", "message.facts", "details"];

/// Starts workflows.
pub(super) struct Dispatch {
    event_type: Template,
}

impl Dispatch {
    pub(super) fn new(event_type: &str) -> Result<Self, SectionError> {
        let wrong = |error: String| SectionError::new("event_type", error);
        if event_type.trim().is_empty() {
            return Err(wrong("found nothing, expected what the workflows list under `repository_dispatch: types`".to_owned()));
        }
        Ok(Self { event_type: Template::compile(event_type).map_err(|error| wrong(error.to_string()))? })
    }

    pub(super) async fn send(&self, api: &Api, told: &Told<'_>, message: &Message, ctx: &Context) -> Result<(), HandlerError> {
        let ask = Asked {
            method: Method::POST,
            path: &["dispatches"],
            query: &[],
            body: Some(self.body(told, message, ctx)?),
            needs: "there is no such repository, or the token lacks the permission `Contents: write` for it",
        };
        api.ask(ask).await?;
        Ok(())
    }

    pub(super) fn body(&self, told: &Told<'_>, message: &Message, ctx: &Context) -> Result<Value, HandlerError> {
        let event_type = self.event_type.render(told, message).map_err(HandlerError::reject)?;
        let mut payload = json!({
            "event": told.event,
            "details": told.details,
            "message": message,
            "endpoint": ctx.endpoint(),
            "receipt": ctx.receipt(),
            "received_at": ctx.received_at(),
            "recovered": ctx.is_recovered(),
            "idempotency_key": ctx.idempotency_key(),
        });
        let mut left_out = Vec::new();
        for name in LEFT_OUT {
            if payload.to_string().len() <= LARGEST {
                break;
            }
            let place = payload.pointer_mut(&format!("/{}", name.replace('.', "/")));
            if let Some(place) = place.filter(|place| !place.is_null()) {
                *place = Value::Null;
                left_out.push(name);
            }
        }
        payload["left_out"] = json!(left_out);
        Ok(json!({ "event_type": cut(event_type.trim(), LONGEST_TYPE), "client_payload": payload }))
    }
}
