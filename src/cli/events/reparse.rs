//! `events reparse`: reads again what could not be read when it came, and has it handled.

use std::sync::Arc;

use super::super::{Format, Outcome, output};
use crate::{app::App, clock::GuestClock, config::Loaded, handler::Registry, inbox::sqlite::Sqlite};

/// Try again to read what is kept unparsed: after an upgrade, as a rule
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(loaded: &Loaded, registry: &Registry, store: Sqlite, arguments: &Arguments) -> Outcome {
    let app = App::with_store(loaded, registry, Arc::new(store), Arc::new(GuestClock))?;
    let done = app.intake().reparse().await?;
    app.store().close().await?;
    if arguments.format.json {
        return Ok(output::json(&done)?);
    }
    output::talk(format_args!("{} tried, {} can be read now", output::count(done.tried, "receipt", "receipts"), done.events));
    Ok(())
}
