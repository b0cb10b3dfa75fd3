//! The API under `/api/v1`, for programs: the same questions and deeds as the page, in JSON.
//!
//! Lists have a stable cursor: the number of the last receipt. What comes in meanwhile stands before it and changes nothing. A list that is
//! whole says so by the same key: its `next` is null.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    Desk,
    answer::{self, Problem},
    apple::{Planned, Registrations},
    ask::{self, Fields},
    attachment,
    audit::Author,
    deed, openapi,
    page::{details_of, told},
    recent::Lately,
};
use crate::{
    inbox::{
        Dispatch, DispatchId, ReceiptId,
        history::HistoryFilter,
        query::{HandlerStats, PageRequest},
    },
    review::{Journey, LAST, Times},
    server::{error::Refused, refusals::Row},
};

type Shared = State<Arc<Desk>>;
type Answer = Result<Response, Problem>;

/// The most apps whose times are summed up: those with the newest versions.
const MOST_APPS: usize = 50;

/// How many hours are counted, if nothing is said, and at most.
const HOURS: i64 = 48;
const MOST_HOURS: i64 = 24 * 90;

pub(super) async fn receipts(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    let filter = ask::strict_filter(&fields, &desk).await?;
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
    Ok(attachment::saved(record.body, "application/octet-stream", &format!("receipt-{id}.json")))
}

/// A file that is kept with a receipt: a picture that a tester sent.
pub(super) async fn file(State(desk): Shared, Path((id, name)): Path<(String, String)>) -> Answer {
    let id = ReceiptId(number(&id)?);
    let bytes = desk.store.file(id, &name).await?;
    let bytes = bytes.ok_or_else(|| Problem::not_found(format!("receipt {id} has no file of this name")))?;
    Ok(attachment::shown(bytes, &name))
}

