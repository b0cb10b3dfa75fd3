//! Handlers that are functions: [`handler_fn`] for any event, [`on`] for the events of one family.

use std::{fmt, future::Future, marker::PhantomData, ops::Deref, sync::Arc};

use super::{Context, Handler, HandlerError};
use crate::event::{Event, EventKind, Family};

/// Makes a handler of an async function or closure.
///
/// An error that arrives by `?` is tried again; say [`HandlerError::reject`] where that would be in vain.
///
/// ```
/// use asc_webhooks::handler::handler_fn;
///
/// let print = handler_fn(async |event, ctx| {
///     println!("{}: {} of {:?}", ctx.endpoint(), event.kind, event.subject);
///     Ok(())
/// });
/// # asc_webhooks::handler::BoxHandler::new(print);
/// ```
///
/// A closure that keeps something gives each call a share of it:
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
///
/// use asc_webhooks::handler::handler_fn;
///
/// let seen = Arc::new(AtomicU64::new(0));
/// let count = handler_fn(move |_event, _ctx| {
///     let seen = Arc::clone(&seen);
///     async move {
///         seen.fetch_add(1, Ordering::Relaxed);
///         Ok(())
///     }
/// });
/// # asc_webhooks::handler::BoxHandler::new(count);
/// ```
pub fn handler_fn<F, Answer>(function: F) -> Function<F>
where
    F: Fn(Arc<Event>, Context) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    Function(function)
}

/// A handler that is a function; made by [`handler_fn`].
pub struct Function<F>(F);

impl<F, Answer> Handler for Function<F>
where
    F: Fn(Arc<Event>, Context) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    fn handle(&self, event: Arc<Event>, ctx: Context) -> impl Future<Output = Result<(), HandlerError>> + Send {
        (self.0)(event, ctx)
    }
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function(…)")
    }
}

/// Makes a handler of an async function or closure that takes the events of one family, and is owed no others.
///
/// ```
/// use asc_webhooks::{event::{AppVersion, AppVersionState}, handler::on};
///
/// let alarm = on::<AppVersion>(async |event, ctx| {
///     if event.change.to == Some(AppVersionState::Rejected) {
///         println!("{}: rejected, as told by event {}", ctx.endpoint(), event.event().id);
///     }
///     Ok(())
/// });
/// # asc_webhooks::handler::BoxHandler::new(alarm);
/// ```
pub fn on<E: Family>(function: impl AsyncFn(Of<E>, Context) -> Result<(), HandlerError> + FamilyFunction<E>) -> impl Handler {
    OnFamily { function, family: PhantomData }
}

/// An async function of [`Of<E>`](Of) and [`Context`], whose future can be sent to another thread: what [`on`] takes. Every function
/// of that shape is one.
///
/// Beside this bound, [`on`] has one of `AsyncFn`, because the compiler infers a closure's arguments from that one only; and this one
/// is needed because `AsyncFn` cannot say `Send` of the future.
pub trait FamilyFunction<E>: Fn(Of<E>, Context) -> <Self as FamilyFunction<E>>::Answer + Send + Sync + 'static {
    /// The future that it returns.
    type Answer: Future<Output = Result<(), HandlerError>> + Send + 'static;
}

impl<E, F, Answer> FamilyFunction<E> for F
where
    F: Fn(Of<E>, Context) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    type Answer = Answer;
}

/// An event of a family: reads as the family's struct.
#[derive(Clone, Debug)]
pub struct Of<E> {
    family: E,
    event: Arc<Event>,
}

impl<E> Of<E> {
    /// The whole event.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }
}

impl<E> Deref for Of<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.family
    }
}

struct OnFamily<E, F> {
    function: F,
    family: PhantomData<fn() -> E>,
}

impl<E: Family, F: FamilyFunction<E>> Handler for OnFamily<E, F> {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        // Whether an event is owed is decided by its kind alone; should the payload be of another family, there is nothing to do.
        let Some(family) = E::of(&event.payload).cloned() else { return Ok(()) };
        (self.function)(Of { family, event }, ctx).await
    }

    fn wants(&self, kind: &EventKind) -> bool {
        E::covers(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AppVersion, AppVersionState, BetaFeedback, sample},
        handler::BoxHandler,
    };

    fn event(kind: &EventKind) -> Arc<Event> {
        Arc::new(Event::parse(sample::of(kind).body()).unwrap())
    }

    #[tokio::test]
    async fn an_error_by_question_mark_is_retried() {
        let handler = handler_fn(async |event, _ctx| {
            let number: u8 = event.id.parse()?;
            assert_eq!(number, 0);
            Ok(())
        });
        let ping = event(&EventKind::WebhookPingCreated);
        let error = handler.handle(ping, Context::sample()).await.unwrap_err();
        assert!(!error.is_reject());
        assert_eq!(error.to_string(), "invalid digit found in string");
    }

    #[tokio::test]
    async fn a_typed_handler_gets_the_struct_and_the_event() {
        let handler = on::<AppVersion>(async |event, ctx| {
            assert_eq!(event.change.to, Some(AppVersionState::InReview));
            assert_eq!(ctx.attempt(), 1);
            Err(HandlerError::reject(event.event().kind.to_string()))
        });
        let error = handler.handle(event(&EventKind::AppStoreVersionAppVersionStateUpdated), Context::sample()).await.unwrap_err();
        assert_eq!(error.to_string(), "appStoreVersionAppVersionStateUpdated");
    }

    #[tokio::test]
    async fn a_typed_handler_wants_its_family_only() {
        let handler = BoxHandler::new(on::<BetaFeedback>(async |_event, _ctx| Err(HandlerError::reject("called"))));
        let mut wanted: Vec<_> = EventKind::ALL.iter().filter(|kind| handler.wants(kind)).map(EventKind::as_str).collect();
        wanted.sort_unstable();
        assert_eq!(wanted, ["betaFeedbackCrashSubmissionCreated", "betaFeedbackScreenshotSubmissionCreated"]);
        assert!(handler.handle(event(&EventKind::WebhookPingCreated), Context::sample()).await.is_ok());
    }
}
