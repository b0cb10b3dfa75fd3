//! The kind `discord`: a [webhook of a channel](https://discord.com/developers/docs/resources/webhook#execute-webhook).
//!
//! The message is an embed. Discord reads Markdown in it, so texts are escaped; and no mention in it notifies anybody, because
//! `allowed_mentions` names only the configured one.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Chat, Service};
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

// The limits of an embed (https://discord.com/developers/docs/resources/message#embed-object-embed-limits).
const TITLE: usize = 256;
const DESCRIPTION: usize = 2_500;
const FIELD_NAME: usize = 256;
const FIELD_VALUE: usize = 1_024;
const FIELDS: usize = 25;
/// The most letters of all texts of an embed together.
const TOGETHER: usize = 6_000;

/// Tells people in Discord.
#[derive(Debug)]
pub(in crate::handler) struct Discord {
    mention: Option<Mention>,
}

#[derive(Debug)]
struct Mention {
    text: String,
    allowed: Value,
}

#[derive(Deserialize)]
pub(in crate::handler) struct Keys {
    url: Secret,
    mention: Option<String>,
    template: Option<String>,
    allow_private: bool,
}

impl Service for Discord {
    type Keys = Keys;

    fn settle(keys: Keys, section: &Section) -> Result<Chat<Self>, SectionError> {
        let target = Target::read("url", &keys.url, keys.allow_private, section.outgoing());
        let mention = keys.mention.map(|given| Mention::read(&given)).transpose();
        let words = Words::read(keys.template.as_deref(), section.voice());
        Chat::of(mention.map(|mention| Self { mention }), target, words)
    }

    fn body(&self, message: &Message, _now: Timestamp) -> Value {
        let mut left = TOGETHER;
        let mut text = |text: &str, most: usize| {
            let text = cut(&escaped(text), most.min(left));
            left -= text.chars().count();
            text
        };
        let title = text(&message.title, TITLE);
        let quote = message.quote.as_ref().map(|quote| format!("\n\n“{quote}”")).unwrap_or_default();
        let description = text(&format!("{}{quote}", message.sentence), DESCRIPTION);
        let mut fields = Vec::new();
        for fact in message.facts.iter().take(FIELDS) {
            let (name, value) = (text(fact.name, FIELD_NAME), text(&fact.value, FIELD_VALUE));
            // Discord takes no empty field; with this one the letters are used up.
            if name.is_empty() || value.is_empty() {
                break;
            }
            fields.push(json!({ "name": name, "value": value, "inline": true }));
        }
        let mut embed = json!({
            "title": title,
            "description": description,
            "color": colour(message.severity),
            "fields": fields,
        });
        if let Some(link) = &message.link {
            embed["url"] = link.as_str().into();
        }
        let mention = self.mention.as_ref().filter(|_| message.severity == Severity::Loud);
        json!({
            "content": mention.map_or("", |mention| &mention.text),
            "embeds": [embed],
            "allowed_mentions": mention.map_or_else(|| json!({ "parse": [] }), |mention| mention.allowed.clone()),
        })
    }

    fn verdict(&self, answer: &Answer) -> Result<(), HandlerError> {
        let wait = answer.json().and_then(|body| body["retry_after"].as_f64());
        match (answer.status.as_u16(), wait) {
            (429, Some(seconds)) => Err(HandlerError::retry_after("Discord asks to go slower", wait_of(seconds))),
            _ => answer.judge(),
        }
    }
}

impl Mention {
    /// `here`, `everyone`, `user:ID` or `role:ID`.
    fn read(given: &str) -> Result<Self, SectionError> {
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        match given.split_once(':') {
            None if given == "here" || given == "everyone" => {
                Ok(Self { text: format!("@{given}"), allowed: json!({ "parse": ["everyone"] }) })
            }
            Some(("user", id)) if is_id(id) => Ok(Self { text: format!("<@{id}>"), allowed: json!({ "users": [id] }) }),
            Some(("role", id)) if is_id(id) => Ok(Self { text: format!("<@&{id}>"), allowed: json!({ "roles": [id] }) }),
            _ => {
                let error = SectionError::new("mention", "found another text, expected `here`, `everyone`, `user:ID` or `role:ID`");
                Err(error.hint("Discord shows ids in developer mode; they are long numbers"))
            }
        }
    }
}

/// Every character that Discord could take for a mark, behind a backslash.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if "\\*_~`|>#[]<-".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn colour(severity: Severity) -> u32 {
    match severity {
        Severity::Quiet => 0x8e_8e93,
        Severity::Good => 0x34_c759,
        Severity::Loud => 0xff_3b30,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_escaped() {
        assert_eq!(
            escaped("# **a** [b](https://c) <@1> `d`"),
            "\\# \\*\\*a\\*\\* \\[b\\](https://c) \\<@1> \\`d\\`".replace("1>", "1\\>")
        );
    }

    #[test]
    fn mentions_are_of_one_of_discords_forms() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(Mention::read(given).ok().map(|mention| mention.text).as_deref(), expected, "{given}");
        };
        check("here", Some("@here"));
        check("role:12", Some("<@&12>"));
        check("user:7", Some("<@7>"));
        check("user:", None);
        check("role:x", None);
        check("@anna", None);
    }
}
