//! `handlers list`: every handler that is configured, is owed something, or is paused.

use serde_json::json;

use super::super::{Format, Outcome, output};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    inbox::{
        Store,
        query::{HandlerStats, Stats},
    },
};

/// List the handlers: what waits for each, what is dead, and which are paused
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// A handler as programs read it.
#[derive(Debug, serde::Serialize)]
struct Listed {
    /// None if it is no longer configured.
    kind: Option<String>,
    #[serde(flatten)]
    stats: HandlerStats,
}

pub(super) async fn run(config: &Config, store: &dyn Store, arguments: &Arguments) -> Outcome {
    let stats = store.stats(SystemClock::new().now()).await?;
    if arguments.format.json {
        return Ok(output::json(&json!({ "items": listed(config, stats), "next": null }))?);
    }
    Ok(output::line(table(config, stats))?)
}

/// The handlers as people read them.
fn table(config: &Config, stats: Stats) -> String {
    let listed = listed(config, stats);
    if listed.is_empty() {
        return "no handler is configured, and nothing is owed to any".to_owned();
    }
    let rows = listed.into_iter().map(|Listed { kind, stats }| {
        let numbers = [stats.waiting + stats.claimed, stats.done, stats.dead].map(|number| number.to_string());
        let paused = stats.paused.map(|paused| format!("since {}: {}", output::time(paused.since), output::plain(&paused.reason)));
        let [kind, paused] = [kind.unwrap_or_else(|| "(not configured)".to_owned()), paused.unwrap_or_default()];
        [vec![stats.handler, kind], numbers.to_vec(), vec![paused]].concat()
    });
    output::table(&["handler", "kind", "waiting", "done", "dead", "paused (utc)"], rows)
}

/// Those of the configuration in its order, then the others.
fn listed(config: &Config, stats: Stats) -> Vec<Listed> {
    let mut known = stats.handlers;
    let mut listed: Vec<Listed> = Vec::new();
    for handler in &config.handlers {
        let place = known.iter().position(|stats| stats.handler == *handler.name);
        let stats = place.map_or_else(|| HandlerStats::idle(&handler.name), |place| known.remove(place));
        listed.push(Listed { kind: Some(handler.kind.clone()), stats });
    }
    listed.extend(known.into_iter().map(|stats| Listed { kind: None, stats }));
    listed
}
