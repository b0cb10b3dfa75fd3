//! What the log says while a test runs.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::MakeWriter;

/// The lines of a log, without times and colours.
#[derive(Clone, Default)]
pub(in crate::server) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Listens to what this thread logs, until the guard is dropped.
    pub(in crate::server) fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).without_time().with_ansi(false);
        (lines, tracing::subscriber::set_default(subscriber.finish()))
    }

    /// What was said since the last time.
    pub(in crate::server) fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
