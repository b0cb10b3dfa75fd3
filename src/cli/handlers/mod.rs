//! `handlers`: how each stands, and whether it is given anything; whether a server runs beside or not.

mod list;
mod pause;

use super::{Setup, failure::Outcome};

/// See how handlers stand, and pause them
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::Arguments),
    Pause(pause::Pause),
    Resume(pause::Resume),
}

pub(super) async fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    let (loaded, store) = setup.open_without_secrets()?;
    match command {
        Command::List(arguments) => list::run(&loaded.config, &store, arguments).await,
        Command::Pause(arguments) => pause::pause(&loaded.config, &store, arguments).await,
        Command::Resume(arguments) => pause::resume(&loaded.config, &store, arguments).await,
    }
}
