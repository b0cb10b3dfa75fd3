//! Has the worker's handlers tried out for the operator.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{server::Trial, worker::Worker};

/// The handlers of a worker.
#[derive(Debug)]
pub(super) struct TriedByWorker(pub(super) Arc<Worker>);

#[async_trait]
impl Trial for TriedByWorker {
    fn takers(&self) -> Vec<Arc<str>> {
        self.0.taking_tests()
    }

    async fn try_out(&self, handler: &str) -> Result<(), String> {
        self.0.try_out(handler).await.map_err(|error| error.to_string())
    }
}
