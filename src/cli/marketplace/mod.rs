//! `marketplace`: the webhook of an alternative marketplace, the older kind, one for a whole account. Apple has deprecated it, and for some
//! it is still the only way.

mod create;
mod delete;
mod show;
mod update;

use super::{
    Setup,
    failure::{Failure, Outcome, asked},
};
use crate::asc::{Client, marketplace::MarketplaceWebhook};

/// Look at the webhook of an alternative marketplace, and change it
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Show(show::Arguments),
    Create(create::Arguments),
    Update(update::Arguments),
    Delete(delete::Arguments),
}

pub(super) async fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    let (loaded, client) = setup.client()?;
    match command {
        Command::Show(arguments) => show::run(&client, arguments).await,
        Command::Create(arguments) => create::run(setup, &loaded.config, &client, arguments).await,
        Command::Update(arguments) => update::run(setup, &loaded.config, &client, arguments).await,
        Command::Delete(arguments) => delete::run(&client, arguments).await,
    }
}

/// The one that the account has.
async fn the_webhook(client: &Client) -> Result<MarketplaceWebhook, Failure> {
    let all = client.marketplace_webhooks().map_err(asked)?.all().await.map_err(asked)?;
    all.into_iter().next().ok_or_else(|| {
        Failure::not_found("Apple has no marketplace webhook for this account")
            .hint("`asc-webhooks marketplace create` makes it".to_owned())
    })
}

/// The webhook as people read it.
fn words(webhook: &MarketplaceWebhook) -> String {
    let url = webhook.url.as_deref().unwrap_or("(Apple does not say)");
    format!("webhook  {}\nurl      {}", super::output::plain(&webhook.id), super::output::plain(url))
}
