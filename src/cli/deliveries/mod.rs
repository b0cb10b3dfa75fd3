//! `deliveries`: what Apple has tried to deliver, as Apple remembers it; and having it sent again, or fetching it back.

mod follow;
mod list;
mod recover;
mod redeliver;
mod which;

use super::{Setup, failure::Outcome};

/// Look at what Apple has tried to deliver, have it sent again, or fetch back what did not arrive
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::Arguments),
    Redeliver(redeliver::Arguments),
    Recover(recover::Arguments),
}

pub(super) async fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    match command {
        Command::List(arguments) => list::run(setup, arguments).await,
        Command::Redeliver(arguments) => redeliver::run(setup, arguments).await,
        Command::Recover(arguments) => recover::run(setup, arguments).await,
    }
}
