//! The JSON document by which other programs are told of an event: the body of `forward`, the input of `exec`.
//!
//! Its names are those of a `when` expression: `event.state` there is `event.state` here.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use crate::event::{Details, Event};

#[derive(Serialize)]
struct Notice<'a> {
    event: &'a Event,
    endpoint: &'a str,
    receipt: i64,
    received_at: Timestamp,
    recovered: bool,
    details: Option<&'a Details>,
}

pub(super) fn notice(event: &Event, ctx: &Context) -> Result<Bytes, serde_json::Error> {
    let notice = Notice {
        event,
        endpoint: &ctx.endpoint,
        receipt: ctx.receipt,
        received_at: ctx.received_at,
        recovered: ctx.recovered,
        details: ctx.details(),
    };
    serde_json::to_vec(&notice).map(Bytes::from)
}

/// What another program said, fit for a line of an error: no control characters, and at most `limit` characters.
pub(super) fn excerpt(text: &str, limit: usize) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, sample};

    #[test]
    fn tells_of_an_event() {
        let event = Event::parse(sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").body()).unwrap();
        let notice: serde_json::Value = serde_json::from_slice(&notice(&event, &Context::sample()).unwrap()).unwrap();
        insta::assert_json_snapshot!(notice);
    }

    #[test]
    fn excerpts_are_one_harmless_line() {
        assert_eq!(excerpt("  one\n\u{1b}[31mtwo\r\n\0three ", 80), "one [31mtwo three");
        assert_eq!(excerpt("äöü", 2), "äö…");
        assert_eq!(excerpt("äö", 2), "äö");
        assert_eq!(excerpt("\u{7}", 2), "");
    }
}
