//! The kind `slack`: an [incoming webhook](https://api.slack.com/messaging/webhooks).
//!
//! The message stands in an attachment, which has a coloured bar. All of it is `plain_text`, in which Slack reads neither formatting nor
//! mentions; only the configured mention stands in the text above, where it calls somebody.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Service, Settled};
use crate::{
    handler::{
        SectionError,
        message::{Message, Severity, cut},
        target::Target,
    },
    secret::Secret,
};

/// The most letters of a header block.
const HEADER: usize = 150;
/// The most letters of a section block's text.
const SECTION: usize = 3_000;
/// The most letters of a field, and the most fields of a section.
const FIELD: usize = 2_000;
const FIELDS: usize = 10;

/// Tells people in Slack.
#[derive(Debug)]
pub(in crate::handler) struct Slack {
    mention: Option<String>,
}

#[derive(Deserialize)]
pub(in crate::handler) struct Keys {
    url: Secret,
    mention: Option<String>,
    template: Option<String>,
    allow_private: bool,
}

impl Service for Slack {
    type Keys = Keys;

    fn settle(keys: Keys) -> Result<Settled<Self>, SectionError> {
        let target = Target::read("url", &keys.url, keys.allow_private)?;
        let mention = keys.mention.map(|mention| self::mention(&mention)).transpose()?;
        Ok(Settled { service: Self { mention }, target, template: keys.template })
    }

    fn body(&self, message: &Message, _now: Timestamp) -> Value {
        let plain = |text: &str, most| json!({ "type": "plain_text", "text": cut(text, most), "emoji": false });
        let section = |text: &str| json!({ "type": "section", "text": plain(text, SECTION) });
        let mut blocks = vec![json!({ "type": "header", "text": plain(&message.title, HEADER) })];
        blocks.push(section(&message.sentence));
        blocks.extend(message.quote.as_ref().map(|quote| section(&format!("“{quote}”"))));
        let fields: Vec<Value> =
            message.facts.iter().take(FIELDS).map(|fact| plain(&format!("{}\n{}", fact.name, fact.value), FIELD)).collect();
        if !fields.is_empty() {
            blocks.push(json!({ "type": "section", "fields": fields }));
        }
        blocks.extend(message.link.as_ref().map(|link| {
            let button = json!({ "type": "button", "text": plain("Open in App Store Connect", 75), "url": link });
            json!({ "type": "actions", "elements": [button] })
        }));
        // The fallback is what a notification on a phone shows.
        let attachment = json!({ "color": colour(message.severity), "fallback": message.title, "blocks": blocks });
        match (message.severity, &self.mention) {
            (Severity::Loud, Some(mention)) => json!({ "text": mention, "attachments": [attachment] }),
            _ => json!({ "attachments": [attachment] }),
        }
    }
}

/// `here`, `channel`, or the id of a person (`U…`, `W…`) or a group (`S…`).
fn mention(given: &str) -> Result<String, SectionError> {
    let is_id = given.len() > 1 && given.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    match given.as_bytes().first() {
        _ if given == "here" || given == "channel" => Ok(format!("<!{given}>")),
        Some(b'U' | b'W') if is_id => Ok(format!("<@{given}>")),
        Some(b'S') if is_id => Ok(format!("<!subteam^{given}>")),
        _ => {
            let error = SectionError::new("mention", "expected `here`, `channel`, or the id of a member or a user group");
            Err(error.hint("Slack shows ids under “Copy member ID”; they look like `U012AB3CD`"))
        }
    }
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Quiet => "#8e8e93",
        Severity::Good => "#34c759",
        Severity::Loud => "#ff3b30",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_of_one_of_slacks_forms() {
        let check = |given: &str, expected: Option<&str>| assert_eq!(mention(given).ok().as_deref(), expected, "{given}");
        check("here", Some("<!here>"));
        check("U012AB3CD", Some("<@U012AB3CD>"));
        check("S0614TZR7", Some("<!subteam^S0614TZR7>"));
        check("@anna", None);
        check("U", None);
        check("", None);
    }
}
