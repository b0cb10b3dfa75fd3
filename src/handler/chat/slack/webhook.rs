//! The form with an [incoming webhook](https://api.slack.com/messaging/webhooks): every event is a message of its own.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{Chat, Service},
    Keys, Mention, attachment,
};
use crate::handler::{Section, SectionError, message::Message, target::Target, words::Words};

/// An incoming webhook.
#[derive(Debug)]
pub(in crate::handler) struct Webhook {
    mention: Mention,
}

impl Service for Webhook {
    type Keys = Keys;

    fn settle(keys: Keys, section: &Section) -> Result<Chat<Self>, SectionError> {
        let url = keys.url.ok_or_else(|| SectionError::new("url", "found nothing, expected a URL"));
        let target = url.and_then(|url| Target::read("url", &url, keys.allow_private, section.outgoing()));
        let mention = Mention::read(keys.mention.as_deref());
        let words = Words::read(keys.template.as_deref(), section.voice());
        Chat::of(mention.map(|mention| Self { mention }), target, words)
    }

    fn body(&self, message: &Message, _now: Timestamp) -> Value {
        let mut body = json!({ "attachments": [attachment(message, None)] });
        if let Some(mention) = self.mention.of(message) {
            body["text"] = mention.into();
        }
        body
    }
}
