//! What a command says of a name that means nothing here, or of a handler that is there no more.

use super::super::{
    failure::{Failure, Outcome},
    output,
};
use crate::{
    config::{Absent, Config},
    inbox::{
        names::{self, Unheard},
        query::Stats,
    },
};

/// Makes sure that there is, or was, such an endpoint.
pub(super) fn endpoint(name: &str, config: &Config, stats: &Stats) -> Outcome {
    names::endpoint(name, config.endpoints.iter().map(|one| &*one.name), stats).map_err(unheard)
}

/// Makes sure that there is, or was, such a handler.
pub(in crate::cli) fn handler(name: &str, config: &Config, stats: &Stats) -> Outcome {
    names::handler(name, config.handlers.iter().map(|one| &*one.name), stats).map_err(unheard)
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

fn unheard(unheard: Unheard) -> Failure {
    let hint = unheard.hint.clone();
    Failure::not_found(unheard).hint(hint)
}
