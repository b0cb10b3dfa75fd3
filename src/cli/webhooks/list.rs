//! `webhooks list`: what Apple has for an app, or for every app of the configuration.

use serde_json::json;

use super::{
    super::{Format, Outcome, failure::asked, output, registered},
    document,
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
    let mut webhooks = Vec::new();
    for app in registered::apps(config, arguments.app.as_deref())? {
        webhooks.extend(client.webhooks(app).map_err(asked)?.all().await.map_err(asked)?);
    }
    if arguments.format.json {
        let items = webhooks.iter().map(|webhook| document(webhook, config)).collect::<serde_json::Result<Vec<_>>>()?;
        return Ok(output::json(&json!({ "items": items, "next": null }))?);
    }
    if webhooks.is_empty() {
        match &arguments.app {
            Some(app) => output::talk(format_args!("Apple has no webhook for the app {app}")),
            None => output::talk("Apple has no webhook for any app of the configuration; `webhooks plan` shows what is missing"),
        }
        return Ok(());
    }
    output::line(table(&webhooks, config))?;
    Ok(())
}

/// The webhooks as a table.
fn table(webhooks: &[Webhook], config: &Config) -> String {
    let rows = webhooks.iter().map(|webhook| {
        let enabled = webhook.enabled.map_or("", |enabled| if enabled { "enabled" } else { "disabled" });
        vec![
            webhook.id.clone(),
            webhook.app_id.clone().unwrap_or_default(),
            output::short(webhook.name.as_deref().unwrap_or_default()),
            enabled.to_owned(),
            webhook.events.as_ref().map_or_else(String::new, |events| events.len().to_string()),
            registered::endpoint_of(config, webhook).map(|endpoint| endpoint.name.to_string()).unwrap_or_default(),
            webhook.url.clone().unwrap_or_default(),
        ]
    });
    output::table(&["id", "app", "name", "state", "events", "endpoint", "url"], rows)
}
