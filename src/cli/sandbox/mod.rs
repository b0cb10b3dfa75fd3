//! `sandbox`: a local App Store Connect, and what makes one move that runs already.

mod deliveries;
mod drive;
mod fault;
pub(super) mod key;
mod remote;
mod start;

pub(super) use self::start::{asc_section, failure};
#[cfg(test)]
pub(super) use self::{
    deliveries::table as deliveries_table,
    drive::{account as drive_account, line as drive_line},
    remote::{Delivery, Step},
};
use super::failure::Outcome;

/// Run a local App Store Connect to try things with, and drive apps through their states in it
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = start::HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    start: start::Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Drive(drive::Arguments),
    Fault(fault::Arguments),
    Deliveries(deliveries::Arguments),
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        None => start::run(&arguments.start).await,
        Some(Command::Drive(arguments)) => drive::run(arguments).await,
        Some(Command::Fault(arguments)) => fault::run(arguments).await,
        Some(Command::Deliveries(arguments)) => deliveries::run(arguments).await,
    }
}
