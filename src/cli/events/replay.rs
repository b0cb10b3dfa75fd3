//! `events replay`: has a kept receipt handled again, or everything that is dead.

use std::sync::Arc;

use clap::ArgGroup;

use super::{
    super::{Failure, Format, Outcome, output},
    names,
};
use crate::{
    clock::{Clock as _, GuestClock},
    config::{Config, Order},
    inbox::{
        Owed, ReceiptId, Store,
        query::{Replay, Stats},
    },
};

/// Have a receipt handled again, or every dead dispatch
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").args(["id", "dead"]).required(true))]
pub(in crate::cli) struct Arguments {
    /// The number of the receipt
    #[arg(value_parser = super::number)]
    id: Option<i64>,
    /// Every dead dispatch whose handler is configured, instead of one receipt
    #[arg(long)]
    dead: bool,
    /// Only for this handler. For a receipt, it may be one that the receipt was not owed to
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// What came of it.
#[derive(Debug, Default, serde::Serialize)]
pub(in crate::cli) struct Replayed {
    /// How many dispatches will be tried.
    pub(in crate::cli) replayed: u64,
    /// What was meant too, but nobody is there to try.
    pub(in crate::cli) left: Vec<Left>,
}

/// What stays as it is, because its handler is not configured.
#[derive(Debug, serde::Serialize)]
pub(in crate::cli) struct Left {
    pub(in crate::cli) handler: String,
    pub(in crate::cli) dispatches: u64,
}

pub(super) async fn run(config: &Config, store: &dyn Store, arguments: &Arguments) -> Outcome {
    let stats = store.stats(GuestClock.now()).await?;
    if let Some(name) = &arguments.handler {
        names::configured(name, config, &stats)?;
    }
    let replayed = match arguments.id {
        Some(id) => receipt(config, store, id, arguments.handler.as_deref()).await?,
        None => dead(config, store, &stats, arguments.handler.as_deref()).await?,
    };
    if arguments.format.json {
        return Ok(output::json(&replayed)?);
    }
    output::talk(words(&replayed));
    Ok(())
}

/// What came of it, as people read it.
pub(in crate::cli) fn words(Replayed { replayed, left }: &Replayed) -> String {
    let mut lines = vec![match replayed {
        0 => "nothing to replay: what is waiting or being handled is left alone".to_owned(),
        _ => format!("{} will be tried again by the server", output::count(*replayed, "dispatch", "dispatches")),
    }];
    lines.extend(left.iter().map(|Left { handler, dispatches }| {
        let (are, it) = if *dispatches == 1 { ("is", "it is") } else { ("are", "they are") };
        let (count, handler) = (output::count(*dispatches, "dispatch", "dispatches"), output::plain(handler));
        format!("{count} to `{handler}` {are} left as {it}: it is not in the configuration")
    }));
    lines.join("\n")
}

/// One receipt: to the named handler, or to those of the configuration that it was owed to.
async fn receipt(config: &Config, store: &dyn Store, id: i64, name: Option<&str>) -> Result<Replayed, Failure> {
    let record = super::record(store, id).await?;
    let had = record.dispatches.iter().map(|known| known.dispatch.handler.as_str());
    let (names, left): (Vec<&str>, Vec<&str>) = match name {
        Some(name) => (vec![name], Vec::new()),
        None => had.partition(|name| names::is_configured(name, config)),
    };
    if names.is_empty() {
        return Err(match left[..] {
            [] => {
                Failure::not_found(format!("receipt {id} was owed to no handler")).hint("name one with `--handler NAME`".to_owned())
            }
            _ => names::absent(&left).hint("configure it again first, or name another handler with `--handler NAME`".to_owned()),
        });
    }
    let owed = |name: &str| {
        let configured = config.handlers.iter().find(|handler| &*handler.name == name);
        Owed { handler: Arc::from(name), in_order: configured.is_some_and(|handler| handler.order == Order::Subject) }
    };
    let replay = Replay::Receipt { id: ReceiptId(id), handlers: names.into_iter().map(owed).collect() };
    let replayed = store.replay(&replay, GuestClock.steady()).await?;
    let left = left.into_iter().map(|name| Left { handler: name.to_owned(), dispatches: 1 }).collect();
    Ok(Replayed { replayed, left })
}

/// What is dead: of the named handler, or of all that are configured.
async fn dead(config: &Config, store: &dyn Store, stats: &Stats, name: Option<&str>) -> Result<Replayed, Failure> {
    let meant = stats.handlers.iter().filter(|of| of.dead > 0 && name.is_none_or(|name| name == of.handler));
    let (there, gone): (Vec<_>, Vec<_>) = meant.partition(|of| names::is_configured(&of.handler, config));
    if there.is_empty() && !gone.is_empty() {
        return Err(names::absent(&gone.iter().map(|of| of.handler.as_str()).collect::<Vec<_>>()));
    }
    let mut replayed = 0;
    for of in there {
        let replay = Replay::Dead { handler: Some(of.handler.clone()) };
        replayed += store.replay(&replay, GuestClock.steady()).await?;
    }
    let left = gone.into_iter().map(|of| Left { handler: of.handler.clone(), dispatches: of.dead }).collect();
    Ok(Replayed { replayed, left })
}
