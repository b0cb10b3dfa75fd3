//! `marketplace delete`: takes the account's marketplace webhook away, after a question.

use serde_json::json;

use super::{
    super::{
        Format, Outcome,
        change::{Consent, Rehearsal},
        output,
    },
    the_webhook,
};
use crate::asc::Client;

/// Delete the account's marketplace webhook
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    rehearsal: Rehearsal,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(client: &Client, arguments: &Arguments) -> Outcome {
    let webhook = the_webhook(client).await?;
    if !arguments.rehearsal.dry_run {
        let url = output::plain(webhook.url.as_deref().unwrap_or_default());
        arguments.consent.obtain(&format!("delete the marketplace webhook `{}`, which posts to `{url}`", webhook.id))?;
    }
    let order = client.delete_marketplace_webhook(&webhook.id);
    if arguments.rehearsal.make(order, arguments.format).await?.is_none() {
        return Ok(());
    }
    if arguments.format.json {
        return Ok(output::json(&json!({ "deleted": webhook.id }))?);
    }
    output::talk(format_args!("Apple has deleted the marketplace webhook `{}`", output::plain(&webhook.id)));
    Ok(())
}
