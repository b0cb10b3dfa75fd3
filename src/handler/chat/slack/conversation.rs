//! What the bot notes of a conversation, the thread of one subject, between one event and the next.
//!
//! An event is entered *before* it is told, and once more after. So whoever finds an entry without a message after it, does not know
//! whether there is one, and knows that it does not know: see [`Stage::Doubtful`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::handler::message::{Voice, cut};

/// The most events that a conversation remembers.
const REMEMBERED: usize = 10;

/// The most letters of what an event is remembered by.
const NEWS: usize = 120;

/// A conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Conversation {
    /// Its first message, by the time stamp that is a message's name in Slack.
    pub(super) root: Option<String>,
    /// When that happened which the first message shows.
    pub(super) shown: Option<Timestamp>,
    /// What it is about, in the order in which it was entered.
    entries: Vec<Entry>,
}

/// An event of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The event, by its idempotency key.
    event: String,
    /// When it happened.
    pub(super) at: Timestamp,
    /// What happened, in a few words.
    news: String,
    /// When it was entered.
    pub(super) entered_at: Timestamp,
    /// The message that tells of it.
    message: Option<String>,
    /// Whether there is nothing left to do about it.
    is_done: bool,
}

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was done yet.
    New,
    /// There may be a message or not.
    Doubtful,
    /// There is a message, and something is left to do.
    Told,
    /// There is nothing left to do.
    Done,
}

impl Conversation {
    /// Reads a note. One that is not understood, from a newer version perhaps, begins a new conversation.
    pub(super) fn read(note: Option<&str>) -> Self {
        note.and_then(|note| serde_json::from_str(note).ok()).unwrap_or_default()
    }

    /// Enters an event, unless it is there already. One that is done and comes to a first attempt was replayed: somebody wants it told
    /// again.
    pub(super) fn enter(&mut self, event: &str, attempt: u32, at: Timestamp, news: &str, now: Timestamp) -> Stage {
        if attempt == 1 {
            self.entries.retain(|entry| entry.event != event || !entry.is_done);
        }
        match self.entry(event) {
            Some(Entry { is_done: true, .. }) => return Stage::Done,
            Some(Entry { message: Some(_), .. }) => return Stage::Told,
            Some(_) => return Stage::Doubtful,
            None => {}
        }
        if self.entries.len() >= REMEMBERED {
            // Rather one that is done than one that will come again.
            let forgotten = self.entries.iter().position(|entry| entry.is_done).unwrap_or(0);
            self.entries.remove(forgotten);
        }
        let (event, news) = (event.to_owned(), cut(news, NEWS));
        self.entries.push(Entry { event, at, news, entered_at: now, message: None, is_done: false });
        Stage::New
    }

