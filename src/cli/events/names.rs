//! The names that mean something here: those in the configuration, and those that the store has seen. All others are mistakes.

use std::collections::BTreeSet;

use super::super::{
    failure::{Failure, Outcome},
    output,
};
use crate::{
    config::{Absent, Config},
    inbox::query::Stats,
    spelling::did_you_mean,
};

/// Makes sure that there is, or was, such an endpoint.
pub(super) fn endpoint(name: &str, config: &Config, stats: &Stats) -> Outcome {
    let kept = stats.endpoints.iter().map(|of| of.endpoint.as_str());
    known("endpoint", name, kept.chain(config.endpoints.iter().map(|one| &*one.name)))
}

/// Makes sure that there is, or was, such a handler.
pub(in crate::cli) fn handler(name: &str, config: &Config, stats: &Stats) -> Outcome {
    let owed = stats.handlers.iter().map(|of| of.handler.as_str());
    known("handler", name, owed.chain(config.handlers.iter().map(|one| &*one.name)))
}

/// Makes sure that there is such a handler now, so that something comes of what it is given.
pub(super) fn configured(name: &str, config: &Config, stats: &Stats) -> Outcome {
    handler(name, config, stats)?;
    if is_configured(name, config) { Ok(()) } else { Err(absent(&[name])) }
}

/// Whether the configuration has a handler of this name.
pub(in crate::cli) fn is_configured(name: &str, config: &Config) -> bool {
    config.handlers.iter().any(|one| &*one.name == name)
}

/// That none of these handlers is there to try anything.
pub(super) fn absent(names: &[&str]) -> Failure {
    let absent = Absent::of(names.iter().map(|name| output::plain(name)));
    let hint = absent.hint().to_owned();
    Failure::new(absent).hint(hint)
}

fn known<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n str>) -> Outcome {
    let names: BTreeSet<&str> = names.collect();
    if names.contains(name) {
        return Ok(());
    }
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let hint = did_you_mean(name, names).or_else(|| (!listed.is_empty()).then(|| format!("there is {}", listed.join(", "))));
    Err(Failure::not_found(format!("there is no {what} `{name}`, neither in the configuration nor in the store")).hint(hint))
}
