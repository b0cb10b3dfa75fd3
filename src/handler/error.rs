//! How a handler says no: try again, or never.
//!
//! An error has two readers. The attempt is kept beside the notification, and whoever may look at that may read all of it. The log goes to
//! more people, so it has only what is ours: what the other side said may quote what it was sent, and so a tester's own words. Each
//! error holds the one text or both, and whatever is made of it holds what it held.

use std::{fmt, time::Duration};

use crate::secret::Redactor;

/// A handler's "no", in one of two words.
///
/// There is no `Error` implementation, so that `?` can turn every other error into one of these: it is then tried again.
pub struct HandlerError {
    kind: Kind,
    /// As the log may have it.
    source: Box<dyn std::error::Error + Send + Sync>,
    /// As the attempt has it, if that is more.
    whole: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Retry { after: Option<Duration> },
    Reject,
}

impl HandlerError {
    /// Try again, when the retry schedule says.
    pub fn retry(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Retry { after: None }, source: error.into(), whole: None }
    }

    /// Try again, but not before `after` has passed: what the other side asked for in a `Retry-After`. Until then, but for a minute at
    /// most, the handler is given no other event either.
    pub fn retry_after(error: impl Into<Box<dyn std::error::Error + Send + Sync>>, after: Duration) -> Self {
        Self { kind: Kind::Retry { after: Some(after) }, source: error.into(), whole: None }
    }

    /// Do not try again: it would fail the same way. The dispatch is dead until somebody replays it.
    pub fn reject(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Reject, source: error.into(), whole: None }
    }

    /// The same, with what the other side said to it. That is kept with the attempt, and stays out of the log: it may quote what it was
    /// sent, which is more than whoever reads the log is to see.
    #[must_use]
    pub fn quoting(self, said: impl AsRef<str>) -> Self {
        match said.as_ref() {
            "" => self,
            said => Self { whole: Some(format!("{self}: {said}")), ..self },
        }
    }

    /// The same, with what to do about it. That is said to both readers, after everything else.
    #[must_use]
    pub(crate) fn hint(self, hint: &str) -> Self {
        let whole = self.whole.as_ref().map(|whole| format!("{whole}; {hint}"));
        Self { kind: self.kind, source: format!("{}; {hint}", self.unquoted()).into(), whole }
    }

    /// The same, with these words for the attempt, where the other side's stand between ours.
    #[must_use]
    pub(crate) fn in_full(self, whole: impl Into<String>) -> Self {
        Self { whole: Some(whole.into()), ..self }
    }

    /// The same, but to be tried again, when the retry schedule says.
    #[must_use]
    pub(crate) fn once_more(self) -> Self {
        Self { kind: Kind::Retry { after: None }, ..self }
    }

    /// The same without secrets.
    #[must_use]
    pub(crate) fn without(self, secrets: &Redactor) -> Self {
        let said = self.unquoted();
        let ours = secrets.strike_out(&said);
        let source = if ours == said { self.source } else { ours.into() };
        Self { kind: self.kind, source, whole: self.whole.map(|whole| secrets.strike_out(&whole)) }
    }

    /// The error as the log may have it: without what the other side said.
    pub(crate) fn unquoted(&self) -> String {
        let mut line = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            line = format!("{line}: {error}");
            cause = error.source();
        }
        line
    }

    /// Whether trying again was ruled out.
    pub fn is_reject(&self) -> bool {
        self.kind == Kind::Reject
    }

    /// The shortest wait before the next attempt that was asked for.
    pub fn after(&self) -> Option<Duration> {
        match self.kind {
            Kind::Retry { after } => after,
            Kind::Reject => None,
        }
    }
}

impl<E> From<E> for HandlerError
where
    E: std::error::Error + Send + Sync + 'static,
{
    fn from(error: E) -> Self {
        Self::retry(error)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

/// The error, its causes and what was said to it on one line: `outer: inner: root: said`.
impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whole {
            Some(whole) => f.write_str(whole),
            None => f.write_str(&self.unquoted()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[track_caller]
    fn check(error: &HandlerError, whole: &str, for_log: &str) {
        assert_eq!((error.to_string().as_str(), error.unquoted().as_str()), (whole, for_log));
    }

    #[test]
    fn the_attempt_has_it_whole_and_the_log_what_is_ours() {
        let refused = || HandlerError::reject("answered 400").quoting("no, Anna");
        check(&refused(), "answered 400: no, Anna", "answered 400");
        check(&refused().hint("ask"), "answered 400: no, Anna; ask", "answered 400; ask");
        check(&refused().hint("ask").quoting("Ben"), "answered 400: no, Anna; ask: Ben", "answered 400; ask");
        check(&HandlerError::reject("answered 400").quoting("").hint("ask"), "answered 400; ask", "answered 400; ask");
        check(&HandlerError::reject("400").in_full("400 (Anna); 401"), "400 (Anna); 401", "400");
    }

    #[test]
    fn another_attempt_is_told_the_same() {
        let again = HandlerError::reject("answered 409").quoting("no, Anna").once_more();
        check(&again, "answered 409: no, Anna", "answered 409");
        assert!(!again.is_reject());
    }

    #[test]
    fn secrets_are_told_to_nobody() {
        let redactor = Redactor::new([&Secret::new("hunter2")]);
        let error = HandlerError::reject("no `hunter2`").quoting("I do not know hunter2").without(&redactor);
        check(&error, "no `***`: I do not know ***", "no `***`");
        assert!(error.is_reject());
        let error = std::io::Error::other(std::io::Error::other("root"));
        check(&HandlerError::from(error).without(&redactor), "root", "root");
    }

    #[test]
    fn causes_are_said_in_one_line() {
        let error = std::io::Error::other(std::io::Error::other("root"));
        check(&HandlerError::from(error).quoting("no"), "root: no", "root");
        let error = "x".parse::<jiff::Timestamp>().map_err(HandlerError::reject).unwrap_err();
        assert!(!error.to_string().contains('\n') && error.is_reject(), "{error}");
    }
}
