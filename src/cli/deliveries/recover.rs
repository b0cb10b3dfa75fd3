//! `deliveries recover`: fetches back what did not arrive, now and not at the next interval.
//!
//! It works beside a running server: both keep what they find in the same store, where each event is one receipt whoever brings it, and
//! the server's workers find what it is owed to.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::super::{
    Format, Outcome, Setup,
    events::account_table,
    failure::{Failure, asked},
    given::moment,
    output,
    progress::Progress,
};
use crate::{
    app::App,
    clock::SystemClock,
    recovery::{Followed, Recovered, Recovery, RecoveryError},
};

/// Fetch back the events that Apple lists and that did not arrive
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// From then on: `2027-01-31T08:00:00Z`, or how long ago, `2d`. Otherwise from where the last complete look ended
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Of this endpoint. Otherwise of every endpoint with an `app_id`
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    setup.client()?;
    let (loaded, store) = setup.open()?;
    let app = App::with_store(&loaded, setup.registry, Arc::new(store), Arc::new(SystemClock::new()))?;
    let looked = match app.recovery() {
        Some(recovery) => look(recovery, arguments).await,
        None => Ok(Vec::new()),
    };
    app.store().close().await?;
    let looked = looked?;
    if arguments.format.json {
        return Ok(output::json(&json!({ "items": looked, "next": null }))?);
    }
    for of in &looked {
        output::talk(words(of));
    }
    let accounts: Vec<_> = looked.into_iter().map(|of| of.account).collect();
    Ok(output::line(account_table(&accounts))?)
}

/// What a look came to, in words.
pub(in crate::cli) fn words(recovered: &Recovered) -> String {
    let Recovered { endpoint, deliveries, recovered, under_way, .. } = recovered;
    let deliveries = output::count(*deliveries, "delivery", "deliveries");
    let came = match recovered {
        0 => "nothing was missed".to_owned(),
        _ => format!("{} fetched back", output::count(*recovered, "event", "events")),
    };
    let later = if *under_way > 0 { format!(", {under_way} still under way") } else { String::new() };
    format!("{endpoint}: {deliveries}, {came}{later}")
}

async fn look(recovery: &Recovery, arguments: &Arguments) -> Result<Vec<Recovered>, Failure> {
    let endpoints = meant(recovery, arguments.endpoint.as_deref())?;
    let (mut looked, mut before) = (Vec::new(), 0);
    let mut progress = Progress::new("deliveries");
    // Apple may have us wait before the first of them comes.
    progress.at(before, None);
    for endpoint in endpoints {
        let mut tell = |seen, of: Option<u64>| progress.at(before + seen, of.map(|of| before + of));
        let recovered = recovery.recover_telling(&endpoint, arguments.since, &mut tell).await.map_err(failure)?;
        before += recovered.deliveries;
        looked.push(recovered);
    }
    Ok(looked)
}

/// The endpoints that are asked for.
fn meant(recovery: &Recovery, name: Option<&str>) -> Result<Vec<Followed>, Failure> {
    let mut endpoints = recovery.endpoints();
    endpoints.retain(|endpoint| name.is_none_or(|name| *endpoint.name == *name));
    if !endpoints.is_empty() {
        return Ok(endpoints);
    }
    let hint =
        "write `app_id` into the `[[endpoint]]` of the configuration; the older marketplace webhooks have no list".to_owned();
    Err(match name {
        Some(name) => Failure::not_found(format!("there is no endpoint `{name}` with an `app_id`")).hint(hint),
        None => Failure::new("there is no endpoint with an `app_id`").hint(hint),
    })
}

fn failure(error: RecoveryError) -> Failure {
    let hint = error.hint();
    match error {
        RecoveryError::Asked(error) => asked(error),
        RecoveryError::NoWebhook { .. } => Failure::not_found(error).hint(hint),
        error => Failure::unreachable(error),
    }
}
