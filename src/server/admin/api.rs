//! The API under `/api/v1`, for programs: the same questions and deeds as the page, in JSON.
//!
//! Lists have a stable cursor: the number of the last receipt. What comes in meanwhile stands before it and changes nothing.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use http::{HeaderValue, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    Desk,
    answer::{self, Problem},
    ask::{self, Fields},
    audit::Author,
    deed, openapi,
    page::told,
};
use crate::inbox::{Dispatch, DispatchId, ReceiptId};

type Shared = State<Arc<Desk>>;
type Answer = Result<Response, Problem>;

/// How many hours are counted, if nothing is said, and at most.
const HOURS: i64 = 48;
const MOST_HOURS: i64 = 24 * 90;

pub(super) async fn receipts(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    let filter = ask::filter(&fields, desk.clock.now())?;
    answer::json(&desk.store.receipts(&filter, ask::page(&fields)?).await?)
}

pub(super) async fn receipt(State(desk): Shared, Path(id): Path<String>) -> Answer {
    let id = ReceiptId(number(&id)?);
    let record = desk.store.receipt(id).await?.ok_or_else(|| deed::no_receipt(id))?;
    let mut document = serde_json::to_value(&record)?;
    document["details"] = record.details.as_deref().map(serde_json::from_slice).transpose()?.unwrap_or_default();
    document["message"] = serde_json::to_value(told(&desk, &record).await?)?;
    answer::json(&document)
}

/// The bytes as they came, to be saved and not to be shown: they are a stranger's.
pub(super) async fn body(State(desk): Shared, Path(id): Path<String>) -> Answer {
    let id = ReceiptId(number(&id)?);
    let record = desk.store.receipt(id).await?.ok_or_else(|| deed::no_receipt(id))?;
    let mut response = Response::new(Body::from(record.body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"receipt-{id}.json\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayRequest {
    handler: Option<String>,
}

pub(super) async fn replay(State(desk): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let (id, author) = (ReceiptId(number(&id)?), Author::of(&request));
    let ReplayRequest { handler } = ask::document_of(request).await?;
    let replayed = deed::replay(&desk, id, handler.as_deref(), &author).await?;
    answer::json(&json!({ "replayed": replayed }))
}

/// Dispatches, in the order of their receipts. The limit counts receipts; each has at most one dispatch to a handler.
pub(super) async fn dispatches(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    fields.only(&["handler", "state", "limit", "before"])?;
    let state = fields.one("state").map(|state| format!("dispatch={state}")).unwrap_or_default();
    let mut filter = ask::filter(&Fields::parse(state.as_bytes()), desk.clock.now())?;
    filter.handler = fields.one("handler").map(str::to_owned);
    let page = desk.store.receipts(&filter, ask::page(&fields)?).await?;
    let is_meant = |dispatch: &Dispatch| {
        filter.handler.as_ref().is_none_or(|handler| *handler == dispatch.handler)
            && filter.dispatch.is_none_or(|state| state == dispatch.state)
    };
    let items: Vec<Dispatch> = page.items.into_iter().flat_map(|listed| listed.dispatches).filter(is_meant).collect();
    answer::json(&json!({ "items": items, "next": page.next }))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SkipRequest {
    #[serde(default)]
    reason: String,
}

pub(super) async fn skip(State(desk): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let (id, author) = (DispatchId(number(&id)?), Author::of(&request));
    let SkipRequest { reason } = ask::document_of(request).await?;
    deed::skip(&desk, id, &reason, &author).await?;
    answer::json(&json!({ "skipped": id }))
}

/// Every handler that is configured or is owed something.
pub(super) async fn handlers(State(desk): Shared) -> Answer {
    let stats = desk.store.stats(desk.clock.now()).await?.handlers;
    let known = desk.known.load_full();
    let mut items: Vec<Value> = Vec::new();
    for stats in &stats {
        let mut item = serde_json::to_value(stats)?;
        item["kind"] = known.handler(&stats.handler).map(|handler| handler.kind.clone()).into();
        items.push(item);
    }
    let idle = known.handlers.iter().filter(|handler| stats.iter().all(|stats| stats.handler != *handler.name));
    items.extend(idle.map(|handler| {
        json!({ "handler": handler.name, "kind": handler.kind, "waiting": 0, "claimed": 0, "done": 0, "dead": 0, "oldest_open": null, "paused": null })
    }));
    answer::json(&json!({ "items": items }))
}

pub(super) async fn replay_dead(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let author = Author::of(&request);
    let replayed = deed::replay_dead(&desk, &name, &author).await?;
    answer::json(&json!({ "replayed": replayed }))
}

pub(super) async fn stats(State(desk): Shared) -> Answer {
    answer::json(&desk.store.stats(desk.clock.now()).await?)
}

pub(super) async fn hours(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    fields.only(&["last"])?;
    let last = fields.one("last").map_or(Some(HOURS), |last| last.parse().ok().filter(|last| (1..=MOST_HOURS).contains(last)));
    let last = last.ok_or_else(|| Problem::bad_request(format!("`last`: expected a number of hours from 1 to {MOST_HOURS}")))?;
    let since = desk.clock.now().checked_sub(SignedDuration::from_hours(last)).unwrap_or_default();
    answer::json(&json!({ "items": desk.store.hours(since).await? }))
}

pub(super) async fn accounts(State(desk): Shared) -> Answer {
    answer::json(&json!({ "items": desk.store.accounts().await? }))
}

pub(super) async fn description() -> Answer {
    answer::json(&openapi::document(&super::routes()))
}

/// The number in a path.
pub(super) fn number(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("`{text}` is not a number of anything here")))
}
