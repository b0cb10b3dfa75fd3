//! A handler's own part of the configuration, and reading it into a struct.
//!
//! Whoever writes a configuration wants to hear of every mistake at once, with the place and the remedy. Serde stops at the first.
//! So [`Section::parse`] reads again and again: what was found wrong is noted and in the next pass replaced by a stand-in that is
//! whatever the struct asks for, until a pass finds nothing new. Keys that a struct does not have are noted on the way, so a kind's
//! struct need not say `deny_unknown_fields`.
//!
//! No message shows a value, only what type it has: a value in the wrong place may well be a secret. What is shown is a plain word where
//! one of a few words is expected.

mod id;
mod reader;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde::de::DeserializeOwned;
use toml::Table;

pub(crate) use self::id::Id;
use self::reader::{Reading, Wrong};
use super::message::Voice;
use crate::{
    http_client::Outgoing,
    secret::{Redactor, Secret},
};

/// What a kind's factory is given: the keys of one `[[handler]]` block that are the kind's own.
///
/// Defaults are filled in, and references to secrets (`{ file = … }`, `{ env = … }`) are resolved to strings; read those as
/// [`Secret`], which also keeps them out of everything that the handler's errors say.
#[derive(Clone)]
pub struct Section {
    name: Arc<str>,
    table: Table,
    environment: BTreeSet<String>,
    outgoing: Outgoing,
    voice: Voice,
    secrets: Secrets,
}

impl Section {
    /// Puts a section together.
    pub fn new(name: impl Into<Arc<str>>, table: Table, outgoing: Outgoing) -> Self {
        let (environment, voice, secrets) = Default::default();
        Self { name: name.into(), table, environment, outgoing, voice, secrets }
    }

    /// The same with these keys given by the environment, such as `port` and `env.MY_NAME`.
    ///
    /// There a value is a text, and is read as a number or a truth value only where the struct does not ask for a text. A name there may
    /// be written large: it is that key of the struct which it is in small letters. In a map it stays as it is written.
    #[must_use]
    pub fn with_environment(self, keys: BTreeSet<String>) -> Self {
        Self { environment: keys, ..self }
    }

    /// The same with another way of writing dates and durations.
    #[must_use]
    pub fn with_voice(self, voice: Voice) -> Self {
        Self { voice, ..self }
    }

    /// The same with secrets that are none of its own and that its handler must not show either.
    #[must_use]
    pub fn with_secrets(self, secrets: &[Secret]) -> Self {
        self.secrets.note(secrets.to_vec());
        self
    }

    /// The texts that were read as secrets, and those that will be.
    pub(super) fn secrets(&self) -> Secrets {
        self.secrets.clone()
    }

    /// The name of the handler.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What makes HTTP clients that keep to the rules of the program.
    pub fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// How dates and durations are written in messages.
    pub fn voice(&self) -> &Voice {
        &self.voice
    }

    /// Reads the section into a struct.
    ///
    /// # Errors
    /// With every problem: keys that are missing, that the struct does not have, or whose value is not what the struct asks for.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, SectionError> {
        self.settle(Ok)
    }

    /// Reads the section into a struct, and settles that: for what Serde cannot check. A struct with stand-ins is settled too, so that
    /// what is wrong with other keys is said at once.
    ///
    /// # Errors
    /// With every problem of the reading, and every problem of the settling that is not one of a stand-in.
    pub fn settle<T: DeserializeOwned, S>(&self, settle: impl FnOnce(T) -> Result<S, SectionError>) -> Result<S, SectionError> {
        let mut problems: Vec<Problem> = Vec::new();
        let mut broken = BTreeSet::new();
        let read = loop {
            let reading = Reading::new(&broken, &self.environment);
            let result = T::deserialize(reading.root(&self.table));
            let (unknown, secrets) = reading.findings();
            let unknown = unknown.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>();
            problems.extend(unknown);
            self.secrets.note(secrets);
            match result {
                Ok(value) => break Some(value),
                // A stand-in that is not good enough: what comes after it cannot be seen.
                Err(Wrong { key, .. }) if broken.contains(&key) => break None,
                Err(Wrong { key, message, hint, .. }) => {
                    problems.push(Problem { key: key.clone(), message, hint });
                    broken.insert(key);
                }
            }
        };
        let settled = read.map(settle).transpose().unwrap_or_else(|error| {
            let is_within = |problem: &Problem, key: &String| {
                problem.key.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let is_of_stand_in = |problem: &Problem| broken.iter().any(|key| is_within(problem, key));
            let news = error.problems.into_iter().filter(|problem| !is_of_stand_in(problem) && !problems.contains(problem));
            problems.extend(news.collect::<Vec<_>>());
            None
        });
        settled.filter(|_| problems.is_empty()).ok_or(SectionError { problems })
    }
}

/// The values are left out: they may be secrets.
impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section")
            .field("name", &self.name)
            .field("keys", &self.table.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What a section says that nobody may be shown: every text that its kind reads as a [`Secret`].
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Arc<Mutex<Vec<Secret>>>);

impl Secrets {
    /// What strikes out those that were read so far.
    pub(super) fn redactor(&self) -> Redactor {
        Redactor::new(&*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, secrets: Vec<Secret>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(secrets);
    }
}

/// All that is wrong with a section; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SectionError {
    problems: Vec<Problem>,
}

/// One thing that is wrong with a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the key, from the handler's block on: `headers.authorization`, `command[0]`.
    pub key: String,
    /// What was found, and what was expected.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl SectionError {
    /// One problem.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::default().and(key, message)
    }

    /// One more problem.
    #[must_use]
    pub fn and(mut self, key: impl Into<String>, message: impl Into<String>) -> Self {
        self.problems.push(Problem { key: key.into(), message: message.into(), hint: None });
        self
    }

    /// Takes in what is wrong with a part, and gives the part if nothing is.
    ///
    /// ```
    /// use asc_webhooks::handler::SectionError;
    ///
    /// let mut errors = SectionError::default();
    /// let room = errors.note(Err::<u32, _>(SectionError::new("room", "found nothing, expected the number of a room")));
    /// let door = errors.note(Ok(2));
    /// assert_eq!((room, door, errors.problems().len()), (None, Some(2), 1));
    /// ```
    pub fn note<T>(&mut self, part: Result<T, Self>) -> Option<T> {
        part.map_err(|error| self.problems.extend(error.problems)).ok()
    }

    /// Says what to do about the problem that was added last.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(problem) = self.problems.last_mut() {
            problem.hint = Some(hint.into());
        }
        self
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// An answer for a factory that has collected problems on its way: the value, unless there is any problem.
    ///
    /// # Errors
    /// With the problems.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.problems.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl std::error::Error for SectionError {}

impl fmt::Display for SectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

#[cfg(test)]
impl Section {
    /// The section of a handler `ci`, out of TOML text.
    pub(crate) fn sample(toml: &str) -> Self {
        Self::new("ci", toml.parse().unwrap(), Outgoing::new(None).unwrap())
    }
}

#[cfg(test)]
mod tests;
