//! `webhooks update`: changes what is said, and leaves the rest as it is.

use url::Url;

use super::{
    super::{Format, Outcome, Setup, change::Rehearsal, failure::Failure, given::address, given_secret::GivenSecret, output},
    document, kinds, words,
};
use crate::{
    asc::{Client, webhook::WebhookChange},
    config::Config,
};

/// Change a webhook; what is not said stays as it is
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A server that does not know a new secret refuses what is signed with it: write both into the
`secrets` of the endpoint first.

Examples:
  asc-webhooks webhooks update 9c1e… --events build_upload,app_version
  asc-webhooks webhooks update 9c1e… --disable
  pass show my-app | asc-webhooks webhooks update 9c1e… --secret-file -")]
pub(in crate::cli) struct Arguments {
    /// Its id, as `webhooks list` shows it
    id: String,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Where it is to post to from now on
    #[arg(long, value_parser = address)]
    url: Option<Url>,
    /// The events it is to be sent from now on, with commas: kinds as `send` takes them, families, or `all`
    #[arg(long, value_name = "EVENTS", value_delimiter = ',')]
    events: Vec<String>,
    /// Have Apple send
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Have Apple send nothing
    #[arg(long)]
    disable: bool,
    #[command(flatten)]
    secret: GivenSecret,
    #[command(flatten)]
    rehearsal: Rehearsal,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let events = kinds(&arguments.events)?;
    let change = WebhookChange {
        name: arguments.name.clone(),
        url: arguments.url.clone(),
        secret: arguments.secret.read(setup)?,
        events: (!events.is_empty()).then_some(events),
        enabled: (arguments.enable || arguments.disable).then_some(arguments.enable),
    };
    if matches!(change, WebhookChange { name: None, url: None, secret: None, events: None, enabled: None }) {
        return Err(Failure::new("there is nothing to change").hint(
            "say what: `--name`, `--url`, `--events`, `--enable`, `--disable`, `--secret-file` or `--secret-env`".to_owned(),
        ));
    }
    let order = client.change_webhook(&arguments.id, &change);
    let Some(webhook) = arguments.rehearsal.make(order, arguments.format).await? else { return Ok(()) };
    if arguments.format.json {
        return Ok(output::json(&document(&webhook, config)?)?);
    }
    output::line(words(&webhook, config))?;
    output::talk("Apple has changed the webhook");
    Ok(())
}
