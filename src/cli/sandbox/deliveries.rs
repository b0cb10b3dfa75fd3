//! `sandbox deliveries`: what a sandbox has sent, as it records it itself.

use serde_json::json;

use super::{
    super::{Format, failure::Outcome, output},
    remote::{Delivery, Items, Place},
};

/// Show what a sandbox has sent, oldest first, and what was answered
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let Items { items } = arguments.place.connect()?.read::<Items<Delivery>>("/sandbox/deliveries").await?;
    if arguments.format.json {
        return Ok(output::json(&json!({ "items": items, "next": null }))?);
    }
    if items.is_empty() {
        output::talk("nothing has been sent yet");
        return Ok(());
    }
    Ok(output::line(table(&items))?)
}

/// The deliveries as a table.
pub(in crate::cli) fn table(items: &[Delivery]) -> String {
    let rows = items.iter().map(|delivery| {
        let answer = delivery.status.map(|status| status.to_string()).or_else(|| delivery.error.clone());
        let again = if delivery.redelivery { " (again)" } else { "" };
        vec![
            format!("{}{again}", output::short(&delivery.kind)),
            delivery.state.clone(),
            output::short(&answer.unwrap_or_default()),
            output::short(&delivery.event_id),
            delivery.id.clone(),
        ]
    });
    output::table(&["event", "state", "answer", "event id", "delivery"], rows)
}
