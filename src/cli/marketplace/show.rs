//! `marketplace show`: the one webhook that the account may have.

use super::{
    super::{Format, Outcome, output},
    the_webhook, words,
};
use crate::asc::Client;

/// Show the account's marketplace webhook
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(client: &Client, arguments: &Arguments) -> Outcome {
    let webhook = the_webhook(client).await?;
    if arguments.format.json {
        return Ok(output::json(&webhook)?);
    }
    Ok(output::line(words(&webhook))?)
}
