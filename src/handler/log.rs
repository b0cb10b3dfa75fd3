//! The kind `log`: one line about each event. Its own key is `level`.
//!
//! The payload is left out on purpose; it leads to testers' data, and logs travel far.

use std::sync::Arc;

use serde::Deserialize;

use super::{Context, Handler, HandlerError, Section, SectionError};
use crate::{event::Event, plain};

/// Writes one line about each event.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Log {
    level: Level,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Log {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When the section does not say a level.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub fn new(section: Section) -> Result<Self, SectionError> {
        section.parse()
    }
}

macro_rules! line {
    ($level:ident, $event:expr, $ctx:expr) => {{
        let (event, ctx) = ($event, $ctx);
        let subject = event.subject.as_ref();
        tracing::event!(
            target: "asc_webhooks::handler::log",
            tracing::Level::$level,
            event.id = plain::short(&event.id),
            event.kind = plain::short(event.kind.as_str()),
            event.state = event.state().map(plain::short),
            event.previous_state = event.previous_state().map(plain::short),
            subject.kind = subject.map(|subject| plain::short(subject.kind.as_str())),
            subject.id = subject.map(|subject| plain::short(subject.id.as_str())),
            endpoint.name = ctx.endpoint(),
            receipt.id = ctx.receipt(),
            receipt.recovered = ctx.is_recovered(),
            "event"
        );
    }};
}

impl Handler for Log {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        match self.level {
            Level::Error => line!(ERROR, &event, &ctx),
            Level::Warn => line!(WARN, &event, &ctx),
            Level::Info => line!(INFO, &event, &ctx),
            Level::Debug => line!(DEBUG, &event, &ctx),
            Level::Trace => line!(TRACE, &event, &ctx),
        }
        Ok(())
    }

    fn needs_details(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use super::*;
    use crate::event::{EventKind, sample};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(level: &str, id: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .without_time()
            .with_ansi(false)
            .finish();
        let kind = EventKind::AppStoreVersionAppVersionStateUpdated;
        let body = sample::of(&kind).id(id).state("REJECTED").set("attributes.comment", "nobody's business".into()).body();
        let event = Arc::new(Event::parse(body).unwrap());
        let handler = Log::new(Section::sample(&format!("level = {level:?}"))).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            futures_util::FutureExt::now_or_never(handler.handle(event, Context::sample())).unwrap().unwrap();
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_without_the_payload() {
        insta::assert_snapshot!(written("info", "5e0c1a7e"));
        for level in ["error", "warn", "info", "debug", "trace"] {
            let line = written(level, "5e0c1a7e");
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(line.trim_start().starts_with(&level.to_uppercase()), "{line}");
            assert!(!line.contains("business"), "{line}");
        }
    }

    #[test]
    fn a_strange_id_stays_within_its_line() {
        let line = written("info", &format!("\u{1b}[31m\u{202e}\n{}", "x".repeat(10_000)));
        assert!(line.trim_end().chars().all(plain::is_harmless), "{line:?}");
        assert!(line.len() < 1_000, "{} bytes", line.len());
    }
}
