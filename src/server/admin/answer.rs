//! What an answer of the operator's listener looks like: its headers, and what it says when something is wrong.
//!
//! Programs get a problem as [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) has it; the page shows the same words. A store's own
//! words stay in the log: they name files.

use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::apple::{Trouble, TroubleKind};
use crate::{inbox::StoreError, telemetry::metrics};

/// What browsers may do with an answer: show it, with our own style and nothing else of anybody's.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    // With `no-referrer`, browsers would hide from us that a form is our own.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// When to ask again what cannot be answered now, as long as nobody knows better.
const COME_BACK_SECONDS: u64 = 5;

/// Why a request was not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) detail: String,
    /// After how many seconds it is worth asking again, where that is known.
    pub(super) retry_after_seconds: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_seconds: None }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The status in words.
    pub(super) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Problem")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        metrics::store_failed(&error);
        tracing::error!("the operator's question could not be answered: {error}");
        let word = metrics::store_error_label(&error);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("the store is {word}; the log says more"))
    }
}

impl From<Trouble> for Problem {
    fn from(Trouble { kind, words, hint, retry_after_seconds }: Trouble) -> Self {
        let status = match kind {
            TroubleKind::NotFound => StatusCode::NOT_FOUND,
            TroubleKind::Refused => StatusCode::BAD_GATEWAY,
            TroubleKind::RateLimited | TroubleKind::Ours => StatusCode::SERVICE_UNAVAILABLE,
            TroubleKind::Silent => StatusCode::GATEWAY_TIMEOUT,
        };
        let detail = hint.map_or_else(|| words.clone(), |hint| format!("{words}; {hint}"));
        Self { status, detail, retry_after_seconds }
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!("an answer could not be written as JSON: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written; the log says more")
    }
}

/// As JSON, and as an extension of the answer from which the page makes its own form.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let words = json!({ "type": "about:blank", "title": self.title(), "status": self.status.as_u16(), "detail": self.detail });
        let mut response = Response::new(Body::from(words.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let unknown = || (self.status == StatusCode::SERVICE_UNAVAILABLE).then_some(COME_BACK_SECONDS);
        if let Some(seconds) = self.retry_after_seconds.or_else(unknown) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The same answer, or, if axum has refused the request by itself, one in our form and with words of ours.
pub(super) fn in_words(answer: Response) -> Response {
    let status = answer.status();
    let is_page = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !(status.is_client_error() || status.is_server_error()) || is_page || answer.extensions().get::<Problem>().is_some() {
        return answer;
    }
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this can only be asked in the ways that `Allow` names",
        StatusCode::BAD_REQUEST => "the path: expected UTF-8",
        _ => "the request cannot be answered",
    };
    Problem::new(status, detail).into_response()
}

/// An answer in JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<Response, Problem> {
    let mut response = Response::new(Body::from(serde_json::to_vec(value)?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Gives every answer the headers that bound what a browser does with it.
pub(super) async fn bound(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // What strangers made has a narrower policy of its own.
    let narrower = headers.remove(header::CONTENT_SECURITY_POLICY);
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(narrower) = narrower {
        headers.insert(header::CONTENT_SECURITY_POLICY, narrower);
    }
    response
}
