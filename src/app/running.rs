//! The parts of a program that runs, and what it means when one of them ends.

use std::future::Future;

use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;

use super::AppError;
use crate::{inbox::StoreError, shutdown::Shutdown};

/// The parts of a program that has begun: each runs until the end is asked for.
///
/// One that ends before says that the program must end: it has panicked, or found that the store is broken.
/// [`App::until_end`](super::App::until_end) hears that and sees to it. Dropped, they all go on, but nobody hears: without a worker
/// nothing is handled any more, and on a broken store every notification is answered 503, for as long as the process lives.
#[derive(Debug)]
#[must_use = "hand it to `App::until_end`, or nobody hears that a part has died or that the store is broken"]
pub struct Running {
    shutdown: Shutdown,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Running {
    /// No part yet; each that comes is a task that the program's end waits for.
    pub(super) fn none(shutdown: &Shutdown) -> Self {
        Self { shutdown: shutdown.clone(), parts: Vec::new() }
    }

    /// Starts a part, which is to run until the end is asked for.
    pub(super) fn start(&mut self, name: &'static str, part: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
        self.parts.push(Part { name, task: self.shutdown.spawn(part) });
    }

    /// These parts and those.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.parts.extend(others.parts);
        self
    }

    /// How each part ends, in the order in which they do.
    pub(super) fn ends(self) -> FuturesUnordered<impl Future<Output = Result<&'static str, AppError>>> {
        self.parts.into_iter().map(Part::end).collect()
    }
}

impl Part {
    /// Which part it was that has come to its end, or why it could not go on: it has panicked, or found that the store is broken.
    async fn end(self) -> Result<&'static str, AppError> {
        match self.task.await {
            Ok(Ok(())) => Ok(self.name),
            Ok(Err(error)) => Err(AppError::Store(error)),
            Err(_) => Err(AppError::Died(self.name)),
        }
    }
}
