//! `webhookDeliveries`: what was sent to a webhook and what came back, and sending it again.
//!
//! Lists begin with the newest. An event is named and included only when `include=event` asks for it, as Apple does.

use std::{collections::BTreeSet, sync::Arc};

use axum::extract::{Path, State};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    answer::{Call, Page, choose, linkage, without_nulls},
    document::Sent,
    error::{Answer, ApiError, Errors},
    query::{Parameters, Query},
};
use crate::sandbox::{
    Connect,
    state::{Delivery, Event, Outcome},
};

const KIND: &str = "webhookDeliveries";

const PARAMETERS: Parameters = Parameters {
    paged: true,
    include: &["event"],
    fields: &[
        (KIND, &["createdDate", "deliveryState", "errorMessage", "redelivery", "sentDate", "request", "response", "event"]),
        ("webhookEvents", &["eventType", "payload", "ping", "createdDate"]),
    ],
    filters: &["deliveryState", FROM, BEFORE],
};

const FROM: &str = "createdDateGreaterThanOrEqualTo";
const BEFORE: &str = "createdDateLessThan";

pub(super) async fn list(State(connect): State<Arc<Connect>>, Path(webhook): Path<String>, call: Call) -> Answer {
    let query = call.query(PARAMETERS)?;
    let filter = Filter::read(&query)?;
    let state = connect.state();
    state.webhook(&webhook).ok_or_else(|| ApiError::not_found("webhooks", &webhook))?;
    let page = Page::cut(of_webhook(&state.deliveries, &webhook).filter(|(_, delivery)| filter.lets_through(delivery)), &query)?;
    let mut told = BTreeSet::new();
    let events = page.items.iter().map(|delivery| &delivery.event).filter(|event| told.insert(event.id.clone()));
    let included =
        if query.includes("event") { events.map(|event| represent_event(event, &call, &query)).collect() } else { Vec::new() };
    Ok(call.many(page.map(|delivery| represent(delivery, &call, &query)), included))
}

pub(super) async fn linkages(State(connect): State<Arc<Connect>>, Path(webhook): Path<String>, call: Call) -> Answer {
    let query = call.query(Parameters { paged: true, ..Parameters::default() })?;
    let state = connect.state();
    state.webhook(&webhook).ok_or_else(|| ApiError::not_found("webhooks", &webhook))?;
    let page = Page::cut(of_webhook(&state.deliveries, &webhook), &query)?;
    Ok(call.many(page.map(|delivery| linkage(KIND, &delivery.id)), Vec::new()))
}

pub(super) async fn create(State(connect): State<Arc<Connect>>, call: Call, sent: Sent) -> Answer {
    let query = call.query(Parameters::default())?;
    let document = sent.new_resource(KIND)?;
    let mut attributes = document.attributes(&[], false);
    let template = attributes.also(document.related("template", KIND)).map(str::to_owned);
    attributes.done()?;
    let template = template.ok_or_else(ApiError::unexpected)?;
    let (job, representation) = {
        let mut state = connect.state();
        let unknown = || ApiError::relationship_invalid("template", format!("There is no delivery with id '{template}'"));
        let job = state.redeliver(&template, connect.now()).ok_or_else(unknown)?;
        let delivery = state.deliveries.get(job.delivery).ok_or_else(ApiError::unexpected)?;
        let representation = represent(delivery, &call, &query);
        (job, representation)
    };
    connect.send_later(job);
    Ok(call.one(StatusCode::CREATED, &representation, Vec::new()))
}

/// The deliveries of a webhook, the newest first, each with a number by which the list can be cut.
fn of_webhook<'d>(deliveries: &'d [Delivery], webhook: &str) -> impl Iterator<Item = (u64, &'d Delivery)> {
    let numbered = (0_u64..).zip(deliveries).map(|(number, delivery)| (u64::MAX - number, delivery));
    let of_webhook: Vec<_> = numbered.filter(|(_, delivery)| delivery.webhook == webhook).collect();
    of_webhook.into_iter().rev()
}

struct Filter {
    states: Option<Vec<String>>,
    from: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Filter {
    fn read(query: &Query) -> Result<Self, Errors> {
        let states = query.filter("deliveryState").map(<[_]>::to_vec);
        if let Some(unknown) = states.iter().flatten().find(|state| !matches!(state.as_str(), "SUCCEEDED" | "FAILED" | "PENDING")) {
            let expected = "one of: SUCCEEDED, FAILED, PENDING";
            return Err(ApiError::invalid_parameter("filter[deliveryState]", unknown, expected).into());
        }
        let moment = |name: &str| {
            let Some(values) = query.filter(name) else { return Ok(None) };
            let value = values.join(",");
            let expected = "a date and time as in RFC 3339";
            value.parse().map(Some).map_err(|_| ApiError::invalid_parameter(&format!("filter[{name}]"), &value, expected))
        };
        Ok(Self { states, from: moment(FROM)?, before: moment(BEFORE)? })
    }

    fn lets_through(&self, delivery: &Delivery) -> bool {
        self.states.as_ref().is_none_or(|states| states.iter().any(|state| state == delivery.outcome.as_str()))
            && self.from.is_none_or(|from| delivery.created >= from)
            && self.before.is_none_or(|before| delivery.created < before)
    }
}

fn represent(delivery: &Delivery, call: &Call, query: &Query) -> Value {
    let Delivery { id, url, event, created, redelivery, sent, outcome, .. } = delivery;
    let error = if let Outcome::Failed { message, .. } = outcome { Some(message) } else { None };
    let attributes = json!({
        "createdDate": created.to_string(),
        "deliveryState": outcome.as_str(),
        "errorMessage": error,
        "redelivery": redelivery,
        "sentDate": sent.map(|sent| sent.to_string()),
        "request": { "url": url },
        "response": outcome.answer().map(|answer| json!({ "httpStatusCode": answer.status, "body": answer.body })),
    });
    let address = call.address(&format!("/v1/webhookDeliveries/{id}"));
    let mut resource = json!({ "type": KIND, "id": id, "attributes": without_nulls(attributes), "links": { "self": address } });
    if query.includes("event") {
        resource["relationships"] = json!({ "event": { "data": linkage("webhookEvents", &event.id) } });
    }
    choose(resource, query)
}

fn represent_event(event: &Event, call: &Call, query: &Query) -> Value {
    let attributes = json!({
        "eventType": event.notice.kind.subscription(),
        "payload": String::from_utf8_lossy(&event.notice.payload),
        "ping": event.is_ping(),
        "createdDate": event.created.to_string(),
    });
    let address = call.address(&format!("/v1/webhookEvents/{}", event.id));
    let resource = json!({
        "type": "webhookEvents", "id": event.id, "attributes": without_nulls(attributes), "links": { "self": address },
    });
    choose(resource, query)
}
