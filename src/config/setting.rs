//! What single values can mean: durations, sizes, addresses, names, words of a list.

use std::{fmt, net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use toml::Value;

use super::section::{Hint, Listed, Setting};
use crate::spelling::did_you_mean;

/// The longest duration that is taken for meant: a hundred years.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

impl Setting for String {
    const EXPECTED: &'static str = "a text";

    fn read(value: &Value) -> Result<Self, Hint> {
        text(value).map(str::to_owned)
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn read(value: &Value) -> Result<Self, Hint> {
        value.as_bool().ok_or(None)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "boolean" })
    }
}

impl Setting for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn read(value: &Value) -> Result<Self, Hint> {
        text(value).map(Self::from)
    }
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "an address and a port, such as `127.0.0.1:8080`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        given.parse().map_err(|_| {
            let port = given.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok())?;
            match given.strip_suffix(port)? {
                "" | ":" | "*:" => Some(format!("write `0.0.0.0:{port}` for every address of this machine")),
                "localhost:" => Some(format!("write `127.0.0.1:{port}`")),
                _ => Some("write the address as a number: names are not looked up".to_owned()),
            }
        })
    }
}

impl Setting for NonZeroUsize {
    const EXPECTED: &'static str = "a number of at least 1";

    fn read(value: &Value) -> Result<Self, Hint> {
        let number = value.as_integer().ok_or(None)?;
        usize::try_from(number).ok().and_then(Self::new).ok_or(None)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "integer", "minimum": 1 })
    }
}

impl Setting for Duration {
    const EXPECTED: &'static str = "a duration, such as `\"30s\"`, `\"5m\"` or `\"12h\"`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = match value {
            Value::Integer(seconds) => return Err(Some(format!("write `\"{seconds}s\"` if seconds are meant"))),
            other => text(other)?,
        };
        let duration = humantime::parse_duration(given).map_err(|_| {
            let is_bare = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
            is_bare.then(|| format!("write `\"{given}s\"` if seconds are meant"))
        })?;
        if duration.is_zero() {
            return Err(Some("it must be longer than nothing".to_owned()));
        }
        if duration > LONGEST {
            return Err(Some("it must not be longer than a hundred years".to_owned()));
        }
        Ok(duration)
    }
}

impl Listed for Duration {
    const SEVERAL: &'static str = "durations, such as `[\"30s\", \"5m\", \"12h\"]`";
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl Setting for Size {
    const EXPECTED: &'static str = "a size, such as `\"64 KiB\"` or `\"1 MiB\"`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = match value {
            Value::Integer(bytes) => return Err(Some(format!("write `\"{bytes} B\"` if bytes are meant"))),
            other => text(other)?,
        };
        let digits = given.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = given.split_at(digits);
        let factor: u64 = match unit.trim() {
            "B" => 1,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(Some("the units are `B`, `KiB`, `MiB`, `GiB`, and `kB`, `MB`, `GB` for powers of ten".to_owned())),
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        bytes.map(Self).ok_or(None)
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub(super) f64);

impl Setting for Share {
    const EXPECTED: &'static str = "a share from `\"0%\"` to `\"100%\"`";

    fn read(value: &Value) -> Result<Self, Hint> {
        if let Some(number) = value.as_float().filter(|number| (0.0..=1.0).contains(number)) {
            return Err(Some(format!("write `\"{}%\"`", (number * 100.0).round())));
        }
        let number = text(value)?.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        number.filter(|number| (0.0..=100.0).contains(number)).map(|number| Self(number / 100.0)).ok_or(None)
    }
}

impl Setting for Timestamp {
    const EXPECTED: &'static str = "a time with its zone, such as `2027-01-31T00:00:00Z`";

    fn read(value: &Value) -> Result<Self, Hint> {
        match value {
            Value::String(text) => text.parse().map_err(|_| None),
            Value::Datetime(time) => {
                time.to_string().parse().map_err(|_| Some("write the zone too: `Z` at the end means UTC".to_owned()))
            }
            _ => Err(None),
        }
    }
}

/// The name of an endpoint or a handler.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub(super) Arc<str>);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Listed for Name {
    const SEVERAL: &'static str = "names";
}

impl Setting for Name {
    const EXPECTED: &'static str = "a name of `a` to `z`, `0` to `9`, `-` and `_`, of at most 64 letters";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        let plain: String = given
            .to_lowercase()
            .chars()
            .map(|letter| if matches!(letter, 'a'..='z' | '0'..='9' | '-' | '_') { letter } else { '-' })
            .collect();
        if plain == given && !given.is_empty() && given.len() <= 64 {
            return Ok(Self(given.into()));
        }
        let could_be = plain.bytes().any(|byte| byte.is_ascii_alphanumeric()) && plain.len() <= 64;
        Err(could_be.then(|| format!("write `{}`", plain.trim_matches('-'))))
    }
}

/// Reads one of a few words.
pub(super) fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Hint> {
    let given = text(value)?;
    let meant = words.iter().find(|(word, _)| *word == given);
    meant.map(|(_, meaning)| *meaning).ok_or_else(|| did_you_mean(given, words.iter().map(|(word, _)| *word)))
}

/// What a JSON Schema says of one of a few words.
pub(super) fn words_of<T>(words: &[(&str, T)]) -> serde_json::Value {
    json!({ "enum": words.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
}

/// The text of a value, if it is one.
pub(super) fn text(value: &Value) -> Result<&str, Hint> {
    value.as_str().ok_or(None)
}
