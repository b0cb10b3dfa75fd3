//! A handler's words without its secrets.
//!
//! Whatever comes of an attempt is kept, and shown to everybody who may look at the notification: an error, with what the other side said,
//! and what a panic says. Both may quote what the handler was configured with, so both pass through here, whatever the kind.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
};

use futures_util::FutureExt as _;

use super::HandlerError;
use crate::secret::Redactor;

/// Sees an attempt through to its end, and takes secrets out of what it says.
pub(super) async fn discreetly(
    secrets: &Redactor,
    handling: impl Future<Output = Result<(), HandlerError>>,
) -> Result<(), HandlerError> {
    match AssertUnwindSafe(handling).catch_unwind().await {
        Ok(answer) => answer.map_err(|error| error.without(secrets)),
        Err(panic) => resume_unwind(discreet(secrets, panic)),
    }
}

/// A text of the program holds no secret; only one that was put together at the time may.
fn discreet(secrets: &Redactor, panic: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    match panic.downcast::<String>() {
        Ok(said) => Box::new(secrets.strike_out(&said)),
        Err(panic) => panic,
    }
}
