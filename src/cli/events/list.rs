//! `events list`: receipts, newest first, a page at a time.

use super::{
    super::{Format, Outcome, output},
    filter::Filter,
};
use crate::{
    config::Config,
    inbox::{
        Content, Dispatch, ReceiptId, Source, Store,
        query::{Listed, PageRequest},
    },
};

/// List what is kept, newest first
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only what came before this number: the `next` of the page before
    #[arg(long, value_name = "ID", value_parser = super::number)]
    before: Option<i64>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, store: &dyn Store, arguments: &Arguments) -> Outcome {
    let page = PageRequest { before: arguments.before.map(ReceiptId), limit: arguments.limit as usize };
    let page = store.receipts(&arguments.filter.settle(config, store).await?, page).await?;
    if arguments.format.json {
        return Ok(output::json(&page)?);
    }
    if !page.items.is_empty() {
        output::line(table(&page.items))?;
    }
    match page.next {
        Some(next) if page.items.is_empty() => {
            output::talk(format_args!("nothing matches down to number {next}: `--before {next}` looks further back"));
        }
        Some(next) => output::talk(format_args!("there is more: add `--before {next}`")),
        None if page.items.is_empty() => output::talk("nothing is kept that matches"),
        None => {}
    }
    Ok(())
}

/// The receipts as a table.
pub(in crate::cli) fn table(items: &[Listed]) -> String {
    let rows = items.iter().map(|Listed { receipt, dispatches }| {
        let (kind, state, subject) = match &receipt.content {
            Content::Event(event) => {
                (event.kind.clone(), event.state.clone().unwrap_or_default(), event.subject_id.clone().unwrap_or_default())
            }
            Content::Unparsed { .. } => ("(unparsed)".to_owned(), String::new(), String::new()),
        };
        vec![
            receipt.id.to_string(),
            output::time(receipt.received_at),
            match receipt.source {
                Source::Pushed => receipt.endpoint.clone(),
                source => format!("{} ({})", receipt.endpoint, source.as_str()),
            },
            output::short(&kind),
            output::short(&state),
            output::short(&subject),
            standing(dispatches),
        ]
    });
    output::table(&["id", "received (utc)", "endpoint", "kind", "state", "subject", "handlers"], rows)
}

fn standing(dispatches: &[Dispatch]) -> String {
    let words: Vec<String> =
        dispatches.iter().map(|dispatch| format!("{} {}", dispatch.handler, dispatch.state.as_str())).collect();
    words.join(", ")
}
