//! What an operator is told of the handlers at work, and can have done with one. The server knows no handlers; whoever runs them implements
//! [`Handlers`].

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;

/// Whoever runs the handlers.
#[async_trait]
pub trait Handlers: Debug + Send + Sync + 'static {
    /// For how much longer a handler is given nothing, because its other side asked to wait; none if it is not so.
    fn held_for(&self, handler: &str) -> Option<Duration>;

    /// The handlers that take a test message.
    fn taking_tests(&self) -> Vec<Arc<str>>;

    /// Has a handler send a test message. Says in one line why it could not.
    async fn try_out(&self, handler: &str) -> Result<(), String>;
}
