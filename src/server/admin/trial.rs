//! Having a handler tried out with a test message. The server knows no handlers; whoever does implements [`Trial`].

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

/// Somebody who can have handlers tried out.
#[async_trait]
pub trait Trial: Debug + Send + Sync + 'static {
    /// The handlers that take a test message.
    fn takers(&self) -> Vec<Arc<str>>;

    /// Has a handler send a test message. Says in one line why it could not.
    async fn try_out(&self, handler: &str) -> Result<(), String>;
}
