//! The way from what was read to what can be used.
//!
//! Config knows nothing of handlers, and they know nothing of where keys stand; yet whoever mends a file wants to hear of everything at
//! once. So a configuration with problems is still a [`Draft`]: those who know more take from it what they can judge, and hand in what
//! they find. Only a draft without any problem becomes [`Loaded`].

use std::path::PathBuf;

use super::{
    Asc, Config, Outgoing, Outline,
    error::{Origin, Problem, Problems},
    layers::Origins,
};
use crate::secret::Secret;

/// A configuration that was read, with the problems that were found so far.
#[derive(Debug)]
pub struct Draft {
    /// How App Store Connect is asked, if that section is right.
    pub asc: Option<Asc>,
    /// The private key in that section, if it can be read, whatever else is wrong there.
    pub private_key: Option<Secret>,
    /// Requests that handlers make, if that section is right.
    pub outgoing: Option<Outgoing>,
    /// Every `[[handler]]`, as far as its kind and the routes are to judge it.
    pub outlines: Vec<Outline>,
    /// Where each key was given, for the problems that they find.
    pub origins: Origins,
    /// All of it, if every section could be settled.
    pub(super) config: Option<Config>,
    pub(super) file: Option<PathBuf>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

/// A configuration that can be used, and what its loading brought to light.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What somebody should look at.
    pub warnings: Vec<Problem>,
    /// Where each key was given, for problems that others find.
    pub origins: Origins,
    /// The file it was read from.
    pub file: Option<PathBuf>,
}

impl Draft {
    /// Says which kinds there are, wherever a handler names none and nobody has said what to do about it.
    pub fn suggest_kinds(&mut self, kinds: &str) {
        for outline in self.outlines.iter().filter(|outline| outline.kind.is_none()) {
            let key = format!("{}.kind", outline.path);
            for problem in self.problems.iter_mut().filter(|problem| problem.key == key && problem.hint.is_none()) {
                problem.hint = Some(format!("write one of {kinds}"));
            }
        }
    }

    /// Ends reading. `found` are the problems that others have found.
    ///
    /// # Errors
    /// With all problems, if there is any.
    pub fn settle(self, found: impl IntoIterator<Item = Problem>) -> Result<Loaded, Problems> {
        let Self { config, origins, file, mut problems, warnings, .. } = self;
        // What could not be read cannot be judged either: a secret whose variable is not set is one problem, not two.
        let is_new =
            |one: &Problem| problems.iter().all(|known| !is_within(&known.key, &one.key) && !is_within(&one.key, &known.key));
        let mut found: Vec<Problem> = found.into_iter().filter(is_new).collect();
        problems.append(&mut found);
        match config {
            Some(config) if problems.is_empty() => Ok(Loaded { config, warnings, origins, file }),
            _ => Err(Problems { problems: in_order(problems), warnings: in_order(warnings) }),
        }
    }
}

/// Whether a key is another one, or is somewhere in it.
fn is_within(key: &str, outer: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// In the order of the file, then by key, so that people can mend from top to bottom.
fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| match &problem.origin {
        Origin::File { line, .. } => (0, line.unwrap_or(0), String::new()),
        _ => (1, 0, problem.key.clone()),
    });
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, outer: &str, expected: bool) {
        assert_eq!(is_within(key, outer), expected, "`{key}` in `{outer}`");
    }

    #[test]
    fn a_key_is_within_itself_and_its_parents() {
        check("handler[1].token", "handler[1].token", true);
        check("handler[1].token.env", "handler[1].token", true);
        check("handler[1].command[0]", "handler[1].command", true);
        check("handler[1].tokens", "handler[1].token", false);
        check("handler[11].token", "handler[1]", false);
        check("handler[1].token", "handler[1].token.env", false);
    }
}
