//! How a moment is written on the command line: as a time, or as how long ago it was.

use jiff::{SignedDuration, Timestamp};

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
