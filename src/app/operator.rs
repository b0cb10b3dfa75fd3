//! Tells the operator of the worker's handlers, and has them tried out.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{server::Handlers, worker::Worker};

/// The handlers of a worker.
#[derive(Debug)]
pub(super) struct OfWorker(pub(super) Arc<Worker>);

#[async_trait]
impl Handlers for OfWorker {
    fn held_for(&self, handler: &str) -> Option<Duration> {
        self.0.held_for(handler)
    }

    fn taking_tests(&self) -> Vec<Arc<str>> {
        self.0.taking_tests()
    }

    async fn try_out(&self, handler: &str) -> Result<(), String> {
        self.0.try_out(handler).await.map_err(|error| error.to_string())
    }
}
