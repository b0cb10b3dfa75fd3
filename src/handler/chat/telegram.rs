//! The kind `telegram`: [`sendMessage`](https://core.telegram.org/bots/api#sendmessage) of a bot.
//!
//! The text is Telegram's subset of HTML: three characters are escaped, and there is nothing else to be misread. Quiet messages make
//! no sound.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Chat, Service, as_lines};
use crate::{
    handler::{
        HandlerError, Section, SectionError,
        answer::{Answer, wait_of},
        message::{Message, Severity, cut},
        target::Target,
        words::Words,
    },
    secret::Secret,
};

/// The most letters of a message are 4096; these leave room for all parts of one.
const TITLE: usize = 250;
const TEXT: usize = 1_000;
const FACT: usize = 150;
const FACTS: usize = 10;

/// Tells people in Telegram.
#[derive(Debug)]
pub(in crate::handler) struct Telegram {
    chat: String,
    topic: Option<i64>,
}

#[derive(Deserialize)]
pub(in crate::handler) struct Keys {
    token: Secret,
    chat: String,
    topic: Option<i64>,
    api_url: Secret,
    template: Option<String>,
    allow_private: bool,
}

impl Service for Telegram {
    type Keys = Keys;

    fn settle(keys: Keys, section: &Section) -> Result<Chat<Self>, SectionError> {
        let token = keys.token.expose().trim();
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
        let service = if token.contains(':') && token.bytes().all(is_part) {
            Ok(Self { chat: keys.chat, topic: keys.topic })
        } else {
            Err(SectionError::new("token", "found another text, expected a bot's token, such as `123456:ABC-DEF`"))
        };
        let target = Target::read("api_url", &keys.api_url, keys.allow_private, section.outgoing());
        let target = target.map(|target| target.below(&[&format!("bot{token}"), "sendMessage"]));
        let words = Words::read(keys.template.as_deref(), section.voice());
        Chat::of(service, target, words)
    }

    fn body(&self, message: &Message, _now: Timestamp) -> Value {
        let mut parts = vec![format!("{} <b>{}</b>", message.severity.sign(), escaped(&cut(&message.title, TITLE)))];
        parts.push(escaped(&cut(&message.sentence, TEXT)));
        parts.extend(message.quote.as_ref().map(|quote| format!("<blockquote>{}</blockquote>", escaped(&cut(quote, TEXT)))));
        let facts = &message.facts[..message.facts.len().min(FACTS)];
        let facts = as_lines(facts, |fact| format!("<b>{}:</b> {}", fact.name, escaped(&cut(&fact.value, FACT))));
        parts.extend(Some(facts).filter(|facts| !facts.is_empty()));
        let mut body = json!({
            "chat_id": self.chat,
            "text": parts.join("\n\n"),
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
            "disable_notification": message.severity == Severity::Quiet,
        });
        if let Some(link) = &message.link {
            body["reply_markup"] = json!({ "inline_keyboard": [[{ "text": "Open in App Store Connect", "url": link }]] });
        }
        if let Some(topic) = self.topic {
            body["message_thread_id"] = topic.into();
        }
        body
    }

    fn verdict(&self, answer: &Answer) -> Result<(), HandlerError> {
        let wait = answer.json().and_then(|body| body["parameters"]["retry_after"].as_f64());
        match (answer.status.as_u16(), wait) {
            (429, Some(seconds)) => Err(HandlerError::retry_after("Telegram asks to go slower", wait_of(seconds))),
            _ => answer.judge(),
        }
    }
}

/// [The characters](https://core.telegram.org/bots/api#html-style) that Telegram would take for marks.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
