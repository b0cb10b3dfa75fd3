//! What every request passes on its way in, and every answer on its way out: the order, and why.
//!
//! There is one layer, because the limits that a request must meet first belong to the connection (see
//! [`listener`](super::listener)) or to the reading of the body (see [`receive`](super::receive)), and a line or a span for every
//! request would cost more than the request.
//!
//! 1. **Panics become an answer.** It stands outermost, so that nothing can panic outside it: without it a panic would close the
//!    connection without a word, and other requests on it with it.

use std::any::Any;

use axum::{
    Router,
    response::{IntoResponse as _, Response},
};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::Refused;

/// Lays the layers around a router.
pub(super) fn around(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(answer_to_panic as fn(Box<dyn Any + Send>) -> Response))
}

fn answer_to_panic(_: Box<dyn Any + Send>) -> Response {
    // The panic hook has told the log. What the panic says may quote what was being handled, so it goes nowhere else.
    Refused::Panicked.into_response()
}
