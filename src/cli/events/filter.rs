//! The flags that say which receipts are meant.

use jiff::Timestamp;

use super::{
    super::{failure::Failure, given::moment, send},
    names,
};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    event::{EventKind, sample},
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
    /// About the app with this id or bundle id, as far as Apple told
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// With this text in an id, the kind, the state or what Apple told of it: an app's name, a version, a tester's words
    #[arg(long)]
    text: Option<String>,
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
            self.endpoint.as_ref().map_or(Ok(()), |name| names::endpoint(name, config, &stats))?;
            self.handler.as_ref().map_or(Ok(()), |name| names::handler(name, config, &stats))?;
        }
        let kinds = self.kinds.iter().map(|kind| Ok(send::kind_of(kind)?.to_string())).collect::<Result<_, Failure>>()?;
        Ok(ReceiptFilter {
            endpoint: self.endpoint.clone(),
            kinds,
            event_id: self.event_id.clone(),
            subject_id: self.subject.clone(),
            state: self.state.as_deref().map(state),
            since: self.since,
            until: self.until,
            unparsed: self.unparsed,
            dispatch: self.dispatch,
            handler: self.handler.clone(),
            app: self.app.clone(),
            text: self.text.clone(),
        })
    }
}

/// The state that is meant: Apple's, however its letters are written, or one that is not known here, as it stands.
fn state(text: &str) -> String {
    let known = EventKind::ALL.iter().flat_map(sample::states).find(|known| known.eq_ignore_ascii_case(text));
    known.map_or_else(|| text.to_owned(), |known| (*known).to_owned())
}

fn dispatch_state(text: &str) -> Result<DispatchState, String> {
    let names = DispatchState::ALL.map(DispatchState::as_str);
    let state = DispatchState::ALL.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(text));
    state.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(state(text), expected);
    }

    #[test]
    fn letters_may_be_small_or_large() {
        check("rejected", "REJECTED");
        check("In_Review", "IN_REVIEW");
        check("REJECTED", "REJECTED");
        check("a_state_of_Tomorrow", "a_state_of_Tomorrow");
        assert_eq!(dispatch_state("Dead"), Ok(DispatchState::Dead));
    }
}
