//! Why a request to App Store Connect came to nothing, and what to do about it.
//!
//! An [`Error`] says in one line what was asked and what happened; its causes, if it has any, are its `source`s. It knows a
//! [hint](Error::hint) for the common cases, and whether trying later may help.

use std::{error::Error as _, fmt, time::Duration};

use super::refusal::{BEHIND_A_PROXY, Refusal, Said};
use crate::{
    http_client::{OutgoingError, Refused, Unanswered},
    plain,
};

/// Why a request to App Store Connect came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings name an address that no token may be sent to.
    #[error("`{url}` cannot be the address of App Store Connect: {reason}")]
    BaseUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The client for outgoing requests could not be made.
    #[error("no client for outgoing requests could be made")]
    Setup(#[from] OutgoingError),
    /// The name of the API leads to an address that must not be connected to, or the address is such a one itself.
    #[error("{call}: not asked")]
    Address {
        /// What was to be asked.
        call: Call,
        /// Why it was not.
        #[source]
        source: Refused,
    },
    /// A text that cannot be the id of a resource.
    #[error("`{id}` cannot be the id of a resource of App Store Connect")]
    NotAnId {
        /// What was given.
        id: String,
    },
    /// The connection could not be made, or broke.
    #[error("{call}: the connection to App Store Connect failed")]
    Connection {
        /// What was asked.
        call: Call,
        /// What happened.
        #[source]
        source: Unanswered,
    },
    /// The answer did not come in time.
    #[error("{call}: no answer from App Store Connect within {} s", .after.as_secs_f32())]
    TimedOut {
        /// What was asked.
        call: Call,
        /// How long we waited.
        after: Duration,
    },
    /// App Store Connect said no.
    #[error("{call}: {refusal}")]
    Refused {
        /// What was asked.
        call: Call,
        /// What was said.
        refusal: Box<Refusal>,
    },
    /// The answer says yes, but is not JSON.
    #[error("{call}: answered {status} with {said}, expected JSON")]
    NotJson {
        /// What was asked.
        call: Call,
        /// The status.
        status: u16,
        /// What came instead.
        said: Said,
    },
    /// The answer is JSON of another shape than Apple documents.
    #[error("{call}: the answer's `{path}` is not as Apple documents it: {problem}")]
    Shape {
        /// What was asked.
        call: Call,
        /// Where in the answer.
        path: String,
        /// What is wrong there. No values are quoted.
        problem: String,
    },
    /// The answer has more bytes than we are willing to keep in memory.
    #[error("{call}: the answer has more than {limit} bytes")]
    TooLarge {
        /// What was asked.
        call: Call,
        /// The most bytes that we take.
        limit: usize,
    },
    /// The link to the next page leads away from the API.
    #[error("{call}: the link to the next page leads to `{found}`, expected `{expected}`; it was not followed")]
    ForeignPage {
        /// What was asked.
        call: Call,
        /// Where the link leads.
        found: String,
        /// Where it may lead.
        expected: String,
    },
    /// The link to the next page leads to a page that was read already.
    #[error("{call}: the link to the next page leads back to a page that was read already")]
    PageLoop {
        /// What was asked.
        call: Call,
    },
}

impl Error {
    /// The error and its causes on one line, for a log and for people: `outer: inner: root`.
    pub fn with_causes(&self) -> String {
        let causes = std::iter::successors(self.source(), |&cause| cause.source());
        let all: Vec<String> = std::iter::once(self.to_string()).chain(causes.map(ToString::to_string)).collect();
        plain::whole(&all.join(": "))
    }

    /// The same as a log may have it whose readers are not to see what was sent: without the sentences of the other side, which may quote
    /// it. Statuses and codes stay.
    pub fn unquoted(&self) -> String {
        match self {
            Self::Refused { call, refusal } => format!("{call}: {}", refusal.unquoted()),
            Self::NotJson { call, status, .. } => format!("{call}: answered {status}, expected JSON"),
            Self::ForeignPage { call, expected, .. } => {
                format!("{call}: the link to the next page does not lead to `{expected}`; it was not followed")
            }
            _ => self.with_causes(),
        }
    }

    /// Whether the same request may succeed later without anybody doing anything about it. It has been tried more than once already if
    /// that was safe.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::TimedOut { .. } => true,
            Self::Refused { refusal, .. } => refusal.status == 429 || refusal.status >= 500,
            _ => false,
        }
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.status),
            Self::NotJson { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long App Store Connect asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { refusal, .. } => refusal.retry_after,
            _ => None,
        }
    }

    /// What to do about it, in the common cases.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Refused { refusal, .. } => return refusal.hint(),
            Self::NotJson { said: Said::Page { .. }, .. } => BEHIND_A_PROXY,
            Self::Connection { .. } | Self::TimedOut { .. } => {
                "check that this machine can open https connections to the address, and Apple's system status at \
                 https://developer.apple.com/system-status/"
            }
            Self::Shape { .. } => "Apple may have changed its API; look for a newer version of asc-webhooks",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether the request can have had no effect: it never got through, or was turned away unread.
    pub(super) fn left_no_trace(&self) -> bool {
        match self {
            Self::Connection { source, .. } => source.is_connect(),
            Self::Refused { refusal, .. } => refusal.status == 429,
            _ => false,
        }
    }
}

/// A request, as it is named in errors: `GET /v1/webhooks/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method and the path.
    pub request: String,
    /// How often it was tried.
    pub attempts: u32,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            0 | 1 => f.write_str(&self.request),
            attempts => write!(f, "{} (tried {attempts} times)", self.request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::refusal::Redactor, *};

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let said = Said::read(body.as_bytes(), &Redactor::new([]));
        let refusal = Box::new(Refusal { status: 409, said, retry_after: None, clock_ahead: None });
        let error = Error::Refused { call: call(), refusal };
        assert_eq!(error.unquoted(), format!("POST /v1/betaGroups: answered 409{expected}"), "{error}");
    }

    fn call() -> Call {
        Call { request: "POST /v1/betaGroups".to_owned(), attempts: 1 }
    }

    #[test]
    fn what_is_not_ours_can_be_left_out() {
        check("", "");
        check("Anna is not known", "");
        check("<html><title>Anna</title>", "");
        check(r#"{"errors": [{"code": "A.B", "detail": "Anna", "source": {"pointer": "/Anna"}}]}"#, " A.B");
        check(r#"{"errors": [{"code": "A"}, {"code": "it is Anna"}, {"title": "Anna"}, {"code": "C"}]}"#, " A, C");
        let said = Said::read(b"Anna", &Redactor::new([]));
        let error = Error::NotJson { call: call(), status: 200, said };
        assert_eq!(error.unquoted(), "POST /v1/betaGroups: answered 200, expected JSON");
        let (found, expected) = ("https://anna.example".to_owned(), "https://example.com".to_owned());
        let error = Error::ForeignPage { call: call(), found, expected };
        let for_log = "the link to the next page does not lead to `https://example.com`; it was not followed";
        assert_eq!(error.unquoted(), format!("POST /v1/betaGroups: {for_log}"));
    }
}
