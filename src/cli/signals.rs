//! How a command that runs until it is told to stop is told.

use std::{convert::Infallible, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::shutdown::Shutdown;

/// The signals that ask for the end: `SIGTERM`, and `SIGINT` from the keyboard.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen. From now on neither signal ends the process by itself.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Asks for the end at the first signal, and cuts off at the next what is still under way.
    pub(super) async fn obey(mut self, shutdown: &Shutdown) -> Infallible {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            if shutdown.has_begun() {
                tracing::warn!("told to stop again: what is under way is cut off");
                shutdown.cut_off();
            } else {
                shutdown.begin();
            }
        }
    }
}
