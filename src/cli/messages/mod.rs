//! `messages`: what handlers say to people.

mod preview;

use super::{Setup, failure::Outcome};

/// Look at what handlers say to people
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Preview(preview::Arguments),
}

pub(super) fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    match command {
        Command::Preview(arguments) => preview::run(setup, arguments),
    }
}
