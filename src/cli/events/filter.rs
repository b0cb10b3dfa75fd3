//! The flags that say which receipts are meant.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::{failure::Failure, moment::moment, send};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Config, did_you_mean},
    inbox::{DispatchState, Store, query::ReceiptFilter},
};

/// Which receipts. Without any of these: all.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct Filter {
    /// Of this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Of this kind, as `send` takes it; may be repeated
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// With this event id
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// About the subject with this id
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// In this state
    #[arg(long)]
    state: Option<String>,
    /// Received since then: `2027-01-31T08:00:00Z`, or how long ago, `2h`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Received before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only what is authentic but no event
    #[arg(long)]
    unparsed: bool,
    /// With a dispatch in this state
    #[arg(long, value_name = "STATE", value_parser = dispatch_state)]
    dispatch: Option<DispatchState>,
    /// With a dispatch to this handler
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
}

impl Filter {
    /// The question to the store. Names that neither the configuration nor the store knows are mistakes.
    pub(super) async fn settle(&self, config: &Config, store: &dyn Store) -> Result<ReceiptFilter, Failure> {
        if self.endpoint.is_some() || self.handler.is_some() {
            let stats = store.stats(SystemClock::new().now()).await?;
            let kept = stats.endpoints.iter().map(|of| of.endpoint.as_str());
            known("endpoint", self.endpoint.as_deref(), kept.chain(config.endpoints.iter().map(|one| &*one.name)))?;
            let owed = stats.handlers.iter().map(|of| of.handler.as_str());
            known("handler", self.handler.as_deref(), owed.chain(config.handlers.iter().map(|one| &*one.name)))?;
        }
        let kinds = self.kinds.iter().map(|kind| Ok(send::kind_of(kind)?.to_string())).collect::<Result<_, Failure>>()?;
        Ok(ReceiptFilter {
            endpoint: self.endpoint.clone(),
            kinds,
            event_id: self.event_id.clone(),
            subject_id: self.subject.clone(),
            state: self.state.clone(),
            since: self.since,
            until: self.until,
            unparsed: self.unparsed,
            dispatch: self.dispatch,
            handler: self.handler.clone(),
        })
    }
}

fn known<'n>(what: &str, name: Option<&str>, names: impl Iterator<Item = &'n str>) -> Result<(), Failure> {
    let Some(name) = name else { return Ok(()) };
    let names: BTreeSet<&str> = names.collect();
    if names.contains(name) {
        return Ok(());
    }
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let hint = did_you_mean(name, names).or_else(|| (!listed.is_empty()).then(|| format!("there is {}", listed.join(", "))));
    Err(Failure::not_found(format!("there is no {what} `{name}`, neither in the configuration nor in the store")).hint(hint))
}

fn dispatch_state(text: &str) -> Result<DispatchState, String> {
    let names = DispatchState::ALL.map(DispatchState::as_str);
    let state = DispatchState::ALL.into_iter().find(|state| state.as_str() == text);
    state.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}
