//! What a configuration may say and can hardly mean: an endpoint that lets nobody in, a handler that nothing can reach.
//!
//! None of it is wrong enough to keep a server from starting at night. So these are warnings.

use jiff::Timestamp;

use crate::{
    config::{Config, Endpoint, EndpointKind, EndpointSecret, Enrich, Handler, Loaded, Problem},
    event::FamilyName,
    handler::route::When,
};

const NO_KEY: &str = "write `[asc]` with a key for App Store Connect, or leave this out";

/// What is to be said of a configuration at this time.
pub(super) fn of(loaded: &Loaded, now: Timestamp) -> Vec<Problem> {
    let config = &loaded.config;
    let endpoints = config.endpoints.iter().enumerate().flat_map(|(index, endpoint)| of_endpoint(index, endpoint, now));
    let handlers = config.handlers.iter().enumerate().flat_map(|(index, handler)| of_handler(index, handler, config));
    let said = endpoints.chain(handlers);
    said.map(|(key, message, hint)| loaded.origins.problem_text(&key, message, hint.to_owned())).collect()
}

/// A key, what is to be said of it, and what to do.
type Advice = (String, String, &'static str);

fn of_endpoint(index: usize, endpoint: &Endpoint, now: Timestamp) -> Vec<Advice> {
    let (key, all) = match endpoint.kind {
        EndpointKind::XcodeCloud => ("tokens", &endpoint.tokens),
        _ => ("secrets", &endpoint.secrets),
    };
    let over = |secret: &EndpointSecret| secret.not_after.is_some_and(|end| end <= now);
    let ended: Vec<_> = all.iter().filter(|secret| over(secret)).map(|secret| format!("`{}`", secret.label)).collect();
    let key = format!("endpoint[{index}].{key}");
    if ended.is_empty() {
        Vec::new()
    } else if ended.len() == all.len() && !endpoint.managed_secrets {
        let message = "found only what has expired: everything that comes is refused".to_owned();
        vec![(key, message, "add one that is valid, or move its `not_after`")]
    } else {
        let message = format!("found {}, which has expired and lets nobody in any more", ended.join(" and "));
        vec![(key, message, "take it out once nobody uses it")]
    }
}

fn of_handler(index: usize, handler: &Handler, config: &Config) -> Vec<Advice> {
    let at = |key: &str| format!("handler[{index}].{key}");
    let mut said = Vec::new();
    let asks_for_details = handler.when.as_deref().is_some_and(|when| When::compile(when).is_ok_and(|when| when.names_details()));
    if config.asc.is_none() && asks_for_details {
        let message = "found `details`, which nobody tells without a key for App Store Connect: where it takes them to decide, it is taken as true";
        said.push((at("when"), message.to_owned(), NO_KEY));
    }
    if config.asc.is_none() && handler.enrich == Enrich::Required {
        let message = "found `required`, while nobody tells details without a key for App Store Connect: it is called without any";
        said.push((at("enrich"), message.to_owned(), NO_KEY));
    }
    let is_unsigned = |endpoint: &&Endpoint| {
        let is_named = handler.endpoints.is_empty() || handler.endpoints.iter().any(|name| **name == *endpoint.name);
        is_named && endpoint.kind == EndpointKind::XcodeCloud
    };
    let wants_builds = |name: FamilyName| handler.events.iter().all(|pattern| pattern.names(name));
    if !handler.events.is_empty()
        && wants_builds(FamilyName::XcodeCloud)
        && !config.endpoints.iter().any(|endpoint| is_unsigned(&endpoint))
    {
        let message = "found builds of Xcode Cloud, which come to none of the handler's endpoints";
        said.push((at("events"), message.to_owned(), "add an `[[endpoint]]` with `kind = \"xcode-cloud\"`"));
    }
    said
}
