//! `deliveries list`: Apple's tries, newest first, and whether we keep what they were about.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        Format, Outcome, Setup,
        given::{moment, some_time},
        open_if_here, output,
    },
    follow,
    which::{Meant, Which, deliveries},
};
use crate::{
    asc::delivery::{DeliveredEvent, Delivery, DeliveryFilter, DeliveryState},
    event::{Event, EventKind},
    inbox::{Store, kept::Kept},
};

/// List Apple's tries to deliver events, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The column `receipt` holds the number under which the event is kept, for `asc-webhooks events show`.
`no` means that it is not kept. Empty means that nobody knows: the store is on another machine, or
Apple does not say what the event was.

Examples:
  asc-webhooks deliveries list --since 2h
  asc-webhooks deliveries list --endpoint my-app --state failed --since 7d
  asc-webhooks deliveries list --follow")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Made since then: `2027-01-31T08:00:00Z`, or how long ago, `2h`
    #[arg(long, value_name = "TIME", value_parser = moment, default_value = "1d")]
    pub(super) since: Timestamp,
    /// Made before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// In this state: `succeeded`, `failed` or `pending`; may be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    pub(super) states: Vec<DeliveryState>,
    /// Go on showing what Apple adds, a line each, until stopped
    #[arg(long, conflicts_with_all = ["until", "limit"])]
    follow: bool,
    /// How often to ask, with `--follow`
    #[arg(long, value_name = "DURATION", value_parser = some_time, default_value = "30s", requires = "follow")]
    pub(super) every: Duration,
    /// How many at most; a few more if they were made in the same instant
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[command(flatten)]
    pub(super) format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let (loaded, client) = setup.client()?;
    let (config, client) = (&loaded.config, &*client);
    let mut filter = DeliveryFilter::since(arguments.since).in_states(arguments.states.iter().cloned());
    if let Some(until) = arguments.until {
        filter = filter.until(until);
    }
    let webhooks = arguments.which.webhooks(config, client).await?;
    let store = open_if_here(config);
    if arguments.follow {
        return follow::run(client, &webhooks, store.as_ref().map(|store| store as &dyn Store), arguments).await;
    }
    let (found, next) = newest(deliveries(client, &webhooks, &filter).await?, arguments.limit as usize);
    let mut items = Vec::new();
    for (webhook, delivery) in found {
        items.push(Listed::new(webhook, delivery, store.as_ref().map(|store| store as &dyn Store)).await?);
    }
    if arguments.format.json {
        let items: Vec<Value> = items.iter().map(Listed::document).collect();
        return Ok(output::json(&json!({ "items": items, "next": next }))?);
    }
    if items.is_empty() {
        output::talk("Apple lists no delivery that matches");
        return Ok(());
    }
    output::line(table(&items, webhooks.len() > 1))?;
    if let Some(next) = next {
        output::talk(format_args!("there is more: add `--until {next}`"));
    }
    Ok(())
}

/// A delivery with all that is known of it, here and there.
#[derive(Debug)]
pub(super) struct Listed {
    webhook: Meant,
    delivery: Delivery,
    event: Option<Event>,
    kept: Kept,
}

impl Listed {
    pub(super) async fn new(webhook: &Meant, delivery: Delivery, store: Option<&dyn Store>) -> anyhow::Result<Self> {
        let event = delivery.event.as_deref().and_then(DeliveredEvent::event);
        let kept = Kept::of(event.as_ref(), store).await?;
        Ok(Self { webhook: webhook.clone(), delivery, event, kept })
    }

    fn kind(&self) -> Option<EventKind> {
        let delivered = self.delivery.event.as_ref();
        let told = delivered.and_then(|event| event.kind.clone().or(event.is_ping.then_some(EventKind::WebhookPingCreated)));
        self.event.as_ref().map(|event| event.kind.clone()).or(told)
    }

    /// What programs read, under the names that the operator's API has for it.
    pub(super) fn document(&self) -> Value {
        let Self { webhook, delivery, event, kept } = self;
        json!({
            "id": delivery.id,
            "webhook": webhook.id,
            "endpoint": webhook.endpoint,
            "state": delivery.state,
            "created_at": delivery.created_at,
            "sent_at": delivery.sent_at,
            "url": delivery.url,
            "is_redelivery": delivery.is_redelivery,
            "status": delivery.answered_status,
            "error": delivery.error,
            "event_id": event.as_ref().map(|event| &event.id),
            "kind": self.kind(),
            "is_ping": delivery.event.as_ref().is_some_and(|event| event.is_ping),
            "kept": kept.is_kept(),
            "receipt": kept.receipt(),
        })
    }

    /// What people read where there is no table: when, how it went, what it was.
    pub(super) fn line(&self) -> String {
        let row = self.row();
        let cell = |column: usize| row.get(column).map_or_else(String::new, |text| output::plain(text));
        let [created, event, state, status, receipt, id, error] = [1, 2, 3, 4, 5, 6, 7].map(cell);
        let line = format!("{created}  {state:<16}  {status:<4}  {receipt:<6}  {event}  {id}  {error}");
        line.trim_end().to_owned()
    }

    fn row(&self) -> Vec<String> {
        let Self { delivery, event, kept, .. } = self;
        let state = delivery.state.as_ref().map(|state| state.as_str().to_lowercase()).unwrap_or_default();
        vec![
            delivery.id.clone(),
            delivery.created_at.map(output::time).unwrap_or_default(),
            self.kind().map(|kind| output::short(kind.as_str())).unwrap_or_default(),
            if delivery.is_redelivery { format!("{state}, again") } else { state },
            delivery.answered_status.map(|status| status.to_string()).unwrap_or_default(),
            match kept {
                Kept::As(receipt) => receipt.to_string(),
                Kept::No => "no".to_owned(),
                Kept::Unknown => String::new(),
            },
            event.as_ref().map(|event| output::short(&event.id)).unwrap_or_default(),
            output::short(delivery.error.as_deref().unwrap_or_default()),
        ]
    }
}

/// The deliveries as a table; with the webhook that each is of, if there are several.
fn table(items: &[Listed], with_webhook: bool) -> String {
    let mut header = vec!["delivery", "created (utc)", "event", "state", "http", "receipt", "event id", "error"];
    if with_webhook {
        header.push("webhook");
    }
    let rows = items.iter().map(|item| {
        let mut row = item.row();
        if with_webhook {
            row.push(output::short(item.webhook.name.as_ref().unwrap_or(&item.webhook.id)));
        }
        row
    });
    output::table(&header, rows)
}

/// The newest so many, and where the rest begins. Those that were made in the same instant stay together, so that nothing falls between
/// two parts of the list; those that do not say when they were made come first.
fn newest<T>(mut found: Vec<(T, Delivery)>, limit: usize) -> (Vec<(T, Delivery)>, Option<Timestamp>) {
    let made = |(_, delivery): &(T, Delivery)| delivery.created_at.unwrap_or(Timestamp::MAX);
    found.sort_by_key(|item| std::cmp::Reverse(made(item)));
    let Some(last) = limit.checked_sub(1).and_then(|last| found.get(last)).map(made) else { return (found, None) };
    let end = found.partition_point(|item| made(item) >= last);
    let next = (end < found.len()).then_some(last);
    found.truncate(end);
    (found, next)
}

fn state(text: &str) -> Result<DeliveryState, String> {
    let state = DeliveryState::from(text.to_uppercase().as_str());
    if state.is_known() { Ok(state) } else { Err("expected `succeeded`, `failed` or `pending`".to_owned()) }
}
