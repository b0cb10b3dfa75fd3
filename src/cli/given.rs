//! How moments, durations and addresses are written on the command line.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::clock::{Clock as _, SystemClock};

/// Reads `2027-01-31T08:00:00Z`, or `2h` for two hours ago.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let expected = "expected a time such as `2027-01-31T08:00:00Z`, or how long ago, such as `2h`";
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text).ok().and_then(|ago| SignedDuration::try_from(ago).ok());
    ago.and_then(|ago| SystemClock::new().now().checked_sub(ago).ok()).ok_or_else(|| expected.to_owned())
}

/// Reads `30s`, or `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected how long, such as `30s` or `1h 30m`".to_owned())
}

/// Reads the same, where none at all would be asking without a pause, or giving up before there can be an answer.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected longer than nothing, such as `30s`".to_owned()),
        some => Ok(some),
    }
}

/// Reads a whole address.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let expected = "expected a whole address, such as `https://hooks.example.com/apple/my-app`";
    let web = |url: &Url| matches!(url.scheme(), "http" | "https");
    text.parse().ok().filter(web).ok_or_else(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_expected_is_said() {
        let wrong = [
            moment("yesterday").map(drop),
            duration("1x").map(drop),
            duration("").map(drop),
            some_time("1x").map(drop),
            some_time("0s").map(drop),
            some_time("0m 0s").map(drop),
            address("hooks.example.com/apple").map(drop),
            address("ftp://hooks.example.com/").map(drop),
        ];
        for told in wrong {
            assert!(told.as_ref().is_err_and(|told| told.starts_with("expected ")), "{told:?}");
        }
        assert_eq!(duration("1h 30m"), Ok(Duration::from_mins(90)));
        assert_eq!((duration("0s"), some_time("1ms")), (Ok(Duration::ZERO), Ok(Duration::from_millis(1))));
        assert!(address("http://127.0.0.1:8080/app").is_ok());
    }
}
