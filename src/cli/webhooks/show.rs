//! `webhooks show`: one webhook, as Apple has it.

use super::{
    super::{Format, Outcome, failure::asked, output},
    document, words,
};
use crate::{asc::Client, config::Config};

/// Show one webhook with its events, as Apple has it
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Its id, as `webhooks list` shows it
    id: String,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let webhook = client.webhook(&arguments.id).await.map_err(asked)?;
    if arguments.format.json {
        return Ok(output::json(&document(&webhook, config)?)?);
    }
    Ok(output::line(words(&webhook, config))?)
}
