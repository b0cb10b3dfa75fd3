//! `check`: is the configuration right? Everything but listening and opening the store is tried; with `--online`, Apple's side too.

mod online;
mod registration;

use std::time::Duration;

use serde_json::json;

use super::{
    Format, Setup,
    failure::{Failure, Outcome},
    given::some_time,
    output,
};
use crate::{
    app,
    config::{EndpointKind, Problem},
};

/// Load the configuration, build every handler, and say all that is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With `--online` nothing is changed, but Apple is asked to ping every webhook, so the server must run.
Found in this order: whether Apple takes the key, whether each endpoint with an `app_id` is registered,
enabled, at the right address and for the right events, and whether a ping arrives in the store.
Every handler that does nothing but tell people sends a message that says that it is a test, unless
`--no-test-messages` is given.")]
pub(super) struct Arguments {
    /// Ask Apple too: the key and its role, what is registered, and a ping all the way to the store
    #[arg(long)]
    online: bool,
    /// With `--online`: send no test messages through the handlers that tell people
    #[arg(long, requires = "online")]
    no_test_messages: bool,
    /// With `--online`: how long to wait for each ping
    #[arg(long, value_name = "DURATION", value_parser = some_time, default_value = "30s")]
    timeout: Duration,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let loaded = app::load(&setup.sources(Vec::new()), setup.registry);
    let (problems, warnings) = match &loaded {
        Ok(loaded) => (Vec::new(), &loaded.warnings),
        Err(found) => (found.problems.clone(), &found.warnings),
    };
    let is_json = arguments.format.json;
    let given = listed(&problems, warnings);
    if !is_json && !given.is_empty() {
        output::line(given)?;
    }
    let endpoints = loaded.iter().flat_map(|loaded| &loaded.config.endpoints);
    for endpoint in endpoints.filter(|endpoint| endpoint.kind == EndpointKind::XcodeCloud && !is_json) {
        output::talk(format_args!("the endpoint `{}` takes what nobody signs: whoever knows its token gets in", endpoint.name));
    }
    let online = match &loaded {
        Ok(loaded) if arguments.online && problems.is_empty() => {
            let client = loaded.config.asc.is_some().then(|| setup.client()).transpose()?.map(|(_, client)| client);
            let mut findings = online::look(&loaded.config, client, arguments.timeout, is_json).await?;
            if !arguments.no_test_messages {
                online::try_out(&app::handlers(loaded, setup.registry)?, &mut findings).await?;
            }
            Some(findings)
        }
        _ => None,
    };
    let ok = problems.is_empty() && online.as_ref().is_none_or(online::Findings::are_good);
    if !is_json {
        let wrong = online.as_ref().map_or(0, online::Findings::wrong);
        output::line(verdict(problems.len() + wrong, warnings.len()))?;
    }
    if is_json {
        let mut document = json!({ "ok": ok, "problems": problems, "warnings": warnings });
        if let Some(findings) = &online {
            document["online"] = json!(findings.all);
        }
        output::json(&document)?;
    }
    match online {
        _ if ok => Ok(()),
        Some(findings) if findings.tell_of_refusal() => Err(Failure::unreachable(anyhow::anyhow!(""))),
        _ => Err(Failure::told()),
    }
}

/// What was found in the configuration, as people read it.
pub(super) fn listed(problems: &[Problem], warnings: &[Problem]) -> String {
    let mut lines: Vec<String> = warnings.iter().map(|warning| format!("warning: {warning}")).collect();
    lines.extend(problems.iter().map(ToString::to_string));
    lines.join("\n")
}

/// What it comes to, in the last line.
pub(super) fn verdict(problems: usize, warnings: usize) -> String {
    let number = |count: usize, one: &str, many: &str| match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    format!("{}, {}", number(problems, "problem", "problems"), number(warnings, "warning", "warnings"))
}
