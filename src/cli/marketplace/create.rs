//! `marketplace create`: makes the account's marketplace webhook, from an endpoint of the configuration or from flags.

use url::Url;

use super::{
    super::{
        Format, Outcome, Setup, change::Rehearsal, failure::Failure, given::address, given_secret::GivenSecret, output, registered,
    },
    words,
};
use crate::{asc::Client, config::Config};

/// Make the account's marketplace webhook
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "\
asc-webhooks marketplace create --endpoint <NAME> [OPTIONS]
       asc-webhooks marketplace create --url <URL> --secret-file <FILE> [OPTIONS]",
    after_help = "\
Examples:
  asc-webhooks marketplace create --endpoint my-marketplace
  asc-webhooks marketplace create --url https://hooks.example.com/apple/marketplace --secret-file marketplace.secret"
)]
pub(in crate::cli) struct Arguments {
    /// The endpoint of the configuration that it is to post to: gives the URL and the secret
    #[arg(long, value_name = "NAME", required_unless_present = "url")]
    endpoint: Option<String>,
    /// Where it is to post to
    #[arg(long, value_parser = address)]
    url: Option<Url>,
    #[command(flatten)]
    secret: GivenSecret,
    #[command(flatten)]
    rehearsal: Rehearsal,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let endpoint = arguments.endpoint.as_deref().map(|name| registered::marketplace(config, name)).transpose()?;
    let url = match (&arguments.url, endpoint) {
        (Some(url), _) => url.clone(),
        (None, Some(endpoint)) => registered::url_of(config, endpoint)?,
        (None, None) => return Err(Failure::new("there is no address to post to")),
    };
    let secret = arguments.secret.or_of(setup, endpoint)?;
    let order = client.create_marketplace_webhook(&url, &secret);
    let Some(webhook) = arguments.rehearsal.make(order, arguments.format).await? else { return Ok(()) };
    if arguments.format.json {
        return Ok(output::json(&webhook)?);
    }
    output::line(words(&webhook))?;
    output::talk("Apple has made the marketplace webhook");
    Ok(())
}
