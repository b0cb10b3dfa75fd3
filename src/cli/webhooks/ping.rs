//! `webhooks ping`: has Apple send a test notification, and waits until our own server has kept it.

use std::time::Duration;

use clap::ArgGroup;

use super::super::{
    Format, Outcome,
    arrival::{Lost, Trial},
    change::Rehearsal,
    failure::{Failure, asked},
    given::some_time,
    output, registered,
};
use crate::{asc::Client, config::Config};

/// Have Apple ping a webhook, and wait until the server has received and kept the ping
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").args(["id", "endpoint"]).required(true), after_help = "\
The ping is looked for in the store of the configuration, beside the running server. If it does not
come, Apple is asked what it got for an answer. On a machine without the store, Apple's word is all
there is.

Examples:
  asc-webhooks webhooks ping --endpoint my-app
  asc-webhooks webhooks ping 9c1e… --timeout 2m")]
pub(in crate::cli) struct Arguments {
    /// Its id, as `webhooks list` shows it
    id: Option<String>,
    /// The webhook that posts to this endpoint of the configuration, instead of one by its id
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = some_time, default_value = "30s")]
    timeout: Duration,
    #[command(flatten)]
    rehearsal: Rehearsal,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let webhook = match (&arguments.id, &arguments.endpoint) {
        (None, Some(name)) => registered::webhook(config, client, name).await?,
        (id, _) => client.webhook(id.as_deref().unwrap_or_default()).await.map_err(asked)?,
    };
    if arguments.rehearsal.dry_run {
        return arguments.rehearsal.make(client.ping(&webhook.id), arguments.format).await.map(drop);
    }
    let endpoint = registered::endpoint_of(config, &webhook);
    let ending = Trial::new(config, client, &webhook).run(arguments.timeout).await.map_err(|lost| match lost {
        Lost::Apple(error) => asked(error),
        Lost::Store(error) => Failure::unreachable(error),
    })?;
    if arguments.format.json {
        output::json(&ending.document(&webhook, endpoint))?;
    }
    if !ending.is_good() {
        let hint = ending.hint(&webhook, endpoint);
        return Err(Failure::unreachable(anyhow::anyhow!("{}", output::plain(&ending.words()))).hint(hint));
    }
    if !arguments.format.json {
        output::line(output::plain(&ending.words()))?;
    }
    Ok(())
}