    /// The entry of an event.
    pub(super) fn entry(&self, event: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.event == event)
    }

    /// Notes the message that tells of an event, and whether that is all there is to do.
    pub(super) fn told(&mut self, event: &str, message: &str, is_done: bool) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.event == event) {
            entry.message = Some(message.to_owned());
            entry.is_done = is_done;
        }
    }

    /// Notes that there is nothing left to do about an event.
    pub(super) fn done(&mut self, event: &str) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.event == event) {
            entry.is_done = true;
        }
    }

    /// Forgets that an event was ever entered.
    pub(super) fn strike(&mut self, event: &str) {
        self.entries.retain(|entry| entry.event != event);
    }

    /// What was told besides this event, a line for each, in the order in which it happened.
    pub(super) fn besides(&self, event: &str, voice: &Voice) -> Option<String> {
        let mut told: Vec<&Entry> = self.entries.iter().filter(|entry| entry.event != event && entry.message.is_some()).collect();
        told.sort_by_key(|entry| entry.at);
        let lines: Vec<_> = told.iter().map(|entry| format!("{}  {}", voice.time(entry.at), entry.news)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

impl Entry {
    /// What the message about the event is known by at Slack: the same at every attempt, and another one when the event is replayed.
    pub(super) fn id(&self) -> String {
        let digest = Sha256::digest(format!("{} {}", self.event, self.entered_at));
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        // A UUID of version 8, which leaves the other bits to us (RFC 9562, 5.8).
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        let digits = hex::encode(id);
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Enters an event that is named after when it happened.
    fn enter(conversation: &mut Conversation, second: i64, attempt: u32) -> Stage {
        let (event, news) = (format!("event-{second}"), format!("news {second}"));
        conversation.enter(&event, attempt, at(second), &news, at(9_000 + second))
    }

    fn read_again(conversation: &Conversation) -> Conversation {
        Conversation::read(Some(&serde_json::to_string(conversation).unwrap()))
    }

    #[test]
    fn an_event_goes_on_where_it_was_cut_off() {
        let mut conversation = Conversation::default();
        assert_eq!(enter(&mut conversation, 1, 1), Stage::New);
        let id = conversation.entry("event-1").unwrap().id();
        conversation = read_again(&conversation);
        assert_eq!(enter(&mut conversation, 1, 2), Stage::Doubtful);
        assert_eq!(conversation.entry("event-1").unwrap().id(), id, "it is looked for by the same id");
        conversation.told("event-1", "1.1", false);
        conversation = read_again(&conversation);
        assert_eq!(enter(&mut conversation, 1, 3), Stage::Told);
        assert_eq!(enter(&mut conversation, 1, 1), Stage::Told, "replayed after it was dead, it is not told twice");
        conversation.done("event-1");
        conversation = read_again(&conversation);
        assert_eq!(enter(&mut conversation, 1, 4), Stage::Done, "only the record of it was lost");
        assert_eq!(enter(&mut conversation, 1, 1), Stage::New, "it was replayed");
    }

    #[test]
    fn a_replay_has_another_id() {
        let id = |entered_at| {
            let mut conversation = Conversation::default();
            conversation.enter("event", 1, at(0), "", at(entered_at));
            conversation.entry("event").unwrap().id()
        };
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
        let (id, form) = (id(1), "xxxxxxxx-xxxx-8xxx-yxxx-xxxxxxxxxxxx");
        for (letter, form) in id.chars().zip(form.chars()) {
            let fits = match form {
                'x' => letter.is_ascii_hexdigit(),
                'y' => "89ab".contains(letter),
                form => letter == form,
            };
            assert!(fits && id.len() == 36, "{id}");
        }
    }

    #[test]
    fn what_is_unfinished_is_remembered_longest() {
        let mut conversation = Conversation::default();
        for second in 1..=40 {
            enter(&mut conversation, second, 1);
            if second > 1 {
                conversation.told(&format!("event-{second}"), "1.1", true);
            }
        }
        assert_eq!(conversation.entries.len(), REMEMBERED);
        assert_eq!(enter(&mut conversation, 1, 2), Stage::Doubtful);
        assert!(serde_json::to_string(&conversation).unwrap().len() < 4_000);
    }

    #[test]
    fn what_was_told_besides_stands_in_the_order_in_which_it_happened() {
        let mut conversation = Conversation::default();
        for second in [60, 180, 120, 240] {
            enter(&mut conversation, second, 1);
            conversation.told(&format!("event-{second}"), "1.1", true);
        }
        enter(&mut conversation, 300, 1);
        let besides = conversation.besides("event-240", &Voice::default()).unwrap();
        assert_eq!(besides, "1970-01-01 00:01 UTC  news 60\n1970-01-01 00:02 UTC  news 120\n1970-01-01 00:03 UTC  news 180");
        assert_eq!(Conversation::default().besides("event-1", &Voice::default()), None);
    }

    #[test]
    fn a_note_that_is_not_understood_begins_anew() {
        for note in ["", "{", "[]", r#"{"entries": [{"event": 7}]}"#] {
            assert_eq!(Conversation::read(Some(note)), Conversation::default(), "{note}");
        }
    }
}
