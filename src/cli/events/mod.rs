//! `events`: what is kept, whether a server runs beside or not.

mod details;
mod export;
mod filter;
mod list;
pub(super) mod names;
mod reparse;
mod replay;
mod show;
mod stats;
mod versions;

use super::{
    Setup,
    failure::{Failure, Outcome},
};
use crate::inbox::{ReceiptId, Store, query::ReceiptRecord};

pub(super) use self::stats::account_table;
#[cfg(test)]
pub(super) use self::{
    list::table as list_table,
    replay::{Left, Replayed, words as replay_words},
    show::{document, words as show_words},
    stats::words as stats_words,
    versions::{rule as versions_rule, table as versions_table},
};

/// Look at what is kept, and have it handled again
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Versions(versions::Arguments),
    Replay(replay::Arguments),
    Reparse(reparse::Arguments),
    Export(export::Arguments),
    Stats(stats::Arguments),
}

pub(super) async fn run(setup: &Setup<'_>, command: &Command) -> Outcome {
    // What was kept unread is routed by the handlers themselves, which may want their secrets.
    let (loaded, store) = match command {
        Command::Reparse(_) => setup.open()?,
        _ => setup.open_without_secrets()?,
    };
    match command {
        Command::List(arguments) => list::run(&loaded.config, &store, arguments).await,
        Command::Show(arguments) => show::run(&store, arguments).await,
        Command::Versions(arguments) => versions::run(&store, arguments).await,
        Command::Replay(arguments) => replay::run(&loaded.config, &store, arguments).await,
        Command::Reparse(arguments) => reparse::run(&loaded, setup.registry, store, arguments).await,
        Command::Export(arguments) => export::run(&loaded.config, &store, arguments).await,
        Command::Stats(arguments) => stats::run(&store, arguments).await,
    }
}

/// The number of a receipt.
fn number(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "expected the number of a receipt, as `events list` shows it")
}

async fn record(store: &dyn Store, id: i64) -> Result<ReceiptRecord, Failure> {
    let record = store.receipt(ReceiptId(id)).await?;
    record.ok_or_else(|| {
        Failure::not_found(format!("there is no receipt {id}")).hint("`asc-webhooks events list` shows what there is".to_owned())
    })
}
