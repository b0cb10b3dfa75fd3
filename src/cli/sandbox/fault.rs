//! `sandbox fault`: lets something go wrong.

use clap::builder::{PossibleValue, PossibleValuesParser};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::{Format, failure::Outcome, output},
    remote::{Items, Place, Remote},
};
use crate::sandbox::Mishap;

const CLEAR: &str = "clear";

/// Let something go wrong with what is sent or answered, or show what may still go wrong
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    fault: Option<String>,
    /// The next so many times. Otherwise once
    #[arg(long, value_name = "N", requires = "fault", value_parser = clap::value_parser!(u32).range(1..))]
    next: Option<u32>,
    /// With this probability, from 0 to 1, until it is cleared
    #[arg(long, value_name = "P", requires = "fault", conflicts_with = "next")]
    probability: Option<f64>,
    /// Only to the deliveries of this webhook
    #[arg(long, value_name = "ID", requires = "fault")]
    webhook: Option<String>,
    /// How long a delay or a slow body lasts
    #[arg(long, value_name = "TIME", requires = "fault")]
    time: Option<humantime::Duration>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize, Deserialize)]
struct Fault {
    #[serde(rename = "fault")]
    what: String,
    often: Often,
    webhook: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Often {
    Next(u32),
    Probability(f64),
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let remote = arguments.place.connect()?;
    match arguments.fault.as_deref() {
        None => {}
        Some(CLEAR) => drop(remote.press::<Items<Fault>>("/sandbox/faults/clear", &[]).await?),
        Some(fault) => drop(remote.press::<Fault>("/sandbox/faults", &arguments.fields(fault)).await?),
    }
    show(&remote, arguments.format).await
}

impl Arguments {
    fn fields(&self, fault: &str) -> [(&'static str, Option<String>); 5] {
        [
            ("fault", Some(fault.to_owned())),
            ("next", self.next.map(|next| next.to_string())),
            ("probability", self.probability.map(|probability| probability.to_string())),
            ("webhook", self.webhook.clone()),
            ("time", self.time.map(|time| time.to_string())),
        ]
    }
}

fn names() -> Vec<PossibleValue> {
    let mishaps = Mishap::ALL.iter().map(|mishap| PossibleValue::new(mishap.as_str()).help(mishap.about()));
    mishaps.chain([PossibleValue::new(CLEAR).help("nothing goes wrong any more")]).collect()
}

async fn show(remote: &Remote, format: Format) -> Outcome {
    let Items { items } = remote.read::<Items<Fault>>("/sandbox/faults").await?;
    if format.json {
        return Ok(output::json(&json!({ "items": items, "next": null }))?);
    }
    if items.is_empty() {
        output::talk("nothing goes wrong");
        return Ok(());
    }
    let rows = items.into_iter().map(|Fault { what, often, webhook }| {
        let often = match often {
            Often::Next(times) => format!("the next {times}"),
            Often::Probability(probability) => format!("with probability {probability}"),
        };
        vec![what, often, webhook.unwrap_or_else(|| "any".to_owned())]
    });
    Ok(output::line(output::table(&["fault", "how often", "webhook"], rows))?)
}
