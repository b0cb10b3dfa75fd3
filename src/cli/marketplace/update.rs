//! `marketplace update`: another address or another secret for the account's marketplace webhook.

use url::Url;

use super::{
    super::{
        Format, Outcome, Setup, change::Rehearsal, failure::Failure, given::address, given_secret::GivenSecret, output, registered,
    },
    the_webhook, words,
};
use crate::{
    asc::{Client, marketplace::MarketplaceWebhookChange},
    config::Config,
};

/// Change the account's marketplace webhook
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Give it the URL and the secret of this endpoint of the configuration
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Where it is to post to from now on
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
    let mut change = MarketplaceWebhookChange { url: arguments.url.clone(), secret: arguments.secret.read(setup)? };
    if let Some(name) = &arguments.endpoint {
        let endpoint = registered::marketplace(config, name)?;
        if change.url.is_none() {
            change.url = Some(registered::url_of(config, endpoint)?);
        }
        if change.secret.is_none() {
            change.secret = Some(registered::secret_of(endpoint)?);
        }
    }
    if change.url.is_none() && change.secret.is_none() {
        return Err(Failure::new("there is nothing to change")
            .hint("say what: `--url`, `--secret-file` or `--secret-env`, or `--endpoint` for both".to_owned()));
    }
    let id = the_webhook(client).await?.id;
    let order = client.change_marketplace_webhook(&id, &change);
    let Some(webhook) = arguments.rehearsal.make(order, arguments.format).await? else { return Ok(()) };
    if arguments.format.json {
        return Ok(output::json(&webhook)?);
    }
    output::line(words(&webhook))?;
    output::talk("Apple has changed the marketplace webhook");
    Ok(())
}
