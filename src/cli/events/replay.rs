//! `events replay`: has a kept receipt handled again, or everything that is dead.

use std::sync::Arc;

use clap::ArgGroup;
use serde_json::json;

use super::{
    super::{Failure, Format, Outcome, output},
    names,
};
use crate::{
    clock::{Clock as _, GuestClock},
    config::{Config, Order},
    inbox::{Owed, ReceiptId, Store, query::Replay},
};

/// Have a receipt handled again, or every dead dispatch
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").args(["id", "dead"]).required(true))]
pub(in crate::cli) struct Arguments {
    /// The number of the receipt
    #[arg(value_parser = super::number)]
    id: Option<i64>,
    /// Every dead dispatch, instead of one receipt
    #[arg(long)]
    dead: bool,
    /// Only for this handler. For a receipt, it may be one that the receipt was not owed to
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, store: &dyn Store, arguments: &Arguments) -> Outcome {
    if let Some(name) = &arguments.handler {
        names::handler(name, config, &store.stats(GuestClock.now()).await?)?;
    }
    let replay = match arguments.id {
        Some(id) => {
            Replay::Receipt { id: ReceiptId(id), handlers: handlers(config, store, id, arguments.handler.as_deref()).await? }
        }
        None => Replay::Dead { handler: arguments.handler.clone() },
    };
    let replayed = store.replay(&replay, GuestClock.steady()).await?;
    if arguments.format.json {
        return Ok(output::json(&json!({ "replayed": replayed }))?);
    }
    output::talk(match replayed {
        0 => "nothing to replay: what is waiting or being handled is left alone".to_owned(),
        _ => format!("{} will be tried again by the server", output::count(replayed, "dispatch", "dispatches")),
    });
    Ok(())
}

/// The named handler, or those that the receipt was owed to.
async fn handlers(config: &Config, store: &dyn Store, id: i64, name: Option<&str>) -> Result<Vec<Owed>, Failure> {
    let record = super::record(store, id).await?;
    let owed = |name: &str| {
        let configured = config.handlers.iter().find(|handler| &*handler.name == name);
        Owed { handler: Arc::from(name), in_order: configured.is_some_and(|handler| handler.order == Order::Subject) }
    };
    let had: Vec<&str> = record.dispatches.iter().map(|known| known.dispatch.handler.as_str()).collect();
    match name {
        Some(name) => Ok(vec![owed(name)]),
        None if had.is_empty() => {
            Err(Failure::not_found(format!("receipt {id} was owed to no handler"))
                .hint("name one with `--handler NAME`".to_owned()))
        }
        None => Ok(had.into_iter().map(owed).collect()),
    }
}
