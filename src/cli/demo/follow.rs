//! Follows what comes into a store, and shows each receipt when its handlers are done with it.
//!
//! It asks the store and nobody else: a line that is shown is a receipt that was read back from disk.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::super::{Format, failure::Failure, output};
use crate::{
    event::{EventKind, details::Details},
    inbox::{
        Content, DispatchState, ReceiptId, Store, StoreError,
        query::{Listed, PageRequest, ReceiptFilter},
    },
};

/// How often the store is asked.
const LOOK: Duration = Duration::from_millis(50);

/// How many receipts are asked for at a time.
const PAGE: usize = 200;

#[derive(Debug)]
pub(super) struct Follow {
    store: Arc<dyn Store>,
    format: Format,
    last: Option<ReceiptId>,
    shown: HashMap<String, Handled>,
}

/// What came of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handled {
    ByAll,
    NotByAll,
}

impl Follow {
    /// Follows what comes in from now on.
    pub(super) async fn from_now(store: Arc<dyn Store>, format: Format) -> Result<Self, StoreError> {
        let newest = store.receipts(&ReceiptFilter::default(), PageRequest { before: None, limit: 1 }).await?;
        let last = newest.items.first().map(|listed| listed.receipt.id);
        Ok(Self { store, format, last, shown: HashMap::new() })
    }

    /// Shows what comes in while something else goes on.
    pub(super) async fn during<T>(&mut self, task: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::pin!(task);
        loop {
            self.show_new().await?;
            tokio::select! {
                done = &mut task => return Ok(done),
                () = sleep(LOOK) => {}
            }
        }
    }

    /// Goes on until all of these events have been shown, or patience is at its end.
    pub(super) async fn until_shown(&mut self, events: &[&str], patience: Duration) -> Result<(), Failure> {
        let end = Instant::now() + patience;
        self.show_new().await?;
        while self.kept(events) < events.len() && Instant::now() < end {
            self.during(sleep(LOOK)).await?;
        }
        Ok(())
    }

    /// How many of these events are kept, and have been shown.
    pub(super) fn kept(&self, events: &[&str]) -> usize {
        events.iter().filter(|event| self.shown.contains_key(**event)).count()
    }

    /// How many of these events every handler has taken.
    pub(super) fn handled(&self, events: &[&str]) -> usize {
        events.iter().filter(|event| self.shown.get(**event) == Some(&Handled::ByAll)).count()
    }

    async fn show_new(&mut self) -> Result<(), Failure> {
        for listed in self.unseen().await? {
            let is_open = |state| matches!(state, DispatchState::Waiting | DispatchState::Claimed);
            if listed.dispatches.iter().any(|dispatch| is_open(dispatch.state)) {
                // What comes after it is shown after it.
                return Ok(());
            }
            if self.format.json {
                output::json_line(&listed)?;
            } else {
                let details = self.store.receipt(listed.receipt.id).await?.and_then(|record| Details::read(&record.details?));
                output::line(line(&listed, &details.unwrap_or_default()))?;
            }
            let is_done = listed.dispatches.iter().all(|dispatch| dispatch.state == DispatchState::Done);
            self.last = Some(listed.receipt.id);
            if let Content::Event(event) = listed.receipt.content {
                self.shown.insert(event.event_id, if is_done { Handled::ByAll } else { Handled::NotByAll });
            }
        }
        Ok(())
    }

    /// What came in since, oldest first.
    async fn unseen(&self) -> Result<Vec<Listed>, StoreError> {
        let (mut new, mut before) = (Vec::new(), None);
        loop {
            let page = self.store.receipts(&ReceiptFilter::default(), PageRequest { before, limit: PAGE }).await?;
            let reached = page.items.iter().any(|listed| Some(listed.receipt.id) <= self.last);
            new.extend(page.items.into_iter().filter(|listed| Some(listed.receipt.id) > self.last));
            before = page.next;
            if reached || before.is_none() {
                new.reverse();
                return Ok(new);
            }
        }
    }
}

/// What the columns of [`line`] are.
pub(in crate::cli) fn header() -> String {
    columns("RECEIVED", "ID", "HANDLERS", "EVENT", "VERSION", "STATE")
}

/// A receipt on one line, which a terminal of 80 columns has room for.
pub(in crate::cli) fn line(listed: &Listed, details: &Details) -> String {
    let Listed { receipt, dispatches } = listed;
    let done = dispatches.iter().filter(|dispatch| dispatch.state == DispatchState::Done);
    let handlers: Vec<&str> = done.map(|dispatch| dispatch.handler.as_str()).collect();
    let handlers = if handlers.is_empty() { "nobody".to_owned() } else { handlers.join(", ") };
    let (family, state) = match &receipt.content {
        Content::Event(event) => {
            (EventKind::from(event.kind.as_str()).family().as_str(), event.state.as_deref().unwrap_or_default())
        }
        Content::Unparsed { .. } => ("(unparsed)", ""),
    };
    let version = match (details.version_string(), details.build_number()) {
        (Some(version), Some(build)) => format!("{version} ({build})"),
        (version, _) => version.unwrap_or_default().to_owned(),
    };
    let received = receipt.received_at.strftime("%H:%M:%S").to_string();
    output::plain(columns(&received, &receipt.id.to_string(), &handlers, family, &version, state).trim_end())
}

fn columns(received: &str, receipt: &str, handlers: &str, event: &str, version: &str, state: &str) -> String {
    format!("{received:<9} {receipt:<3} {handlers:<9} {event:<17} {version:<9} {state}")
}
