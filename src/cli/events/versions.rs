//! `events versions`: through which states each version went, and how long review took.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::{Format, Outcome, output, send};
use crate::{
    clock::{Clock as _, SystemClock},
    event::EventKind,
    handler::message::duration,
    inbox::{ReceiptId, Store, history::HistoryFilter, query::PageRequest},
    review::{Journey, LAST, Median, Phase, Spent, Times},
};

/// List versions with how long they waited and were in review, the one heard of last first
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Of this app only: Apple's id of it, or the endpoint's name as long as that is not known
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// Of what events of this kind tell, as `send` takes it: `build_beta_detail` for TestFlight
    #[arg(long, value_name = "KIND", default_value = "app_version")]
    kind: String,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only what was heard of before this number: the `next` of the page before
    #[arg(long, value_name = "ID", value_parser = super::number)]
    before: Option<i64>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(store: &dyn Store, arguments: &Arguments) -> Outcome {
    let kind = send::kind_of(&arguments.kind)?;
    let filter = HistoryFilter { kind: kind.as_str().to_owned(), app: arguments.app.clone() };
    let page = PageRequest { before: arguments.before.map(ReceiptId), limit: arguments.limit as usize };
    let page = store.histories(&filter, page).await?;
    let journeys: Vec<Journey> = page.items.iter().map(Journey::of).collect();
    if arguments.format.json {
        return Ok(output::json(&json!({ "items": journeys, "next": page.next }))?);
    }
    if journeys.is_empty() {
        output::talk("no version is kept that matches");
        return Ok(());
    }
    output::line(table(&journeys, SystemClock::new().now()))?;
    output::talk(rule(&kind, &Times::of(&journeys)));
    if let Some(next) = page.next {
        output::talk(format_args!("there is more: add `--before {next}`"));
    }
    Ok(())
}

/// The versions as a table.
pub(in crate::cli) fn table(journeys: &[Journey], now: Timestamp) -> String {
    let rows = journeys.iter().map(|journey| {
        let present = journey.present();
        let build = journey.build.as_ref().map(|build| format!(" ({build})")).unwrap_or_default();
        let name = journey.version.as_ref().map_or_else(|| journey.subject_id.clone(), |version| format!("{version}{build}"));
        vec![
            output::short(journey.app_name.as_deref().unwrap_or(&journey.app)),
            output::short(&name),
            journey.platform.clone().unwrap_or_default(),
            output::short(present.map_or("", |stay| &stay.state)),
            present.and_then(|stay| stay.since).map(output::time).unwrap_or_default(),
            spent(journey, &journey.waiting, &Phase::Waiting, now),
            spent(journey, &journey.in_review, &Phase::InReview, now),
        ]
    });
    output::table(&["app", "version", "platform", "state", "since (utc)", "waited", "in review"], rows)
}

/// How long review takes as a rule, of those that are listed.
pub(in crate::cli) fn rule(kind: &EventKind, times: &Times) -> String {
    let said = |median: &Median| match median.seconds {
        Some(seconds) => {
            format!("{} (median of {})", length(seconds), output::count(median.rounds as u64, "round", "rounds"))
        }
        None => "not known".to_owned(),
    };
    let review = if *kind == EventKind::BuildBetaDetailExternalBuildStateUpdated { "beta review" } else { "review" };
    let versions = if times.versions == LAST { format!(", over the newest {LAST}") } else { String::new() };
    format!("waiting for {review}: {}; in {review}: {}{versions}", said(&times.waiting), said(&times.in_review))
}

fn spent(journey: &Journey, spent: &Spent, phase: &Phase, now: Timestamp) -> String {
    let since = journey.present().filter(|stay| stay.phase == *phase).and_then(|stay| stay.since);
    match since {
        Some(since) => format!("{} so far", length(spent.seconds.saturating_add(now.duration_since(since).as_secs()))),
        None if spent.is_all && spent.rounds == 0 => String::new(),
        None if spent.is_all => length(spent.seconds),
        None if spent.rounds == 0 => "not told".to_owned(),
        None => format!("at least {}", length(spent.seconds)),
    }
}

fn length(seconds: i64) -> String {
    duration(SignedDuration::from_secs(seconds))
}
