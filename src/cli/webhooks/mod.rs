//! `webhooks`: Apple's side, where it is registered which notifications are sent where.

mod list;

use super::{Setup, failure::Outcome};

/// Look at the webhooks that Apple has for your apps, and change them
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::Arguments),
}

pub(super) async fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    let (loaded, client) = setup.client()?;
    match command {
        Command::List(arguments) => list::run(&loaded.config, &client, arguments).await,
    }
}
