//! What commands that change something at Apple's side have in common: the change can be looked at first, and what cannot be undone is
//! asked about.

use std::io::{self, BufRead, IsTerminal as _};

use super::{
    Format,
    failure::{Failure, Outcome, asked},
    output,
};
use crate::asc::Order;

/// Whether to make the change.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Rehearsal {
    /// Change nothing: show the request that Apple would get, with `…` for the secret
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Rehearsal {
    /// Has Apple make the change, or shows it and makes nothing.
    pub(super) async fn make<T>(self, order: Order<'_, T>, format: Format) -> Result<Option<T>, Failure> {
        if !self.dry_run {
            return order.await.map(Some).map_err(asked);
        }
        let outline = order.outline().map_err(asked)?;
        if format.json {
            output::json(&outline)?;
        } else {
            output::line(output::ascii_controls(&outline.to_string()))?;
            output::talk("nothing was changed: without `--dry-run`, Apple is sent this");
        }
        Ok(None)
    }
}

/// Whether somebody has said yes already.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Consent {
    /// Do not ask whether it is meant
    #[arg(long)]
    pub(super) yes: bool,
}

impl Consent {
    /// Asks the person at the terminal. Without one there is nobody to ask, and nothing is done.
    pub(super) fn obtain(self, question: &str) -> Outcome {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::new(format!("nobody is here to ask, so it was not done: {question}"))
                .hint("add `--yes` if it is meant".to_owned()));
        }
        output::ask(format_args!("{question}? [y/N] "));
        if is_yes(&mut io::stdin().lock())? { Ok(()) } else { Err(Failure::new("nothing was changed")) }
    }
}

fn is_yes(answer: &mut impl BufRead) -> io::Result<bool> {
    let mut line = String::new();
    answer.read_line(&mut line)?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        let answers = ["y\n", " YES \r\n", "yes", "\n", "", "n\n", "no\n", "yesterday\n", "\ny\n"];
        let taken = answers.map(|answer| is_yes(&mut answer.as_bytes()).unwrap());
        assert_eq!(taken, [true, true, true, false, false, false, false, false, false]);
    }
}
