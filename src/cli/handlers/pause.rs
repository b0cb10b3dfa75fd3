//! `handlers pause` and `handlers resume`: whether a handler is given anything.

use serde_json::json;

use super::super::{Format, Outcome, events, output};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    inbox::Store,
};

/// Give a handler nothing until it is resumed; what is owed to it waits
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Pause {
    /// The handler
    #[arg(value_name = "NAME")]
    handler: String,
    /// Why, for whoever looks at it next
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    format: Format,
}

/// Let a paused handler go on
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Resume {
    /// The handler
    #[arg(value_name = "NAME")]
    handler: String,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn pause(config: &Config, store: &dyn Store, arguments: &Pause) -> Outcome {
    let (name, now) = (&arguments.handler, SystemClock::new().now());
    events::names::handler(name, config, &store.stats(now).await?)?;
    let changed = store.pause(name, &arguments.reason, now).await?;
    let said = if changed { "is paused; what is under way ends, and what comes in waits" } else { "is paused already" };
    tell(name, true, changed, said, arguments.format)
}

pub(super) async fn resume(config: &Config, store: &dyn Store, arguments: &Resume) -> Outcome {
    let name = &arguments.handler;
    events::names::handler(name, config, &store.stats(SystemClock::new().now()).await?)?;
    let changed = store.resume(name).await?;
    let said = match (changed, events::names::is_configured(name, config)) {
        (true, true) => "goes on with what is owed to it",
        (true, false) => "is paused no more, but it is not in the configuration: what is owed to it waits until it is",
        (false, _) => "is not paused",
    };
    tell(name, false, changed, said, arguments.format)
}

fn tell(handler: &str, is_paused: bool, changed: bool, said: &str, format: Format) -> Outcome {
    if format.json {
        return Ok(output::json(&json!({ "handler": handler, "paused": is_paused, "changed": changed }))?);
    }
    output::talk(format_args!("`{}` {said}", output::plain(handler)));
    Ok(())
}
