//! `webhooks list`: what Apple has for an app, or for every app of the configuration.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::{
    Format, Outcome,
    failure::{Failure, asked},
    output,
};
use crate::{
    asc::{Client, webhook::Webhook},
    config::Config,
};

/// List the webhooks of your apps, as Apple has them
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Of this app. Otherwise of every `app_id` in the configuration
    #[arg(long, value_name = "APP_ID")]
    app: Option<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let apps: BTreeSet<&str> = match &arguments.app {
        Some(app) => BTreeSet::from([app.as_str()]),
        None => config.endpoints.iter().filter_map(|endpoint| endpoint.app_id.as_deref()).collect(),
    };
    if apps.is_empty() {
        let hint = "add `--app APP_ID`, or write `app_id` into the `[[endpoint]]` of the configuration".to_owned();
        return Err(Failure::new("there is no app to list the webhooks of").hint(hint));
    }
    let mut webhooks = Vec::new();
    for app in apps {
        webhooks.extend(client.webhooks(app).map_err(asked)?.all().await.map_err(asked)?);
    }
    if arguments.format.json {
        return Ok(output::json(&json!({ "items": webhooks, "next": null }))?);
    }
    if webhooks.is_empty() {
        output::talk("Apple has no webhook for that");
        return Ok(());
    }
    output::line(table(&webhooks))?;
    Ok(())
}

/// The webhooks as a table.
pub(in crate::cli) fn table(webhooks: &[Webhook]) -> String {
    let rows = webhooks.iter().map(|webhook| {
        let enabled = webhook.enabled.map_or("", |enabled| if enabled { "enabled" } else { "disabled" });
        vec![
            webhook.id.clone(),
            webhook.app_id.clone().unwrap_or_default(),
            output::short(webhook.name.as_deref().unwrap_or_default()),
            enabled.to_owned(),
            webhook.events.as_ref().map_or_else(String::new, |events| events.len().to_string()),
            webhook.url.clone().unwrap_or_default(),
        ]
    });
    output::table(&["id", "app", "name", "state", "events", "url"], rows)
}
