//! A binary of one's own: everything that `asc-webhooks` does, and one more handler kind.
//!
//! `cargo run --example custom_handler -- serve --config tests/examples/custom_handler.toml`
#![expect(clippy::print_stdout, reason = "it speaks to whoever tries it")]

use std::{process::ExitCode, sync::Arc};

use asc_webhooks::{
    Registry,
    event::{AppVersion, AppVersionState, Event},
    handler::{Context, Handler, HandlerError, Section, on},
};

/// Announces every event in a room. `room` comes from the handler's block in the TOML file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Announce {
    room: String,
}

impl Handler for Announce {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        println!("#{}: {} {} (attempt {})", self.room, event.kind, event.state().unwrap_or("-"), ctx.attempt());
        Ok(())
    }
}

fn main() -> ExitCode {
    // A typed handler gets one family of events, and needs no settings.
    let celebrate = on::<AppVersion>(async |version, _ctx| {
        if version.change.to == Some(AppVersionState::ReadyForDistribution) {
            println!("it is out");
        }
        Ok(())
    });
    let registry = Registry::builtin()
        .register("announce", |section: Section| section.parse::<Announce>())
        .register_handler("celebrate", celebrate);
    asc_webhooks::cli::main(&registry)
}
