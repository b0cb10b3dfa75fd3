//! A handler of any type, as the worker holds it.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use serde_json::Value;

use super::{Context, Handler, HandlerError, message::Told};
use crate::event::{Event, EventKind};

/// A handler whose type is forgotten. Cloning it gives the same handler again.
#[derive(Clone)]
pub struct BoxHandler(Arc<dyn Erased>);

impl BoxHandler {
    /// Forgets the type of a handler.
    pub fn new(handler: impl Handler) -> Self {
        Self(Arc::new(handler))
    }
}

impl Handler for BoxHandler {
    fn handle(&self, event: Arc<Event>, ctx: Context) -> impl Future<Output = Result<(), HandlerError>> + Send {
        self.0.handle_boxed(event, ctx)
    }

    fn wants(&self, kind: &EventKind) -> bool {
        self.0.wants_boxed(kind)
    }

    fn needs_details(&self) -> bool {
        self.0.needs_details_boxed()
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        self.0.preview_boxed(told)
    }

    fn payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        self.0.payload_boxed(told)
    }

    fn takes_test(&self) -> bool {
        self.0.takes_test_boxed()
    }
}

impl fmt::Debug for BoxHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxHandler(…)")
    }
}

/// What a trait object can do of [`Handler`].
trait Erased: Send + Sync {
    fn handle_boxed(&self, event: Arc<Event>, ctx: Context) -> Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send + '_>>;
    fn wants_boxed(&self, kind: &EventKind) -> bool;
    fn needs_details_boxed(&self) -> bool;
    fn preview_boxed(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>>;
    fn payload_boxed(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>>;
    fn takes_test_boxed(&self) -> bool;
}

impl<H: Handler> Erased for H {
    fn handle_boxed(&self, event: Arc<Event>, ctx: Context) -> Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send + '_>> {
        Box::pin(self.handle(event, ctx))
    }

    fn wants_boxed(&self, kind: &EventKind) -> bool {
        self.wants(kind)
    }

    fn needs_details_boxed(&self) -> bool {
        self.needs_details()
    }

    fn preview_boxed(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        self.preview(told)
    }

    fn payload_boxed(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        self.payload(told)
    }

    fn takes_test_boxed(&self) -> bool {
        self.takes_test()
    }
}
