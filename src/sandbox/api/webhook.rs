//! `webhooks`: where an app's notifications go. Its secret goes in and never comes out.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::{Call, Page, choose, linkage},
    document::{Attributes, Sent},
    error::{Answer, ApiError, Errors},
    lookup,
    query::{Parameters, Query},
};
use crate::{
    event::EventKind,
    sandbox::{
        Connect,
        catalog::Catalog,
        state::{WEBHOOKS_PER_APP, Webhook, WebhookSettings},
    },
    secret::Secret,
};

const KIND: &str = "webhooks";

const ATTRIBUTES: &[&str] = &["enabled", "eventTypes", "name", "secret", "url"];

const PARAMETERS: Parameters = Parameters {
    paged: false,
    include: &["app"],
    fields: &[(KIND, &["enabled", "eventTypes", "name", "url", "app", "deliveries"]), ("apps", &[])],
    filters: &[],
};

pub(super) async fn list(State(connect): State<Arc<Connect>>, Path(app): Path<String>, call: Call) -> Answer {
    let query = call.query(Parameters { paged: true, ..PARAMETERS })?;
    let state = connect.state();
    let page = of_app(&state.catalog, &state.webhooks, &app, &query, |webhook| represent(webhook, &call, &query))?;
    let included = if page.items.is_empty() { Vec::new() } else { included(&app, &state.catalog, &call, &query) };
    Ok(call.many(page, included))
}

pub(super) async fn linkages(State(connect): State<Arc<Connect>>, Path(app): Path<String>, call: Call) -> Answer {
    let query = call.query(Parameters { paged: true, ..Parameters::default() })?;
    let state = connect.state();
    let page = of_app(&state.catalog, &state.webhooks, &app, &query, |webhook| linkage(KIND, &webhook.id))?;
    Ok(call.many(page, Vec::new()))
}

pub(super) async fn read(State(connect): State<Arc<Connect>>, Path(id): Path<String>, call: Call) -> Answer {
    let query = call.query(PARAMETERS)?;
    let state = connect.state();
    let webhook = state.webhook(&id).ok_or_else(|| ApiError::not_found(KIND, &id))?;
    let included = included(&webhook.app, &state.catalog, &call, &query);
    Ok(call.one(StatusCode::OK, &represent(webhook, &call, &query), included))
}

pub(super) async fn create(State(connect): State<Arc<Connect>>, call: Call, sent: Sent) -> Answer {
    let query = call.query(Parameters::default())?;
    let document = sent.new_resource(KIND)?;
    let mut state = connect.state();
    let mut attributes = document.attributes(ATTRIBUTES, true);
    let (name, url, enabled) = (attributes.text("name"), attributes.address("url"), attributes.flag("enabled"));
    let (event_types, secret) = (event_types(&mut attributes), attributes.text("secret").map(Secret::new));
    let app = document.related("app", "apps").and_then(|app| {
        let exists = state.catalog.app_exists(app);
        exists
            .then(|| app.to_owned())
            .ok_or_else(|| ApiError::relationship_invalid("app", format!("There is no app with id '{app}'")))
    });
    let app = attributes.also(app);
    attributes.done()?;
    let (Some(name), Some(url), Some(enabled), Some(event_types), Some(secret), Some(app)) =
        (name, url, enabled, event_types, secret, app)
    else {
        return Err(ApiError::unexpected().into());
    };
    let full = || ApiError::one_too_many(format!("The app '{app}' has {WEBHOOKS_PER_APP} webhooks, and can have no more"));
    let registered = state.register(app.clone(), WebhookSettings { name, url, enabled, event_types, secret });
    let webhook = registered.ok_or_else(full)?;
    Ok(call.one(StatusCode::CREATED, &represent(webhook, &call, &query), Vec::new()))
}

pub(super) async fn modify(State(connect): State<Arc<Connect>>, Path(id): Path<String>, call: Call, sent: Sent) -> Answer {
    let query = call.query(Parameters::default())?;
    let mut state = connect.state();
    let webhook = state.webhooks.iter_mut().find(|webhook| webhook.id == id);
    let webhook = webhook.ok_or_else(|| ApiError::not_found(KIND, &id))?;
    let document = sent.change(KIND, &id)?;
    let mut attributes = document.attributes(ATTRIBUTES, false);
    let current = webhook.settings.clone();
    let changed = WebhookSettings {
        name: attributes.text("name").unwrap_or(current.name),
        url: attributes.address("url").unwrap_or(current.url),
        enabled: attributes.flag("enabled").unwrap_or(current.enabled),
        event_types: event_types(&mut attributes).unwrap_or(current.event_types),
        secret: attributes.text("secret").map_or(current.secret, Secret::new),
    };
    attributes.done()?;
    webhook.settings = changed;
    Ok(call.one(StatusCode::OK, &represent(webhook, &call, &query), Vec::new()))
}

pub(super) async fn delete(State(connect): State<Arc<Connect>>, Path(id): Path<String>) -> Result<StatusCode, Errors> {
    let mut state = connect.state();
    let place = state.webhooks.iter().position(|webhook| webhook.id == id);
    state.webhooks.remove(place.ok_or_else(|| ApiError::not_found(KIND, &id))?);
    Ok(StatusCode::NO_CONTENT)
}

fn of_app(
    catalog: &Catalog,
    webhooks: &[Webhook],
    app: &str,
    query: &Query,
    represent: impl Fn(&Webhook) -> Value,
) -> Result<Page<Value>, Errors> {
    if !catalog.app_exists(app) {
        return Err(ApiError::not_found("apps", app).into());
    }
    let of_app = webhooks.iter().filter(|webhook| webhook.app == app);
    Page::cut(of_app.map(|webhook| (webhook.number, represent(webhook))), query)
}

fn represent(webhook: &Webhook, call: &Call, query: &Query) -> Value {
    let Webhook { id, app, settings: WebhookSettings { name, url, enabled, event_types, secret: _ }, .. } = webhook;
    let address = call.address(&format!("/v1/webhooks/{id}"));
    let event_types: Vec<_> = event_types.iter().filter_map(EventKind::subscription).collect();
    let deliveries =
        json!({ "links": { "self": format!("{address}/relationships/deliveries"), "related": format!("{address}/deliveries") } });
    let mut relationships = json!({ "deliveries": deliveries });
    if query.includes("app") {
        relationships["app"] = json!({ "data": linkage("apps", app) });
    }
    let attributes = json!({ "enabled": enabled, "eventTypes": event_types, "name": name, "url": url });
    let resource = json!({
        "type": KIND, "id": id, "attributes": attributes, "relationships": relationships, "links": { "self": address },
    });
    choose(resource, query)
}

fn included(app: &str, catalog: &Catalog, call: &Call, query: &Query) -> Vec<Value> {
    if query.includes("app") { lookup::app(app, catalog, call, query).into_iter().collect() } else { Vec::new() }
}

fn event_types(attributes: &mut Attributes<'_>) -> Option<Vec<EventKind>> {
    let known: Vec<_> = EventKind::ALL.iter().filter_map(EventKind::subscription).collect();
    let expected = format!("one of: '{}'", known.join("', '"));
    attributes.list("eventTypes", &expected, |text| Some(EventKind::from(text)).filter(|kind| kind.subscription() == Some(text)))
}