/// The log of the crash that a receipt tells of.
pub(super) async fn crash_log(State(desk): Shared, Path(id): Path<String>) -> Answer {
    let id = ReceiptId(number(&id)?);
    let record = desk.store.receipt(id).await?.ok_or_else(|| deed::no_receipt(id))?;
    let log = details_of(&record).feedback.and_then(|feedback| feedback.crash_log);
    let log = log.ok_or_else(|| Problem::not_found(format!("no log of a crash is kept with receipt {id}")))?;
    Ok(attachment::saved(log.text.into(), "text/plain; charset=utf-8", &format!("crash-{id}.txt")))
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
    ask::known(&desk, None, filter.handler.as_deref()).await?;
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
struct ReasonRequest {
    #[serde(default)]
    reason: String,
}

pub(super) async fn skip(State(desk): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let (id, author) = (DispatchId(number(&id)?), Author::of(&request));
    let ReasonRequest { reason } = ask::document_of(request).await?;
    deed::skip(&desk, id, &reason, &author).await?;
    answer::json(&json!({ "skipped": id }))
}

/// Every handler that is configured or is owed something.
pub(super) async fn handlers(State(desk): Shared) -> Answer {
    let stats = desk.store.stats(desk.clock.now()).await?.handlers;
    let lately = Lately::of(&*desk.store, desk.clock.now()).await?;
    let known = desk.known.load_full();
    let idle = known.handlers.iter().filter(|handler| stats.iter().all(|stats| stats.handler != *handler.name));
    let mut items: Vec<Value> = Vec::new();
    for stats in stats.iter().cloned().chain(idle.map(|handler| HandlerStats::idle(&handler.name))) {
        let mut item = serde_json::to_value(&stats)?;
        item["last_hour"] = serde_json::to_value(lately.tried_by(&stats.handler))?;
        item["streak"] = serde_json::to_value(lately.streaks().of_handler(&stats.handler))?;
        item["held_until"] = serde_json::to_value(desk.held_until(&stats.handler))?;
        item["kind"] = known.handler(&stats.handler).map(|handler| handler.kind.clone()).into();
        items.push(item);
    }
    answer::json(&json!({ "items": items, "next": null }))
}

pub(super) async fn replay_dead(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let author = Author::of(&request);
    let replayed = deed::replay_dead(&desk, &name, &author).await?;
    answer::json(&json!({ "replayed": replayed }))
}

pub(super) async fn pause(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let author = Author::of(&request);
    let ReasonRequest { reason } = ask::document_of(request).await?;
    deed::pause(&desk, &name, &reason, &author).await?;
    answer::json(&json!({ "paused": name }))
}

pub(super) async fn resume(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    deed::resume(&desk, &name, &Author::of(&request)).await?;
    answer::json(&json!({ "resumed": name }))
}

pub(super) async fn test(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    deed::test(&desk, &name, &Author::of(&request)).await?;
    answer::json(&json!({ "tested": name }))
}

/// Versions or builds with the states they went through, the one that was heard of last first.
pub(super) async fn versions(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    let page = desk.store.histories(&ask::histories(&fields)?, ask::page(&fields)?).await?;
    let items: Vec<Journey> = page.items.iter().map(Journey::of).collect();
    answer::json(&json!({ "items": items, "next": page.next }))
}

/// How long review takes, by app.
pub(super) async fn review_times(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    fields.only(&["kind"])?;
    let filter = ask::histories(&fields)?;
    let mut items = Vec::new();
    for app in desk.store.apps().await?.into_iter().take(MOST_APPS) {
        let filter = HistoryFilter { app: Some(app.clone()), ..filter.clone() };
        let page = desk.store.histories(&filter, PageRequest { before: None, limit: LAST }).await?;
        let journeys: Vec<Journey> = page.items.iter().map(Journey::of).collect();
        if !journeys.is_empty() {
            let mut item = serde_json::to_value(Times::of(&journeys))?;
            item["app"] = app.into();
            item["app_name"] = journeys.iter().find_map(|journey| journey.app_name.clone()).into();
            items.push(item);
        }
    }
    answer::json(&json!({ "items": items, "next": null }))
}

pub(super) async fn stats(State(desk): Shared) -> Answer {
    let mut document = serde_json::to_value(desk.store.stats(desk.clock.now()).await?)?;
    document["apps"] = serde_json::to_value(desk.store.newest_of_apps().await?)?;
    answer::json(&document)
}

pub(super) async fn hours(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    fields.only(&["last"])?;
    let last = fields.one("last").map_or(Some(HOURS), |last| last.parse().ok().filter(|last| (1..=MOST_HOURS).contains(last)));
    let last = last.ok_or_else(|| Problem::bad_request(format!("`last`: expected a number of hours from 1 to {MOST_HOURS}")))?;
    let since = desk.clock.now().checked_sub(SignedDuration::from_hours(last)).unwrap_or_default();
    answer::json(&json!({ "items": desk.store.hours(since).await?, "next": null }))
}

pub(super) async fn accounts(State(desk): Shared) -> Answer {
    answer::json(&json!({ "items": desk.store.accounts().await?, "next": null }))
}

pub(super) async fn registrations(State(desk): Shared) -> Answer {
    let Registrations { asked_at, webhooks, .. } = deed::asking(&desk)?.registrations().await?;
    answer::json(&json!({ "asked_at": asked_at, "items": webhooks, "next": null }))
}

pub(super) async fn plan(State(desk): Shared) -> Answer {
    let Registrations { asked_at, plan, .. } = deed::asking(&desk)?.registrations().await?;
    let unknown = "`server.public_url` is not set, so it is not known where Apple is to post";
    let Planned { differs, foreign, items } = plan.ok_or_else(|| Problem::new(StatusCode::CONFLICT, unknown))?;
    answer::json(&json!({ "asked_at": asked_at, "differs": differs, "foreign": foreign, "items": items }))
}

pub(super) async fn deliveries(State(desk): Shared) -> Answer {
    answer::json(&deed::asking(&desk)?.deliveries().await?)
}

pub(super) async fn ping(State(desk): Shared, Path(webhook): Path<String>, request: Request) -> Answer {
    deed::ping(&desk, &webhook, &Author::of(&request)).await?;
    answer::json(&json!({ "pinged": webhook }))
}

pub(super) async fn redeliver(State(desk): Shared, Path(delivery): Path<String>, request: Request) -> Answer {
    deed::redeliver(&desk, &delivery, &Author::of(&request)).await?;
    answer::json(&json!({ "redelivered": delivery }))
}

/// What is known of requests that were refused, and which endpoints need a look because of it.
pub(super) async fn refused(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    fields.only(&["endpoint", "reason", "limit", "before"])?;
    if let Some(reason) = fields.one("reason").filter(|reason| !Refused::REASONS.contains(reason)) {
        let words = Refused::REASONS.join(", ");
        return Err(Problem::bad_request(format!("`reason`: found `{reason}`, expected one of {words}")));
    }
    let page = ask::page(&fields)?;
    let meets = |row: &Row| {
        fields.one("reason").is_none_or(|reason| row.reason == reason)
            && fields.one("endpoint").is_none_or(|endpoint| row.endpoint.as_deref() == Some(endpoint))
    };
    let mut items = desk.refusals.rows(meets, page.before.map(|before| before.0), page.limit + 1);
    let has_more = items.len() > page.limit;
    items.truncate(page.limit);
    answer::json(&json!({
        "since": desk.refusals.since(),
        "failing": desk.refusals.failing(),
        "totals": desk.refusals.totals(),
        "next": items.last().filter(|_| has_more).map(|row| row.id),
        "items": items,
    }))
}

pub(super) async fn description() -> Answer {
    answer::json(&openapi::document(&super::routes()))
}

/// The number in a path.
pub(super) fn number(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("`{text}` is not a number of anything here")))
}
