//! `deliveries`: what Apple has tried to deliver, and fetching back what did not arrive.

mod recover;

use super::{Setup, failure::Outcome};

/// Look at what Apple has tried to deliver, and fetch back what did not arrive
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Recover(recover::Arguments),
}

pub(super) async fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    match command {
        Command::Recover(arguments) => recover::run(setup, arguments).await,
    }
}
