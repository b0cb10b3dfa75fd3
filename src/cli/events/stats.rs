//! `events stats`: what is kept, in numbers.

use super::super::{Format, Outcome, output};
use crate::{
    clock::{Clock as _, SystemClock},
    inbox::{Store, query::Stats},
};

/// Count what is kept, by endpoint and by handler
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(store: &dyn Store, arguments: &Arguments) -> Outcome {
    let stats = store.stats(SystemClock::new().now()).await?;
    if arguments.format.json {
        return Ok(output::json(&stats)?);
    }
    Ok(output::line(words(&stats))?)
}

/// The numbers as people read them.
pub(in crate::cli) fn words(stats: &Stats) -> String {
    let mut parts = vec![format!(
        "{}, {} unparsed, {} recovered, {} on disk",
        output::count(stats.receipts, "receipt", "receipts"),
        stats.unparsed,
        stats.recovered,
        output::size(stats.bytes)
    )];
    let endpoints: Vec<Vec<String>> = stats
        .endpoints
        .iter()
        .map(|of| vec![of.endpoint.clone(), of.receipts.to_string(), of.newest.map(output::time).unwrap_or_default()])
        .collect();
    if !endpoints.is_empty() {
        parts.push(output::table(&["endpoint", "receipts", "newest (utc)"], endpoints));
    }
    let handlers: Vec<Vec<String>> = stats
        .handlers
        .iter()
        .map(|of| {
            let numbers = [of.waiting, of.claimed, of.done, of.dead].map(|number| number.to_string());
            let oldest = of.oldest_open.map(output::time).unwrap_or_default();
            [vec![of.handler.clone()], numbers.to_vec(), vec![oldest]].concat()
        })
        .collect();
    if !handlers.is_empty() {
        let header = ["handler", "waiting", "claimed", "done", "dead", "oldest open (utc)"];
        parts.push(output::table(&header, handlers));
    }
    parts.join("\n\n")
}
