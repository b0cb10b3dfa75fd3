//! `events export`: everything that is kept, one JSON object a line.

use super::{
    super::{Outcome, output},
    filter::Filter,
    show,
};
use crate::{
    config::Config,
    inbox::{Store, query::PageRequest},
};

/// How many receipts are asked for at once.
const AT_ONCE: usize = 500;

/// Write what is kept as JSON lines, newest first, with bodies, dispatches and attempts
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    filter: Filter,
}

pub(super) async fn run(config: &Config, store: &dyn Store, arguments: &Arguments) -> Outcome {
    let filter = arguments.filter.settle(config, store).await?;
    let mut page = PageRequest { before: None, limit: AT_ONCE };
    loop {
        let found = store.receipts(&filter, page).await?;
        for listed in &found.items {
            // A receipt whose time had come may have been removed since it was listed.
            if let Some(record) = store.receipt(listed.receipt.id).await? {
                output::json_line(&show::document(&record)?)?;
            }
        }
        match found.next {
            Some(next) => page.before = Some(next),
            None => return Ok(()),
        }
    }
}
