//! Puts together what details of events come from: the key, the endpoints' apps, the store.

use std::{collections::HashMap, sync::Arc};

use super::assembly::outgoing;
use crate::{
    asc::{self, lookup::Lookup},
    config::{Config, Loaded, Problems},
    enrichment::Enrichment,
    inbox::Store,
};

/// The way to details of events; none without a key.
pub(super) fn enrichment(
    loaded: &Loaded,
    client: Option<&Arc<asc::Client>>,
    store: &Arc<dyn Store>,
) -> Result<Option<Arc<Enrichment>>, Problems> {
    let (Some(asc), Some(client)) = (&loaded.config.asc, client) else { return Ok(None) };
    let lookup = Lookup::new(Arc::clone(client), asc.tester_email, &outgoing(&loaded.config.outgoing, &loaded.origins)?)
        .map_err(|error| Problems::from(loaded.origins.problem_text("asc.base_url", error.to_string(), None)))?;
    Ok(Some(Arc::new(Enrichment::new(lookup, Arc::clone(store), apps(&loaded.config), asc.patience))))
}

/// The app whose webhook posts to an endpoint, by the endpoint's name.
pub(super) fn apps(config: &Config) -> HashMap<String, String> {
    let apps = config.endpoints.iter().filter_map(|endpoint| Some((endpoint.name.to_string(), endpoint.app_id.clone()?)));
    apps.collect()
}
