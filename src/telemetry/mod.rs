//! What an operator sees of a running program: log lines and figures.
//!
//! Log lines go to standard error, for people or as one JSON object each; their fields are dotted by entity (`event.id`,
//! `handler.name`, `attempt.number`). Figures are named in [`metrics`], and [`exposition`] shows them. Neither ever holds a secret or the content of a
//! notification: that is kept by whoever writes a line, since nothing here could tell. And nobody ever waits until a line is written: see
//! `lines`.

pub mod exposition;
mod lines;
pub mod metrics;

use std::{
    any::Any,
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    panic, thread,
    time::Duration,
};

use tracing_subscriber::{
    filter::{LevelFilter, ParseError, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use self::lines::Lines;
use crate::config::{LogFormat, Telemetry};

/// The target of log lines that say what an operator changed. They are written whatever filter is configured.
pub const AUDIT: &str = "asc_webhooks::audit";

/// The target of lines that say that others are missing. They are written whatever filter is configured, too.
const MISSING: &str = "asc_webhooks::telemetry::missing";

/// How long the end of the program waits until its last lines are written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Standard error is one for the whole process, and so is the queue before it.
static LINES: Lines = Lines::new();

/// Starts writing log lines as configured.
///
/// Panics become log lines too, without what they may quote. A program that embeds the crate may have set up its own logging: then
/// that stays, and this says so. Lines are written by a thread of their own, so a program that uses this has [`LastWords`] in its
/// `main`, as that of [`cli::main`](crate::cli::main) has.
///
/// # Errors
/// When the filter cannot be read, log lines are written already, or there is no thread to be had.
pub fn init(config: &Telemetry) -> Result<(), TelemetryError> {
    let filter: Targets = config
        .log
        .parse()
        .map_err(|error: ParseError| TelemetryError::Filter { filter: config.log.clone(), reason: error.to_string() })?;
    let filter = filter.with_target(AUDIT, LevelFilter::INFO).with_target(MISSING, LevelFilter::WARN);
    let lines = fmt::layer().with_writer(&LINES);
    let registry = tracing_subscriber::registry().with(filter);
    let started = if is_json(config.format) {
        registry.with(lines.json().flatten_event(true)).try_init()
    } else {
        registry.with(lines.with_ansi(io::stderr().is_terminal())).try_init()
    };
    started.map_err(|_| TelemetryError::AlreadyStarted)?;
    let writer = || LINES.write_to(io::stderr(), tell_of_missing);
    thread::Builder::new().name("log".to_owned()).spawn(writer).map_err(|error| TelemetryError::Thread(error.to_string()))?;
    LINES.begin();
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(tracing::field::display);
        tracing::error!(panic.location = location, "panic: {}", harmless_words(panic.payload()));
    }));
    Ok(())
}

/// Says something on standard error that is no log line, after those that were written before. It waits until that is done, because what
/// comes next may go to the same terminal by another way; but only for a second.
pub(crate) fn say(words: impl Display) {
    let words = words.to_string();
    if LINES.say(words.as_bytes()) {
        LINES.flush(LAST_WORDS);
    } else {
        // When nobody can hear it there is nobody to tell.
        let _ = io::stderr().write_all(words.as_bytes());
    }
}

/// Sees to it that the last lines are written before the program ends: when it is dropped it waits for that, but for a second at most.
#[derive(Debug)]
pub struct LastWords;

impl Drop for LastWords {
    fn drop(&mut self) {
        LINES.flush(LAST_WORDS);
    }
}

/// Why log lines or figures could not be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter of log lines cannot be read.
    #[error(
        "found `{filter}`, which is no filter of log lines ({reason}), expected one such as `info` or `info,asc_webhooks::worker=debug`"
    )]
    Filter {
        /// The filter as configured.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something else in the process has set this up before.
    #[error("the process has set it up already")]
    AlreadyStarted,
    /// The system has no thread for writing log lines.
    #[error("there is no thread for writing log lines: {0}")]
    Thread(String),
}

fn tell_of_missing(lines: u64) {
    tracing::warn!(target: MISSING, lines, "lines are missing here: standard error did not take them");
}

fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    }
}

/// What a panic says, if it is a text of the program. One that was put together at the time may quote a notification: slicing a text
/// in the wrong place does.
pub(crate) fn harmless_words(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(not shown, because it may quote what was being handled)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_may_quote_a_notification_is_not_shown() {
        assert_eq!(harmless_words(&"a text of the program"), "a text of the program");
        assert!(!harmless_words(&String::from("`tester@example.com`")).contains("tester"));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_shown() {
        let config = Telemetry { log: "asc_webhooks=loud".to_owned(), format: LogFormat::Json };
        let error = init(&config).unwrap_err();
        assert_eq!(
            error.to_string(),
            "found `asc_webhooks=loud`, which is no filter of log lines (error parsing level filter: expected one of \"off\", \"error\", \
             \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5), expected one such as `info` or \
             `info,asc_webhooks::worker=debug`"
        );
    }

    #[test]
    fn the_second_start_says_so_and_changes_nothing() {
        let config = Telemetry { log: "off".to_owned(), format: LogFormat::Text };
        // Another test of this process may have been first, so only the second answer is certain.
        let _ = init(&config);
        assert_eq!(init(&config), Err(TelemetryError::AlreadyStarted));
    }
}
