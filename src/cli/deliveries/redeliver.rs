//! `deliveries redeliver`: has Apple send events again, those of named deliveries or all that failed.
//!
//! What failed and came in since, by another delivery or by recovery, needs no redelivery, so it is left out.

use clap::ArgGroup;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        Format, Outcome, Setup,
        change::Rehearsal,
        failure::{Failure, asked},
        given::moment,
        open_if_here, output,
        progress::Progress,
    },
    which::{Which, deliveries},
};
use crate::{
    asc::{
        AppleError, Client, Error,
        delivery::{DeliveredEvent, DeliveryFilter, DeliveryState, EventDeliveries, by_event},
    },
    config::Config,
    inbox::{Store, StoreError, kept::Kept},
};

/// Have Apple send events again
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").args(["ids", "failed"]).required(true), after_help = "\
With `--failed`, each event is sent once. Left out are pings, events that are kept here, and events
of which another delivery succeeded or is under way.

Examples:
  asc-webhooks deliveries redeliver 5f0c…
  asc-webhooks deliveries redeliver --failed --since 3d --dry-run")]
pub(in crate::cli) struct Arguments {
    /// The deliveries to repeat, as `deliveries list` shows them
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Every event that failed to arrive, instead of named deliveries
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    which: Which,
    /// With `--failed`: of the deliveries made since then, `2027-01-31T08:00:00Z`, or how long ago, `2h`
    #[arg(long, value_name = "TIME", value_parser = moment, default_value = "1d")]
    since: Timestamp,
    #[command(flatten)]
    rehearsal: Rehearsal,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let (loaded, client) = setup.client()?;
    let (config, client) = (&loaded.config, &*client);
    let ids = if arguments.failed { failed(config, client, arguments).await? } else { arguments.ids.clone() };
    if ids.is_empty() && !arguments.format.json {
        output::talk("there is nothing to send again");
        return Ok(());
    }
    if arguments.rehearsal.dry_run {
        return rehearse(client, &ids, arguments.format);
    }
    let mut answers = Vec::new();
    let mut progress = Progress::new("redeliveries");
    for id in ids {
        progress.at(answers.len() as u64, None);
        let answer = client.redeliver(&id).await;
        // What Apple has against one delivery says nothing about the next; everything else would go wrong again.
        let goes_on = answer.as_ref().err().is_none_or(|error| matches!(error.status(), Some(404 | 409 | 422)));
        answers.push((id, answer.map(|delivery| delivery.id)));
        if !goes_on {
            break;
        }
    }
    drop(progress);
    report(answers, arguments.format)
}

/// One failed delivery of each event that did not arrive.
async fn failed(config: &Config, client: &Client, arguments: &Arguments) -> Result<Vec<String>, Failure> {
    let webhooks = arguments.which.webhooks(config, client).await?;
    let store = open_if_here(config);
    let found = deliveries(client, &webhooks, &DeliveryFilter::since(arguments.since)).await?;
    let (mut ids, mut kept) = (Vec::new(), 0);
    for group in by_event(found.into_iter().map(|(_, delivery)| delivery)) {
        if !has_failed(&group) {
            continue;
        }
        if is_kept(&group, store.as_ref().map(|store| store as &dyn Store)).await? {
            kept += 1;
            continue;
        }
        ids.extend(group.deliveries.into_iter().max_by_key(|delivery| delivery.created_at).map(|delivery| delivery.id));
    }
    if kept > 0 && !arguments.format.json {
        output::talk(format_args!("{} left out: kept here already", output::count(kept, "event is", "events are")));
    }
    Ok(ids)
}

fn has_failed(group: &EventDeliveries) -> bool {
    let is_ping = group.event.as_ref().is_some_and(|event| event.is_ping);
    !is_ping && group.deliveries.iter().all(|delivery| delivery.state == Some(DeliveryState::Failed))
}

async fn is_kept(group: &EventDeliveries, store: Option<&dyn Store>) -> Result<bool, StoreError> {
    let event = group.event.as_deref().and_then(DeliveredEvent::event);
    Ok(Kept::of(event.as_ref(), store).await?.is_kept() == Some(true))
}

fn rehearse(client: &Client, ids: &[String], format: Format) -> Outcome {
    let outlines: Result<Vec<_>, Error> = ids.iter().map(|id| client.redeliver(id).outline()).collect();
    let outlines = outlines.map_err(asked)?;
    if format.json {
        return Ok(output::json(&json!({ "items": outlines, "next": null }))?);
    }
    for outline in &outlines {
        output::line(output::ascii_controls(&outline.to_string()))?;
    }
    let requests = output::count(outlines.len() as u64, "request", "requests");
    output::talk(format_args!("nothing was changed: without `--dry-run`, Apple is sent this, {requests}"));
    Ok(())
}

fn report(answers: Vec<(String, Result<String, Error>)>, format: Format) -> Outcome {
    if format.json {
        let items: Vec<Value> = answers
            .iter()
            .map(|(id, answer)| {
                let error = answer.as_ref().err().map(ToString::to_string);
                json!({ "delivery": id, "redelivery": answer.as_ref().ok(), "error": error })
            })
            .collect();
        output::json(&json!({ "items": items, "next": null }))?;
    }
    let all = answers.len();
    let mut refused = Vec::new();
    for (id, answer) in answers {
        match answer {
            Ok(_) if format.json => {}
            Ok(new) => output::line(format_args!("{id} is sent again, as {new}"))?,
            Err(error) => refused.push((id, error)),
        }
    }
    let Some((_, last)) = refused.pop() else { return Ok(()) };
    for (id, error) in &refused {
        output::talk(format_args!("{id}: {error}"));
    }
    if all > 1 {
        output::talk(format_args!("{} of {all} could not be sent again; the last of them:", refused.len() + 1));
    }
    // Apple speaks of a field of the request, which the person has never seen.
    let of_the_delivery = matches!(last.status(), Some(404 | 409));
    let is_unknown = matches!(&last, Error::Refused { refusal, .. } if refusal.said.errors().iter().any(is_of_no_such_delivery));
    let failure = if is_unknown { Failure::not_found(last.with_causes()) } else { asked(last) };
    Err(if of_the_delivery {
        failure.hint("`asc-webhooks deliveries list` shows the deliveries there are".to_owned())
    } else {
        failure
    })
}

/// The one thing that the request refers to is the delivery.
fn is_of_no_such_delivery(error: &AppleError) -> bool {
    error.code.as_deref() == Some("ENTITY_ERROR.RELATIONSHIP.INVALID")
}
