//! `handlers list`: every handler that is configured, is owed something, or is paused.

use serde_json::json;

use super::super::{Format, Outcome, output};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    inbox::{
        Store,
        query::{HandlerStats, Stats},
        streak::{Streak, Streaks},
    },
};

/// List the handlers: what waits for each, what is dead, which are paused or fail
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
    /// That all of its last attempts failed.
    streak: Option<Streak>,
}

pub(super) async fn run(config: &Config, store: &dyn Store, arguments: &Arguments) -> Outcome {
    let listed = listed(config, store.stats(SystemClock::new().now()).await?, &Streaks::of(store).await?);
    if arguments.format.json {
        return Ok(output::json(&json!({ "items": listed, "next": null }))?);
    }
    Ok(output::line(table(listed))?)
}

/// The handlers as people read them.
fn table(listed: Vec<Listed>) -> String {
    if listed.is_empty() {
        return "no handler is configured, and nothing is owed to any".to_owned();
    }
    let rows = listed.into_iter().map(|Listed { kind, stats, streak }| {
        let numbers = [stats.waiting + stats.claimed, stats.done, stats.dead].map(|number| number.to_string());
        let paused = stats.paused.map(|paused| format!("since {}: {}", output::time(paused.since), output::plain(&paused.reason)));
        let failing = streak.map(|Streak { failures, error, .. }| match error {
            Some(error) => format!("{failures} in a row: {}", output::plain(&error)),
            None => format!("{failures} in a row"),
        });
        let [paused, failing] = [paused, failing].map(Option::unwrap_or_default);
        [vec![stats.handler, kind.unwrap_or_else(|| "(not configured)".to_owned())], numbers.to_vec(), vec![paused, failing]]
            .concat()
    });
    output::table(&["handler", "kind", "waiting", "done", "dead", "paused (utc)", "failing"], rows)
}

/// Those of the configuration in its order, then the others.
fn listed(config: &Config, stats: Stats, streaks: &Streaks) -> Vec<Listed> {
    let mut known = stats.handlers;
    let of = |kind, stats: HandlerStats| Listed { kind, streak: streaks.of_handler(&stats.handler).cloned(), stats };
    let mut listed: Vec<Listed> = Vec::new();
    for handler in &config.handlers {
        let place = known.iter().position(|stats| stats.handler == *handler.name);
        let stats = place.map_or_else(|| HandlerStats::idle(&handler.name), |place| known.remove(place));
        listed.push(of(Some(handler.kind.clone()), stats));
    }
    listed.extend(known.into_iter().map(|stats| of(None, stats)));
    listed
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_handler_that_only_fails_says_how_often_and_with_what() {
        let streak = |error: Option<&str>| {
            Some(Streak { failures: 40, since: Timestamp::UNIX_EPOCH, error: error.map(str::to_owned), is_cut: false })
        };
        let row = |name, streak| Listed { kind: Some("log".to_owned()), stats: HandlerStats::idle(name), streak };
        let table = table(vec![row("ci", streak(Some("answered 500"))), row("chat", streak(None)), row("log", None)]);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split("  ").filter(|cell| !cell.is_empty()).collect()).collect();
        let last = |line: usize| lines[line].last().map(|cell| cell.trim());
        assert_eq!([last(0), last(1), last(2)], [Some("FAILING"), Some("40 in a row: answered 500"), Some("40 in a row")]);
        assert_eq!(last(3), Some("0"), "{table}");
    }
}
