//! A handler of any type, as the worker holds it.

use std::{fmt, pin::Pin, sync::Arc};

use serde_json::Value;

use super::{Context, Handler, HandlerError, discreet::discreetly, message::Told};
use crate::{
    event::{Event, EventKind},
    secret::Redactor,
};

/// A handler whose type is forgotten. Cloning it gives the same handler again.
#[derive(Clone)]
pub struct BoxHandler(Arc<dyn Erased>, Arc<Redactor>);

impl BoxHandler {
    /// Forgets the type of a handler.
    pub fn new(handler: impl Handler) -> Self {
        Self(Arc::new(handler), Arc::default())
    }

    /// The same, with these secrets struck out of whatever its errors say.
    pub(super) fn without(self, secrets: Redactor) -> Self {
        Self(self.0, Arc::new(secrets))
    }
}

impl Handler for BoxHandler {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        // The call itself may panic, before there is a future.
        discreetly(&self.1, async { self.0.erased_handle(event, ctx).await }).await
    }

    fn wants(&self, kind: &EventKind) -> bool {
        self.0.erased_wants(kind)
    }

    fn needs_details(&self) -> bool {
        self.0.erased_needs_details()
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        Some(self.0.erased_preview(told)?.map_err(|error| error.without(&self.1)))
    }

    fn payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        Some(self.0.erased_payload(told)?.map_err(|error| error.without(&self.1)))
    }

    fn takes_test(&self) -> bool {
        self.0.erased_takes_test()
    }
}

impl fmt::Debug for BoxHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxHandler(…)")
    }
}

/// What a trait object can do of [`Handler`].
trait Erased: Send + Sync {
    fn erased_handle(&self, event: Arc<Event>, ctx: Context)
    -> Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send + '_>>;
    fn erased_wants(&self, kind: &EventKind) -> bool;
    fn erased_needs_details(&self) -> bool;
    fn erased_preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>>;
    fn erased_payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>>;
    fn erased_takes_test(&self) -> bool;
}

impl<H: Handler> Erased for H {
    fn erased_handle(
        &self,
        event: Arc<Event>,
        ctx: Context,
    ) -> Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send + '_>> {
        Box::pin(self.handle(event, ctx))
    }

    fn erased_wants(&self, kind: &EventKind) -> bool {
        self.wants(kind)
    }

    fn erased_needs_details(&self) -> bool {
        self.needs_details()
    }

    fn erased_preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        self.preview(told)
    }

    fn erased_payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        self.payload(told)
    }

    fn erased_takes_test(&self) -> bool {
        self.takes_test()
    }
}
