//! What several views show: times, events in a list, and how dispatches stand.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::Desk;
use crate::{
    event::EventKind,
    handler::message::{clean, cut, words_of},
    inbox::{Content, Dispatch, Receipt, Source, query::Listed},
};

/// How many letters of a word of Apple's are shown, as in the tables on a terminal: it is any text at all, and must not fill the page.
const LONGEST: usize = 64;

/// A time as people read it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Moment {
    iso: String,
    said: String,
    /// How far it is from now: `3 min ago`.
    ago: String,
}

impl Moment {
    pub(super) fn of(desk: &Desk, time: Timestamp) -> Self {
        let past = desk.clock.now().duration_since(time);
        let ago = match past.as_secs() {
            -1..=1 => "just now".to_owned(),
            2.. => format!("{} ago", span(past)),
            _ => format!("in {}", span(-past)),
        };
        Self { iso: time.to_string(), said: desk.known.load().voice.time(time), ago }
    }
}

/// A length of time in its largest unit.
pub(super) fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long an attempt took.
pub(super) fn took(time: Duration) -> String {
    match time.as_millis() {
        0 => "under 1 ms".to_owned(),
        millis @ 1..10_000 => format!("{millis} ms"),
        millis => format!("{} s", millis / 1_000),
    }
}

/// An event in a list.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    id: i64,
    received: Moment,
    endpoint: String,
    what: String,
    /// `Waiting for Review → In Review`
    change: String,
    subject: Option<String>,
    is_recovered: bool,
    is_unsigned: bool,
    is_unparsed: bool,
    dispatches: Vec<Standing>,
}

impl Row {
    pub(super) fn of(desk: &Desk, listed: &Listed) -> Self {
        let receipt = &listed.receipt;
        let (what, change, subject) = match &receipt.content {
            Content::Event(event) => {
                let states = [&event.previous_state, &event.state].into_iter().flatten();
                let change = states.map(|state| state_in_words(state)).collect::<Vec<_>>().join(" → ");
                (kind_in_words(&event.kind), change, event.subject_id.as_deref().map(in_short))
            }
            Content::Unparsed { reason } => ("no event".to_owned(), clean(reason), None),
        };
        Self {
            id: receipt.id.0,
            received: Moment::of(desk, receipt.received_at),
            endpoint: receipt.endpoint.clone(),
            what,
            change,
            subject,
            is_recovered: receipt.source == Source::Recovered,
            is_unsigned: receipt.source == Source::Unsigned,
            is_unparsed: is_unparsed(receipt),
            dispatches: listed.dispatches.iter().map(|dispatch| Standing::of(desk, dispatch)).collect(),
        }
    }
}

/// How a dispatch stands.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Standing {
    pub(super) id: i64,
    pub(super) handler: String,
    pub(super) state: &'static str,
    attempts: u32,
    due: Option<Moment>,
}

impl Standing {
    pub(super) fn of(desk: &Desk, dispatch: &Dispatch) -> Self {
        Self {
            id: dispatch.id.0,
            handler: dispatch.handler.clone(),
            state: dispatch.state.as_str(),
            attempts: dispatch.attempts,
            due: dispatch.due_at.map(|due| Moment::of(desk, due)),
        }
    }
}

/// A kind as people call it; one that this version does not know as Apple writes it.
pub(super) fn kind_in_words(kind: &str) -> String {
    let known = EventKind::from(kind);
    if !known.is_known() {
        return in_short(kind);
    }
    let spoken = match known.as_str() {
        created if known.family().is_unsigned() => created,
        name => name.trim_end_matches("Updated").trim_end_matches("Created").trim_end_matches("State"),
    };
    let mut words = String::new();
    for letter in spoken.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words.replace("app store version app version", "app store version").replace("submission", "").trim().to_owned()
}

/// A word of Apple's, plain, and its beginning only if it is too long to be shown.
pub(super) fn in_short(word: &str) -> String {
    cut(&clean(word), LONGEST)
}

/// A state as people write it, and not longer than a word may be.
pub(super) fn state_in_words(state: &str) -> String {
    words_of(&in_short(state))
}

pub(super) fn is_unparsed(receipt: &Receipt) -> bool {
    matches!(receipt.content, Content::Unparsed { .. })
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_short_words() {
        let words: Vec<String> = EventKind::ALL.iter().map(|kind| kind_in_words(kind.as_str())).collect();
        insta::assert_snapshot!(words.join("\n"));
        assert_eq!(kind_in_words("surprise<b>Updated"), "surprise<b>Updated", "it is for the template to escape");
        let endless = "E".repeat(200_000);
        assert_eq!([kind_in_words(&endless), state_in_words(&endless)].map(|word| word.chars().count()), [LONGEST; 2]);
    }

    #[test]
    fn numbers_and_spans_are_easy_to_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        let said = |seconds| span(SignedDuration::from_secs(seconds));
        assert_eq!([-5, 59, 61, 3_600, 172_799, 172_800].map(said), ["0 s", "59 s", "1 min", "1 h", "47 h", "2 d"]);
    }

    #[test]
    fn what_took_no_time_says_so() {
        let said = |micros| took(Duration::from_micros(micros));
        assert_eq!([0, 999, 1_000, 9_999_999, 10_000_000].map(said), ["under 1 ms", "under 1 ms", "1 ms", "9999 ms", "10 s"]);
    }
}
