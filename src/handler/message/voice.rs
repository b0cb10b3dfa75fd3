//! How times and durations are written.

use jiff::{SignedDuration, Timestamp, fmt::strtime, tz::TimeZone};

/// How messages are spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    /// The time zone that times are told in.
    pub time_zone: TimeZone,
    /// How times are written, as a pattern of `strftime`.
    pub times: String,
}

impl Default for Voice {
    fn default() -> Self {
        Self { time_zone: TimeZone::UTC, times: "%Y-%m-%d %H:%M %Z".to_owned() }
    }
}

impl Voice {
    /// A time, as people read it.
    pub fn time(&self, time: Timestamp) -> String {
        let written = strtime::format(&self.times, &time.to_zoned(self.time_zone.clone()));
        written.unwrap_or_else(|_| time.to_string())
    }
}

/// A duration in its two largest units: `3 h 12 min`, `2 d 4 h`.
pub fn duration(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let pair = |large: i64, name: &str, small: i64, unit: &str| match small {
        0 => format!("{large} {name}"),
        _ => format!("{large} {name} {small} {unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => pair(hours, "h", minutes, "min"),
        (days, hours, _) => pair(days, "d", hours, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_asked() {
        let time = "2026-11-21T14:04:59Z".parse().unwrap();
        let written = |zone: &str, times: &str| Voice { time_zone: TimeZone::get(zone).unwrap(), times: times.into() }.time(time);
        assert_eq!(Voice::default().time(time), "2026-11-21 14:04 UTC");
        assert_eq!(written("Europe/Berlin", "%d.%m.%Y %H:%M %Z"), "21.11.2026 15:04 CET");
        assert_eq!(written("America/New_York", "%b %-d, %Y, %-I:%M %p %Z"), "Nov 21, 2026, 9:04 AM EST");
        assert_eq!(written("UTC", "%"), "2026-11-21T14:04:59Z", "a pattern that is none takes nothing away");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let check = |seconds, expected: &str| assert_eq!(duration(SignedDuration::from_secs(seconds)), expected);
        check(-3, "0 s");
        check(59, "59 s");
        check(60, "1 min");
        check(3_600, "1 h");
        check(3 * 3_600 + 12 * 60 + 5, "3 h 12 min");
        check(2 * 86_400 + 4 * 3_600 + 59 * 60, "2 d 4 h");
        check(86_400, "1 d");
    }
}
