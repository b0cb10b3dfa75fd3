//! The names that mean something here: those in the configuration, and those that the store has seen. All others are mistakes.
//!
//! A question that names an endpoint or a handler by mistake would be answered with nothing, as if there were nothing.

use std::collections::BTreeSet;

use super::query::Stats;
use crate::spelling::did_you_mean;

/// That there is nothing by a name, and never was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{name}`, neither in the configuration nor in the store")]
pub(crate) struct Unheard {
    what: &'static str,
    name: String,
    /// What was probably meant, or else what there is; none if there is nothing.
    pub(crate) hint: Option<String>,
}

/// Makes sure that there is, or was, such an endpoint.
pub(crate) fn endpoint<'n>(name: &str, configured: impl Iterator<Item = &'n str>, stats: &'n Stats) -> Result<(), Unheard> {
    known("endpoint", name, configured.chain(stats.endpoints.iter().map(|of| of.endpoint.as_str())))
}

/// Makes sure that there is, or was, such a handler.
pub(crate) fn handler<'n>(name: &str, configured: impl Iterator<Item = &'n str>, stats: &'n Stats) -> Result<(), Unheard> {
    known("handler", name, configured.chain(stats.handlers.iter().map(|of| of.handler.as_str())))
}

fn known<'n>(what: &'static str, name: &str, names: impl Iterator<Item = &'n str>) -> Result<(), Unheard> {
    let names: BTreeSet<&str> = names.collect();
    if names.contains(name) {
        return Ok(());
    }
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let hint = did_you_mean(name, names).or_else(|| (!listed.is_empty()).then(|| format!("there is {}", listed.join(", "))));
    Err(Unheard { what, name: name.to_owned(), hint })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::query::HandlerStats;

    #[track_caller]
    fn check(name: &str, configured: &[&str], kept: &[&str], expected: Result<(), Option<&str>>) {
        let handlers = kept.iter().map(|name| HandlerStats::idle(name)).collect();
        let stats = Stats { handlers, ..Stats::default() };
        let found = handler(name, configured.iter().copied(), &stats);
        assert_eq!(found.map_err(|unheard| unheard.hint), expected.map_err(|hint| hint.map(str::to_owned)), "{name}");
    }

    #[test]
    fn a_name_is_known_to_the_configuration_or_to_the_store() {
        check("ci", &["ci"], &[], Ok(()));
        check("ci", &["chat"], &["ci"], Ok(()));
        check("caht", &["ci"], &["chat"], Err(Some("did you mean `chat`?")));
        check("nobody", &["ci"], &["chat"], Err(Some("there is `chat`, `ci`")));
        check("nobody", &[], &[], Err(None));
    }
}
