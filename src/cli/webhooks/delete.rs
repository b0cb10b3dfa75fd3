//! `webhooks delete`: takes a webhook away, after a question.

use serde_json::json;

use super::{
    super::{
        Format, Outcome,
        change::{Consent, Rehearsal},
        failure::asked,
        output,
    },
    loss,
};
use crate::{asc::Client, config::Config};

/// Delete a webhook: Apple sends it nothing any more
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Its id, as `webhooks list` shows it
    id: String,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    rehearsal: Rehearsal,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let id = &arguments.id;
    if !arguments.rehearsal.dry_run && !arguments.consent.yes {
        let webhook = client.webhook(id).await.map_err(asked)?;
        output::talk(loss(config, [&webhook]));
        let name = output::plain(webhook.name.as_deref().unwrap_or(id));
        let url = output::plain(webhook.url.as_deref().unwrap_or_default());
        arguments.consent.obtain(&format!("delete the webhook `{name}`, which posts to `{url}`"))?;
    }
    if arguments.rehearsal.make(client.delete_webhook(id), arguments.format).await?.is_none() {
        return Ok(());
    }
    if arguments.format.json {
        return Ok(output::json(&json!({ "deleted": id }))?);
    }
    output::talk(format_args!("Apple has deleted the webhook `{}`", output::plain(id)));
    Ok(())
}
