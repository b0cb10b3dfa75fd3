//! `sandbox drive`: tells a scenario, and shows each step as it is taken.

use clap::builder::{PossibleValue, PossibleValuesParser};

use super::{
    super::{Format, failure::Outcome, output},
    remote::{Delivery, Place, Step},
};
use crate::sandbox::{MARKETPLACE, Scenario};

/// Take an app through a scenario, from where it stands to its end, and notify its webhooks of each step
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which
    #[arg(value_parser = PossibleValuesParser::new(Scenario::ALL.map(|scenario| PossibleValue::new(scenario.as_str()).help(scenario.about()))))]
    scenario: String,
    /// The id of the app. Otherwise the first of the sandbox
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// How long to wait between one step and the next
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pace: humantime::Duration,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let remote = arguments.place.connect()?;
    let fields = [("scenario", Some(arguments.scenario.clone())), ("app", arguments.app.clone())];
    let mut steps: Vec<Step> = Vec::new();
    while steps.last().is_none_or(|step| !step.last) {
        if !steps.is_empty() {
            tokio::time::sleep(*arguments.pace).await;
        }
        let step: Step = remote.press("/sandbox/step", &fields).await?;
        if arguments.format.json {
            output::json_line(&step)?;
        } else {
            output::line(line(&step))?;
        }
        steps.push(step);
    }
    if !arguments.format.json {
        output::talk(account(&steps));
    }
    Ok(())
}

/// What was answered to a step, and what happened in it.
pub(in crate::cli) fn line(step: &Step) -> String {
    let answer = |delivery: &Delivery| delivery.status.map_or("–".to_owned(), |status| status.to_string());
    let mut answers: Vec<String> = step.deliveries.iter().map(answer).collect();
    let mut notes: Vec<&str> = Vec::new();
    for delivery in step.deliveries.iter().filter(|delivery| delivery.status.is_none()) {
        notes.push(delivery.error.as_deref().unwrap_or("not answered yet"));
    }
    if answers.is_empty() {
        answers.push("–".to_owned());
        notes.push("no webhook was told");
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    output::plain(&format!("{:>3}  {}{notes}", answers.join(" "), step.summary))
}

/// What came of it all.
pub(in crate::cli) fn account(steps: &[Step]) -> String {
    let deliveries = || steps.iter().flat_map(|step| &step.deliveries);
    let of_state = |state: &str| deliveries().filter(|delivery| delivery.state == state).count();
    let words = [("SUCCEEDED", "succeeded"), ("FAILED", "failed"), ("PENDING", "pending")];
    let words: Vec<String> =
        words.iter().filter(|(state, _)| of_state(state) > 0).map(|(state, word)| format!("{} {word}", of_state(state))).collect();
    let events = output::count(steps.len() as u64, "event", "events");
    if words.is_empty() {
        return format!(
            "{events}, and nobody was told: register a webhook for the app first, on the sandbox's page or over its API; what is about \
             packages goes to the webhooks of the marketplace's app, {}",
            MARKETPLACE.id
        );
    }
    format!("{events}, {}: {}", output::count(deliveries().count() as u64, "delivery", "deliveries"), words.join(", "))
}
