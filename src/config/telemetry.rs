//! `[telemetry]`: log lines.

use toml::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{
    section::{Hint, Section, Setting},
    setting::{one_of, text, words_of},
};

const FORMATS: [(&str, LogFormat); 3] = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];

/// `[telemetry]`
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Which log lines are written, in the syntax of `tracing-subscriber`'s `Targets`.
    pub log: String,
    /// How they are written.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people when standard error is a terminal, else JSON.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Telemetry {
    pub(super) fn settle(mut section: Section<'_, '_>) -> Option<Self> {
        let log = section.required("log").map(|Levels(levels)| levels);
        let format = section.required("format");
        section.finish();
        Some(Self { log: log?, format: format? })
    }
}

struct Levels(String);

impl Setting for Levels {
    const EXPECTED: &'static str = "a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by module";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        // The filter takes a word that is no level for the name of a module.
        let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
        let has_levels = given.split(',').all(|part| is_level(part.rsplit('=').next().unwrap_or(part).trim()));
        if has_levels && given.parse::<Targets>().is_ok() {
            return Ok(Self(given.to_owned()));
        }
        Err(Some("write `info,asc_webhooks::worker=debug` for levels by module".to_owned()))
    }
}

impl Setting for LogFormat {
    const EXPECTED: &'static str = "`auto`, `text` or `json`";

    fn read(value: &Value) -> Result<Self, Hint> {
        one_of(value, &FORMATS)
    }

    fn schema() -> serde_json::Value {
        words_of(&FORMATS)
    }
}
