//! `events stats`: what is kept, in numbers.

use super::super::{Format, Outcome, output};
use crate::{
    clock::{Clock as _, SystemClock},
    inbox::{
        Store,
        account::Account,
        query::{NewestOfApp, Paused, Stats},
    },
};

/// Count what is kept, by endpoint and by handler, and tell the newest of each app
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(store: &dyn Store, arguments: &Arguments) -> Outcome {
    let (stats, accounts) = (store.stats(SystemClock::new().now()).await?, store.accounts().await?);
    let apps = store.newest_of_apps().await?;
    if arguments.format.json {
        return Ok(output::json(&Document { stats: &stats, apps: &apps, recovery: &accounts })?);
    }
    Ok(output::line(words(&stats, &apps, &accounts))?)
}

/// The numbers as programs read them.
#[derive(Debug, serde::Serialize)]
struct Document<'s> {
    #[serde(flatten)]
    stats: &'s Stats,
    apps: &'s [NewestOfApp],
    recovery: &'s [Account],
}

/// The numbers as people read them.
pub(in crate::cli) fn words(stats: &Stats, apps: &[NewestOfApp], accounts: &[Account]) -> String {
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
    if !apps.is_empty() {
        let named = |of: &NewestOfApp| {
            vec![of.app.clone(), of.name.clone().unwrap_or_default(), of.receipt.to_string(), output::time(of.received_at)]
        };
        parts.push(output::table(&["app", "name", "newest receipt", "newest (utc)"], apps.iter().map(named)));
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
        let paused = stats.handlers.iter().filter_map(|of| {
            let Paused { since, reason } = of.paused.as_ref()?;
            Some(format!("\n{} is paused since {}: {}", of.handler, output::time(*since), output::plain(reason)))
        });
        parts.push([output::table(&header, handlers)].into_iter().chain(paused).collect());
    }
    if !accounts.is_empty() {
        parts.push(account_table(accounts));
    }
    parts.join("\n\n")
}

/// What Apple lists and what is kept of it, as a table, with what went wrong below.
pub(in crate::cli) fn account_table(accounts: &[Account]) -> String {
    let rows = accounts.iter().map(|of| {
        let [since, complete] = [of.since, of.completed_at].map(|at| at.map(output::time).unwrap_or_default());
        vec![of.endpoint.clone(), of.listed.to_string(), of.kept.to_string(), of.missing.to_string(), since, complete]
    });
    let table = output::table(&["endpoint", "listed by apple", "kept", "missing", "since (utc)", "last complete look (utc)"], rows);
    let failures = accounts.iter().filter_map(|of| {
        let failure = of.failure.as_ref()?;
        Some(format!("\n{}: the look of {} failed: {}", of.endpoint, output::time(failure.at), output::plain(&failure.error)))
    });
    [table].into_iter().chain(failures).collect()
}
