//! The REST API: Apple's paths, shapes, statuses and errors, over what the sandbox remembers.
//!
//! Every request passes the same gate, in this order: does the client take JSON (406), has it a token (401), may it do this (403), has
//! it requests left (429), does something go wrong on demand (429, 500). Only then is it looked at. Each call lives in the file of the
//! resource that it answers with, or whose relationship it changes; `lookup` reads everything that is only read.

mod answer;
mod beta_group;
mod beta_review;
mod delivery;
mod document;
mod error;
mod lookup;
mod marketplace;
mod ping;
mod query;
mod release_request;
mod webhook;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, patch, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use self::error::ApiError;
use super::{Connect, Mishap, budget::Remaining, token, token::Role};

const RATE_LIMIT: HeaderName = HeaderName::from_static("x-rate-limit");

/// Every path of the API.
pub(super) fn routes(connect: &Arc<Connect>) -> Router<Arc<Connect>> {
    Router::new()
        .route("/v1/apps", get(lookup::apps))
        .route("/v1/apps/{id}/webhooks", get(webhook::list))
        .route("/v1/apps/{id}/relationships/webhooks", get(webhook::linkages))
        .route("/v1/webhooks", post(webhook::create))
        .route("/v1/webhooks/{id}", get(webhook::read).patch(webhook::modify).delete(webhook::delete))
        .route("/v1/webhooks/{id}/deliveries", get(delivery::list))
        .route("/v1/webhooks/{id}/relationships/deliveries", get(delivery::linkages))
        .route("/v1/webhookDeliveries", post(delivery::create))
        .route("/v1/webhookPings", post(ping::create))
        .route("/v1/marketplaceWebhooks", get(marketplace::list).post(marketplace::create))
        .route("/v1/marketplaceWebhooks/{id}", patch(marketplace::modify).delete(marketplace::delete))
        .route("/v1/appStoreVersionReleaseRequests", post(release_request::create))
        .route("/v1/betaAppReviewSubmissions", post(beta_review::create))
        .route("/v1/builds/{id}/relationships/betaGroups", post(beta_group::add_build))
        .route("/v1/{kind}/{id}", get(lookup::one))
        .route("/v1/{kind}/{id}/{relationship}", get(lookup::related))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_operation)
        .layer(from_fn_with_state(Arc::clone(connect), gate))
}

async fn gate(State(connect): State<Arc<Connect>>, request: Request, next: Next) -> Response {
    if !takes_json(request.headers()) {
        return error::not_acceptable();
    }
    let remaining = match admit(&connect, &request) {
        Ok(remaining) => remaining,
        Err(refusal) => return *refusal,
    };
    let struck = connect.state().faults.strike_api();
    let answer = match struck {
        Some(Mishap::ApiError) => ApiError::unexpected().into_response(),
        Some(_) => ApiError::rate_limit().into_response(),
        None => next.run(request).await,
    };
    with_remaining(answer, remaining)
}

/// Checks the token, the role and the budget of a request; each refusal is an answer.
fn admit(connect: &Connect, request: &Request) -> Result<Remaining, Box<Response>> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = token::check(&connect.keys, authorization, connect.now()).map_err(|flaw| {
        tracing::info!(path = request.uri().path(), "refused a token: {flaw}");
        Box::new(ApiError::not_authorized(flaw).into_response())
    })?;
    let spent = connect.state().budgets.entry(key.id.clone()).or_default().spend(connect.hourly_limit, connect.now());
    let remaining = spent.map_err(|none| Box::new(with_remaining(ApiError::rate_limit().into_response(), none)))?;
    if key.role == Role::Developer && request.uri().path().to_ascii_lowercase().contains("webhook") {
        return Err(Box::new(with_remaining(ApiError::role().into_response(), remaining)));
    }
    Ok(remaining)
}

fn with_remaining(mut answer: Response, remaining: Remaining) -> Response {
    if let Ok(value) = HeaderValue::from_str(&remaining.to_string()) {
        answer.headers_mut().insert(RATE_LIMIT, value);
    }
    answer
}

fn takes_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accepted.flat_map(|value| value.split(',')).map(|range| range.split(';').next().unwrap_or_default().trim());
    let takes = |range: &str| matches!(range, "*/*" | "application/*" | "application/json" | "application/vnd.api+json");
    !headers.contains_key(header::ACCEPT) || ranges.any(takes)
}

async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::no_such_path(uri.path())
}

/// What Apple says where another server would answer 405.
async fn no_such_operation(method: Method, uri: Uri) -> ApiError {
    let mut steps = uri.path().trim_start_matches("/v1/").split('/');
    let (resource, instance) = (steps.next().unwrap_or_default(), steps.next());
    let operation = match (method, instance) {
        (Method::GET | Method::HEAD, None) => "GET_COLLECTION",
        (Method::GET | Method::HEAD, Some(_)) => "GET_INSTANCE",
        (Method::POST, _) => "CREATE",
        (Method::DELETE, _) => "DELETE",
        _ => "UPDATE",
    };
    let allowed = match resource {
        "webhooks" => "CREATE, DELETE, GET_INSTANCE, UPDATE",
        "webhookDeliveries" | "webhookPings" | "appStoreVersionReleaseRequests" | "betaAppReviewSubmissions" => "CREATE",
        "marketplaceWebhooks" => "CREATE, DELETE, GET_COLLECTION, UPDATE",
        "apps" => "GET_COLLECTION, GET_INSTANCE",
        _ => "GET_INSTANCE",
    };
    ApiError::operation(resource, operation, allowed)
}
