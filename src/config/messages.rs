//! `[messages]`: how times are written where people read them.

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use toml::Value;

use super::{
    section::{Hint, Section, Setting},
    setting::text,
};

/// The ways of writing times that have a name, each with its pattern.
const NAMED: [(&str, &str); 4] = [
    ("iso", "%Y-%m-%d %H:%M %Z"),
    ("en-GB", "%-d %b %Y, %H:%M %Z"),
    ("en-US", "%b %-d, %Y, %-I:%M %p %Z"),
    ("de", "%d.%m.%Y %H:%M %Z"),
];

/// `[messages]`
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// The time zone that times are told in.
    pub time_zone: TimeZone,
    /// How times are written, as a pattern of `strftime`.
    pub times: String,
}

impl Messages {
    pub(super) fn settle(mut section: Section<'_, '_>) -> Option<Self> {
        let time_zone = section.required("time_zone").map(|Zone(zone)| zone);
        let times = section.required("times").map(|Times(pattern)| pattern);
        section.finish();
        Some(Self { time_zone: time_zone?, times: times? })
    }
}

struct Zone(TimeZone);

impl Setting for Zone {
    const EXPECTED: &'static str = "a time zone, such as `Europe/Berlin`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let hint = "names are those of the time zone database: `Area/City`, or `UTC`";
        TimeZone::get(text(value)?).map(Self).map_err(|_| Some(hint.to_owned()))
    }
}

struct Times(String);

impl Setting for Times {
    const EXPECTED: &'static str = "`iso`, `en-GB`, `en-US`, `de`, or a pattern such as `%d.%m. %H:%M`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        if let Some((_, pattern)) = NAMED.iter().find(|(name, _)| *name == given) {
            return Ok(Self((*pattern).to_owned()));
        }
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        match strtime::format(given, &sample) {
            Ok(_) if given.contains('%') => Ok(Self(given.to_owned())),
            Ok(_) => Err(None),
            Err(error) => Err(Some(error.to_string())),
        }
    }
}
