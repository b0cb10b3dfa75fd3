//! `webhooks`: Apple's side, where it is registered which notifications are sent where.

mod apply;
mod create;
mod delete;
mod list;
mod ping;
mod plan;
mod rotate_secret;
mod show;
mod update;

use serde_json::Value;

use super::{
    Setup,
    failure::{Failure, Outcome},
    output, registered, send,
};
use crate::{
    asc::webhook::Webhook,
    config::{Config, Endpoint, EndpointKind},
    event::{EventKind, KindPattern},
};

/// Look at the webhooks that Apple has for your apps, and change them
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Create(create::Arguments),
    Update(update::Arguments),
    Delete(delete::Arguments),
    Ping(ping::Arguments),
    Plan(plan::Arguments),
    Apply(apply::Arguments),
    RotateSecret(rotate_secret::Arguments),
}

pub(super) async fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    let (loaded, client) = setup.client()?;
    match command {
        Command::List(arguments) => list::run(&loaded.config, &client, arguments).await,
        Command::Show(arguments) => show::run(&loaded.config, &client, arguments).await,
        Command::Create(arguments) => create::run(setup, &loaded.config, &client, arguments).await,
        Command::Update(arguments) => update::run(setup, &loaded.config, &client, arguments).await,
        Command::Delete(arguments) => delete::run(&loaded.config, &client, arguments).await,
        Command::Ping(arguments) => ping::run(&loaded.config, &client, arguments).await,
        Command::Plan(arguments) => plan::run(&loaded.config, &client, arguments).await,
        Command::Apply(arguments) => apply::run(&loaded.config, &client, arguments).await,
        Command::RotateSecret(arguments) => rotate_secret::run(&loaded.config, &client, arguments).await,
    }
}

/// Every kind that a webhook can have.
fn every_kind() -> Vec<EventKind> {
    EventKind::ALL.iter().filter(|kind| kind.subscription().is_some()).cloned().collect()
}

/// The kinds that are named, each as `send` takes it, or by its family; and `all`.
fn kinds(names: &[String]) -> Result<Vec<EventKind>, Failure> {
    let mut chosen: Vec<EventKind> = Vec::new();
    for name in names {
        let pattern = KindPattern::parse(name).ok();
        let matching = |kind: &EventKind| name == "all" || pattern.as_ref().is_some_and(|pattern| pattern.matches(kind));
        let mut meant: Vec<EventKind> = every_kind().into_iter().filter(matching).collect();
        if meant.is_empty() {
            let kind = send::kind_of(name)?;
            if kind.is_known() && kind.subscription().is_none() {
                return Err(Failure::new(format!("`{kind}` is not among the event types that a webhook can have")));
            }
            meant.push(kind);
        }
        meant.retain(|kind| !chosen.contains(kind));
        chosen.extend(meant);
    }
    Ok(chosen)
}

/// What is lost when these are deleted, and what saves it where `deliveries recover` looks.
fn loss<'w>(config: &Config, webhooks: impl IntoIterator<Item = &'w Webhook>) -> String {
    let is_followed = |endpoint: &Endpoint| endpoint.kind == EndpointKind::App && endpoint.app_id.is_some();
    let mut endpoints = webhooks.into_iter().filter_map(|webhook| registered::endpoint_of(config, webhook));
    let first = if endpoints.any(is_followed) { ": run `deliveries recover` first" } else { "" };
    format!(
        "with a webhook, Apple deletes the list of its deliveries, and what was missed cannot be fetched back afterwards{first}"
    )
}

/// A webhook as programs read it: what Apple says, and the endpoint of the configuration that it posts to.
fn document(webhook: &Webhook, config: &Config) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(webhook)?;
    document["endpoint"] = registered::endpoint_of(config, webhook).map(|endpoint| endpoint.name.to_string()).into();
    Ok(document)
}

/// A webhook as people read it.
fn words(webhook: &Webhook, config: &Config) -> String {
    let endpoint = registered::endpoint_of(config, webhook);
    let state = webhook.enabled.map(|enabled| if enabled { "enabled" } else { "disabled: Apple sends nothing" });
    let lines = [
        ("webhook", Some(webhook.id.as_str())),
        ("app", webhook.app_id.as_deref()),
        ("name", webhook.name.as_deref()),
        ("state", state),
        ("url", webhook.url.as_deref()),
        ("endpoint", Some(endpoint.map_or("(none of this configuration)", |endpoint| &endpoint.name))),
    ];
    let told = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut words: Vec<String> = told.map(|(name, value)| format!("{name:<9} {}", output::plain(value))).collect();
    let events = webhook.events.iter().flatten().map(|kind| output::plain(kind.subscription().unwrap_or(kind.as_str())));
    words.extend(events.enumerate().map(|(index, event)| format!("{:<9} {event}", if index == 0 { "events" } else { "" })));
    words.join("\n")
}
