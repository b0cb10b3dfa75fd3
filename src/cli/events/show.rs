//! `events show`: all that is known of one receipt, or its bytes as they came.

use serde_json::Value;

use super::super::{Format, Outcome, output};
use crate::{
    event::Details,
    inbox::{Content, Source, Store, query::ReceiptRecord},
};

/// Show one receipt with its dispatches and attempts
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Its number
    #[arg(value_parser = super::number)]
    id: i64,
    /// Write its bytes, exactly as they came
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(store: &dyn Store, arguments: &Arguments) -> Outcome {
    let record = super::record(store, arguments.id).await?;
    if arguments.raw {
        return Ok(output::bytes(&record.body)?);
    }
    if arguments.format.json {
        return Ok(output::json(&document(&record)?)?);
    }
    Ok(output::line(words(&record))?)
}

/// The receipt as JSON, with its details and its body: as text in `body` if it is UTF-8, else in `body_base64`.
pub(in crate::cli) fn document(record: &ReceiptRecord) -> serde_json::Result<Value> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut document = serde_json::to_value(record)?;
    match std::str::from_utf8(&record.body) {
        Ok(text) => document["body"] = text.into(),
        Err(_) => document["body_base64"] = STANDARD.encode(&record.body).into(),
    }
    document["details"] = details(record).map(serde_json::to_value).transpose()?.unwrap_or_default();
    Ok(document)
}

fn details(record: &ReceiptRecord) -> Option<Details> {
    Details::read(record.details.as_ref()?)
}

/// The receipt as people read it.
pub(in crate::cli) fn words(record: &ReceiptRecord) -> String {
    let receipt = &record.receipt;
    let mut lines = vec![
        ("receipt", receipt.id.to_string()),
        ("endpoint", receipt.endpoint.clone()),
        ("received", format!("{} UTC, {}", output::time(receipt.received_at), receipt.source.as_str())),
        (if receipt.source == Source::Unsigned { "token" } else { "secret" }, receipt.secret.clone().unwrap_or_default()),
    ];
    match &receipt.content {
        Content::Event(event) => {
            let change =
                [event.previous_state.as_deref(), event.state.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" → ");
            let subject =
                [event.subject_type.as_deref(), event.subject_id.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            lines.extend([
                ("event", event.event_id.clone()),
                ("kind", event.kind.clone()),
                ("state", change),
                ("subject", subject),
                ("happened", event.time.map(|time| format!("{} UTC", output::time(time))).unwrap_or_default()),
            ]);
        }
        Content::Unparsed { reason } => lines.push(("unparsed", reason.clone())),
    }
    lines.extend(details(record).iter().flat_map(super::details::lines));
    lines.push(("size", output::size(receipt.size)));
    lines.push(("identity", receipt.identity.clone()));
    let mut words: Vec<String> = lines
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<9} {}", output::plain(&value)))
        .collect();
    words.push(String::new());
    if record.dispatches.is_empty() {
        words.push("No handler is owed this.".to_owned());
    } else {
        words.push(dispatches(record));
        words.extend(attempts(record));
    }
    words.join("\n")
}

fn dispatches(record: &ReceiptRecord) -> String {
    let rows = record.dispatches.iter().map(|known| {
        let dispatch = &known.dispatch;
        let due = dispatch.due_at.map(output::time).unwrap_or_default();
        vec![dispatch.handler.clone(), dispatch.state.as_str().to_owned(), dispatch.attempts.to_string(), due]
    });
    output::table(&["handler", "dispatch", "attempts", "next try (utc)"], rows)
}

fn attempts(record: &ReceiptRecord) -> Option<String> {
    let tried = record.dispatches.iter().flat_map(|known| known.history.iter().map(|attempt| (&known.dispatch.handler, attempt)));
    let rows: Vec<Vec<String>> = tried
        .map(|(handler, attempt)| {
            vec![
                handler.clone(),
                attempt.number.to_string(),
                output::time(attempt.started_at),
                format!("{} ms", attempt.took.as_millis()),
                attempt.result.as_str().to_owned(),
                attempt.error.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let header = ["handler", "try", "started (utc)", "took", "result", "error"];
    (!rows.is_empty()).then(|| format!("\n{}", output::table(&header, rows)))
}
