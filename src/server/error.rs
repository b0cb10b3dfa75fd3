//! The ways a request can fail, and what is said about each.
//!
//! Three readers. Whoever sent the request gets a status and a few fixed words: Apple keeps answers and shows them to everyone with
//! access to the account, and an attacker learns from every difference, so all four faults of a signature have one answer, and whoever
//! does not know the token of an endpoint is told that there is none. The log
//! gets the reason in words, `/metrics` in one word.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use crate::{inbox::StoreError, signature, telemetry::metrics};

/// How long to wait before coming back, when it is not the store that says so.
const COME_BACK: Duration = Duration::from_secs(1);

/// Why a request was not taken in.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No endpoint has this path.
    #[error("no endpoint has this path")]
    UnknownPath,
    /// The endpoint is Xcode Cloud's, and what follows its path is no token of it. The answer is that to an unknown path.
    #[error("no token of the endpoint follows its path")]
    WrongToken,
    /// The endpoint exists, and only takes `POST`.
    #[error("only `POST` is taken here")]
    WrongMethod,
    /// It is not proven that Apple sent it.
    #[error(transparent)]
    NotAuthentic(#[from] signature::Refusal),
    /// The body has more bytes than are taken.
    #[error("the body has more than {limit} bytes")]
    TooLarge {
        /// The most that are taken.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive within {within:?}")]
    TooSlow {
        /// The time it had.
        within: Duration,
    },
    /// The body broke off, or cannot be read.
    #[error("the body broke off")]
    Interrupted,
    /// The request names no host, or several, or is one for a proxy: others might read it differently.
    #[error("the request can be read in more than one way")]
    Ambiguous,
    /// The head has more bytes or headers than are taken.
    #[error("the head is too large")]
    HeadTooLarge,
    /// The head was begun and did not arrive in time.
    #[error("the head did not arrive within {within:?}")]
    HeadTooSlow {
        /// The time it had.
        within: Duration,
    },
    /// What came is no request of HTTP/1.1, in its head or in how its body is sent, or none that everybody would read in the same way.
    #[error("it is no proper request of HTTP/1.1")]
    Garbled,
    /// As many connections as may be were open, so it had to wait for the end of another. It was answered all the same.
    #[error("all of {limit} connections were taken")]
    TooManyConnections {
        /// The most that may be open.
        limit: usize,
    },
    /// As many notifications as may wait for the store are waiting.
    #[error("{limit} notifications are waiting for the store")]
    TooMany {
        /// The most that may wait.
        limit: usize,
    },
    /// There is no more room for bodies of which nothing is proven yet.
    #[error("large bodies of which nothing is proven take up all the room they have")]
    TooMuch,
    /// The program is stopping.
    #[error("the program is stopping")]
    Stopping,
    /// The store could not keep it.
    #[error("{error}")]
    NotKept {
        /// Why.
        error: StoreError,
        /// When it may work again.
        retry_after: Duration,
    },
    /// Something panicked. It is our fault, whatever was sent.
    #[error("a panic in our own code")]
    Panicked,
}

impl Refused {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.terms().0
    }

    /// The status as three digits, for a metric's label; none if the answer is still to come.
    pub(super) fn status_label(&self) -> Option<&'static str> {
        Some(match self {
            Self::TooManyConnections { .. } => return None,
            Self::UnknownPath | Self::WrongToken => "404",
            Self::WrongMethod => "405",
            Self::NotAuthentic(_) => "401",
            Self::TooLarge { .. } => "413",
            Self::HeadTooLarge => "431",
            Self::TooSlow { .. } | Self::HeadTooSlow { .. } => "408",
            Self::Interrupted | Self::Ambiguous | Self::Garbled => "400",
            Self::TooMany { .. } | Self::TooMuch | Self::Stopping | Self::NotKept { .. } => "503",
            Self::Panicked => "500",
        })
    }

    /// What became of the request, as a word of a sentence.
    pub(super) fn outcome(&self) -> &'static str {
        if matches!(self, Self::TooManyConnections { .. }) { "kept waiting" } else { "refused" }
    }

    /// The reason as one word, for a metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownPath => "unknown_path",
            Self::WrongToken => "wrong_token",
            Self::WrongMethod => "wrong_method",
            Self::NotAuthentic(refusal) => refusal.as_str(),
            Self::TooLarge { .. } => "too_large",
            Self::TooSlow { .. } => "too_slow",
            Self::Interrupted => "interrupted",
            Self::Ambiguous => "ambiguous",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTooSlow { .. } => "head_too_slow",
            Self::Garbled => "garbled",
            Self::TooManyConnections { .. } => "too_many_connections",
            Self::TooMany { .. } => "too_many",
            Self::TooMuch => "too_much",
            Self::Stopping => "stopping",
            Self::NotKept { error, .. } => metrics::store_error_label(error),
            Self::Panicked => "panicked",
        }
    }

    /// Every word that [`Refused::reason`] can be, in the order in which an operator wants to know of them.
    pub(super) const REASONS: [&'static str; 24] = [
        "wrong",
        "absent",
        "malformed",
        "repeated",
        "wrong_token",
        "full",
        "busy",
        "unavailable",
        "broken",
        "unreadable",
        "too_many",
        "too_many_connections",
        "too_much",
        "panicked",
        "stopping",
        "too_large",
        "too_slow",
        "interrupted",
        "wrong_method",
        "unknown_path",
        "head_too_slow",
        "head_too_large",
        "ambiguous",
        "garbled",
    ];

    /// Whether it is about us and not about what was sent.
    pub(super) fn is_ours(&self) -> bool {
        self.status().is_server_error() && !matches!(self, Self::Stopping | Self::TooMuch | Self::TooManyConnections { .. })
    }

    /// The answer in numbers and words.
    fn terms(&self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownPath | Self::WrongToken => (StatusCode::NOT_FOUND, r#"{"error":"not found"}"#),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"method not allowed"}"#),
            Self::NotAuthentic(_) => (StatusCode::UNAUTHORIZED, r#"{"error":"unauthorized"}"#),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, r#"{"error":"too large"}"#),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, r#"{"error":"too large"}"#),
            Self::TooSlow { .. } | Self::HeadTooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, r#"{"error":"too slow"}"#),
            Self::Interrupted | Self::Ambiguous | Self::Garbled => (StatusCode::BAD_REQUEST, r#"{"error":"bad request"}"#),
            Self::TooMany { .. } | Self::TooMuch | Self::TooManyConnections { .. } | Self::Stopping | Self::NotKept { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"unavailable"}"#)
            }
            Self::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"internal"}"#),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotKept { retry_after, .. } => Some(*retry_after),
            Self::TooMany { .. } | Self::TooMuch | Self::Stopping => Some(COME_BACK),
            _ => None,
        }
    }

    /// Whether the body may be left unread: what follows it on the connection can then not be told from it.
    fn leaves_body(&self) -> bool {
        !matches!(self, Self::NotAuthentic(_) | Self::TooMany { .. } | Self::NotKept { .. })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, words) = self.terms();
        let mut response = json(status, words);
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if matches!(self, Self::WrongMethod) {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        if self.leaves_body() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// An answer of fixed words.
pub(super) fn json(status: StatusCode, words: &'static str) -> Response {
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(refused: Refused, status: u16, retry_after: Option<&str>, closes: bool) {
        let label = refused.status_label();
        assert!(Refused::REASONS.contains(&refused.reason()));
        let response = refused.into_response();
        assert_eq!(response.status(), status);
        assert_eq!(Some(response.status().as_str()), label);
        assert_eq!(response.headers().get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
        assert_eq!(response.headers().contains_key("connection"), closes);
    }

    #[test]
    fn each_failure_has_its_status() {
        check(Refused::UnknownPath, 404, None, true);
        check(Refused::WrongMethod, 405, None, true);
        check(Refused::NotAuthentic(signature::Refusal::Absent), 401, None, false);
        check(Refused::TooLarge { limit: 1 }, 413, None, true);
        check(Refused::TooSlow { within: Duration::from_secs(1) }, 408, None, true);
        check(Refused::Interrupted, 400, None, true);
        check(Refused::Ambiguous, 400, None, true);
        check(Refused::Garbled, 400, None, true);
        check(Refused::HeadTooLarge, 431, None, true);
        check(Refused::HeadTooSlow { within: Duration::from_secs(1) }, 408, None, true);
        check(Refused::TooMany { limit: 1 }, 503, Some("1"), false);
        check(Refused::TooMuch, 503, Some("1"), true);
        check(Refused::Stopping, 503, Some("1"), true);
        check(Refused::Panicked, 500, None, true);
        let full = StoreError::Full("no room".to_owned());
        check(Refused::NotKept { error: full, retry_after: Duration::from_secs(7) }, 503, Some("7"), false);
    }

    #[test]
    fn who_is_kept_waiting_is_not_answered_for_it() {
        let waiting = Refused::TooManyConnections { limit: 1 };
        assert!(Refused::REASONS.contains(&waiting.reason()));
        assert_eq!((waiting.status_label(), waiting.outcome(), waiting.is_ours()), (None, "kept waiting", false));
    }

    #[test]
    fn retry_after_is_never_zero() {
        let busy = StoreError::Busy("queue".to_owned());
        check(Refused::NotKept { error: busy, retry_after: Duration::from_millis(20) }, 503, Some("1"), false);
    }
}
