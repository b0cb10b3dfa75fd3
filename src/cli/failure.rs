//! How a command ends when it did not do what it was asked: with a code for programs and a line for people.

use std::{fmt, process::ExitCode};

use super::output::{self, Unwritten};
use crate::{asc, config::Problems};

/// The codes, as `--help` shows them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed, or the configuration has problems
  2  the command was not understood
  3  there is nothing by that name or number
  4  the server, the store, the receiver or App Store Connect could not be reached, or said no
  5  `webhooks plan`: Apple's side is not as the configuration says";

/// What a command comes to.
pub(super) type Outcome = Result<(), Failure>;

/// How it ends when App Store Connect was asked in vain.
pub(super) fn asked(error: asc::Error) -> Failure {
    let hint = error.hint();
    let failure = if error.status() == Some(404) || matches!(error, asc::Error::NotAnId { .. }) {
        Failure { code: 3, error: error.into(), hint: None }
    } else {
        Failure::unreachable(error)
    };
    failure.hint(hint)
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// It failed.
    pub(super) fn new(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { code: 1, error: anyhow::Error::msg(message), hint: None }
    }

    /// It failed, and all there is to say was said.
    pub(super) fn told() -> Self {
        Self::new("")
    }

    /// It worked, and the answer is that something differs.
    pub(super) fn differs() -> Self {
        Self { code: 5, ..Self::told() }
    }

    /// There is nothing by that name or number.
    pub(super) fn not_found(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { code: 3, ..Self::new(message) }
    }

    /// Somebody could not be reached, or said no.
    pub(super) fn unreachable(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 4, error: error.into(), hint: None }
    }

    /// Adds what to do.
    pub(super) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// What went wrong, as people read it.
    pub(super) fn words(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        match self.error.downcast_ref::<Problems>() {
            Some(found) => {
                lines.extend(found.warnings.iter().map(|warning| format!("warning: {warning}")));
                lines.push(found.to_string());
            }
            None => match format!("{:#}", self.error) {
                told if told.is_empty() => {}
                error => lines.push(format!("error: {error}")),
            },
        }
        lines.extend(self.hint.iter().map(|hint| format!("  hint: {hint}")));
        lines.join("\n")
    }

    /// Tells the person, and returns the code for the process to end with.
    pub(super) fn report(&self) -> ExitCode {
        // Whoever closes a pipe early has seen enough; that is no failure of ours.
        if self.error.downcast_ref::<Unwritten>().is_some_and(Unwritten::is_unread) {
            return ExitCode::SUCCESS;
        }
        let words = self.words();
        if !words.is_empty() {
            output::talk(words);
        }
        ExitCode::from(self.code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { code: 1, error: error.into(), hint: None }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[track_caller]
    fn check(failure: &Failure, expected: u8) {
        assert_eq!(failure.report(), ExitCode::from(expected), "{failure:?}");
    }

    #[test]
    fn only_the_reader_of_our_own_output_may_go_away_in_silence() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        check(&Failure::from(Unwritten::from(broken())), 0);
        check(&Failure::from(Unwritten::from(io::Error::from(io::ErrorKind::StorageFull))), 1);
        check(&Failure::unreachable(broken()), 4);
        check(&Failure::unreachable(anyhow::Error::new(broken()).context("cannot send")), 4);
    }
}
