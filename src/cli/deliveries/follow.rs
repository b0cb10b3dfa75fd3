//! `deliveries list --follow`: what Apple adds to its list, a line each, until somebody stops it.
//!
//! Nothing has to reach this machine for it, so a laptop behind a router can follow an app.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Outcome, failure::Failure, output},
    list::{Arguments, Listed},
    which::{Meant, deliveries},
};
use crate::{
    asc::{
        Client,
        delivery::{DeliveryFilter, DeliveryState},
    },
    inbox::Store,
};

/// How far each look goes back behind the newest delivery: an entry may come late, and one that is under way changes.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// Shows deliveries as they come. Once it has begun, trouble at Apple's side is told and borne.
pub(super) async fn run(client: &Client, webhooks: &[Meant], store: Option<&dyn Store>, arguments: &Arguments) -> Outcome {
    let mut followed = Followed { since: arguments.since, shown: HashMap::new() };
    followed.look(client, webhooks, store, arguments).await?;
    loop {
        tokio::time::sleep(arguments.every).await;
        if let Err(failure) = followed.look(client, webhooks, store, arguments).await {
            output::talk(failure.words());
        }
    }
}

/// How far the list has been shown.
struct Followed {
    since: Timestamp,
    /// The deliveries of the last look, each in the state in which it was shown.
    shown: HashMap<String, Option<DeliveryState>>,
}

impl Followed {
    /// Asks once, and shows what is new or has changed, the oldest first.
    async fn look(
        &mut self,
        client: &Client,
        webhooks: &[Meant],
        store: Option<&dyn Store>,
        arguments: &Arguments,
    ) -> Result<(), Failure> {
        let filter = DeliveryFilter::since(self.since).in_states(arguments.states.iter().cloned());
        let mut found = deliveries(client, webhooks, &filter).await?;
        found.sort_by_key(|(_, delivery)| delivery.created_at);
        let newest = found.iter().filter_map(|(_, delivery)| delivery.created_at).max();
        let mut shown = HashMap::new();
        for (webhook, delivery) in found {
            let (id, state) = (delivery.id.clone(), delivery.state.clone());
            if self.shown.get(&id) != Some(&state) {
                let listed = Listed::new(webhook, delivery, store).await?;
                if arguments.format.json {
                    output::json_line(&listed.document())?;
                } else {
                    output::line(listed.line())?;
                }
            }
            shown.insert(id, state);
        }
        self.shown = shown;
        // The window only moves on, so that what falls out of it has been shown.
        let behind = newest.and_then(|newest| newest.checked_sub(OVERLAP).ok());
        self.since = behind.map_or(self.since, |behind| behind.max(self.since));
        Ok(())
    }
}
