//! `check`: is the configuration right? Everything but listening and opening the store is tried.

use serde_json::json;

use super::{
    Format, Setup,
    failure::{Failure, Outcome},
    output,
};
use crate::{app, config::Problem};

/// Load the configuration, build every handler, and say all that is wrong
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let (problems, warnings) = match setup.load() {
        Ok(loaded) => (app::check(&loaded, setup.registry).err().map(|found| found.problems).unwrap_or_default(), loaded.warnings),
        Err(found) => (found.problems, found.warnings),
    };
    if arguments.format.json {
        output::json(&json!({ "ok": problems.is_empty(), "problems": problems, "warnings": warnings }))?;
    } else {
        output::line(words(&problems, &warnings))?;
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::told()) }
}

/// The findings as people read them.
pub(super) fn words(problems: &[Problem], warnings: &[Problem]) -> String {
    let mut lines: Vec<String> = warnings.iter().map(|warning| format!("warning: {warning}")).collect();
    lines.extend(problems.iter().map(ToString::to_string));
    let number = |count: usize, one: &str, many: &str| match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    lines.push(format!("{}, {}", number(problems.len(), "problem", "problems"), number(warnings.len(), "warning", "warnings")));
    lines.join("\n")
}
