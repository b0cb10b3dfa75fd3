//! The kind `lark`: a [custom bot](https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot) of a Lark or Feishu group.
//!
//! The message is a card whose texts are all `plain_text`, in which Lark reads no marks. Lark answers 200 to everything and tells in the
//! body's `code` what it thinks of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Chat, Service};
use crate::{
    handler::{
        HandlerError, Section, SectionError,
        answer::Answer,
        message::{Message, Severity, clean, cut},
        target::Target,
        words::Words,
    },
    secret::Secret,
};

/// The most letters of one text: a whole message may have 20 KB.
const TEXT: usize = 2_000;
const FACT: usize = 200;
const FACTS: usize = 20;

/// The codes by which Lark says that it is asked too often, or has trouble of its own.
const PASSING: [i64; 3] = [9_499, 11_232, 11_233];

/// Tells people in Lark.
#[derive(Debug)]
pub(in crate::handler) struct Lark {
    secret: Option<Secret>,
}

#[derive(Deserialize)]
pub(in crate::handler) struct Keys {
    url: Secret,
    secret: Option<Secret>,
    template: Option<String>,
    allow_private: bool,
}

impl Service for Lark {
    type Keys = Keys;

    fn settle(keys: Keys, section: &Section) -> Result<Chat<Self>, SectionError> {
        let target = Target::read("url", &keys.url, keys.allow_private, section.outgoing());
        let words = Words::read(keys.template.as_deref(), section.voice());
        let service = match keys.secret {
            Some(secret) if secret.expose().is_empty() => {
                let error = SectionError::new("secret", "found an empty secret, expected what the bot signs with");
                Err(error.hint("leave the key out if the bot does not ask for a signature"))
            }
            secret => Ok(Self { secret }),
        };
        Chat::of(service, target, words)
    }

    fn body(&self, message: &Message, now: Timestamp) -> Value {
        let plain = |text: &str, most| json!({ "tag": "plain_text", "content": cut(text, most) });
        let text = |text: &str| json!({ "tag": "div", "text": plain(text, TEXT) });
        let mut elements = vec![text(&message.sentence)];
        elements.extend(message.quote.as_ref().map(|quote| text(&format!("“{quote}”"))));
        let facts = message.facts.iter().take(FACTS);
        let fields: Vec<Value> =
            facts.map(|fact| json!({ "is_short": true, "text": plain(&format!("{}\n{}", fact.name, fact.value), FACT) })).collect();
        if !fields.is_empty() {
            elements.push(json!({ "tag": "div", "fields": fields }));
        }
        elements.extend(message.link.as_ref().map(|link| {
            let button =
                json!({ "tag": "button", "text": plain("Open in App Store Connect", TEXT), "url": link, "type": "default" });
            json!({ "tag": "action", "actions": [button] })
        }));
        let mut body = json!({
            "msg_type": "interactive",
            "card": {
                "config": { "wide_screen_mode": true },
                "header": { "title": plain(&message.title, TEXT), "template": colour(message.severity) },
                "elements": elements,
            },
        });
        if let Some(signature) = self.secret.as_ref().and_then(|secret| signature(secret, now)) {
            body["timestamp"] = now.as_second().to_string().into();
            body["sign"] = signature.into();
        }
        body
    }

    fn mask(&self, body: &mut Value) {
        if let Some(signature) = body.get_mut("sign") {
            *signature = "…".into();
        }
    }

    fn verdict(&self, answer: &Answer) -> Result<(), HandlerError> {
        answer.judge()?;
        let body = answer.json().unwrap_or_default();
        match body["code"].as_i64().or_else(|| body["StatusCode"].as_i64()) {
            None | Some(0) => Ok(()),
            Some(code) => {
                let error = format!("Lark says no ({code})");
                let refusal = if PASSING.contains(&code) { HandlerError::retry(error) } else { HandlerError::reject(error) };
                Err(refusal.quoting(cut(&clean(body["msg"].as_str().unwrap_or_default()), 200)))
            }
        }
    }
}

/// Lark signs nothing at all, with the time and the secret as the key.
fn signature(secret: &Secret, now: Timestamp) -> Option<String> {
    let key = format!("{}\n{}", now.as_second(), secret.expose());
    let keyed = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    Some(STANDARD.encode(keyed.finalize().into_bytes()))
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Quiet => "grey",
        Severity::Good => "green",
        Severity::Loud => "red",
    }
}
