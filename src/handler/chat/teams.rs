//! The kind `teams`: a [workflow](https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook)
//! of Microsoft Teams that posts when a webhook request is received.
//!
//! The message is an [Adaptive Card](https://adaptivecards.io/explorer/) of version 1.4. Texts from elsewhere stand in `TextRun`s,
//! in which Teams reads no Markdown; the values of facts, in which it does, are escaped. Nobody is mentioned.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Chat, Service};
use crate::{
    handler::{
        Section, SectionError,
        message::{Message, Severity, cut},
        target::Target,
        words::Words,
    },
    secret::Secret,
};

/// The most letters of one text: a whole message may have 28 KB.
const TEXT: usize = 3_000;
const FACT: usize = 300;
const FACTS: usize = 20;

/// Tells people in Microsoft Teams.
#[derive(Debug)]
pub(in crate::handler) struct Teams;

#[derive(Deserialize)]
pub(in crate::handler) struct Keys {
    url: Secret,
    template: Option<String>,
    allow_private: bool,
}

impl Service for Teams {
    type Keys = Keys;

    fn settle(keys: Keys, section: &Section) -> Result<Chat<Self>, SectionError> {
        let target = Target::read("url", &keys.url, keys.allow_private, section.outgoing());
        let words = Words::read(keys.template.as_deref(), section.voice());
        Chat::of(Ok(Self), target, words)
    }

    fn body(&self, message: &Message, _now: Timestamp) -> Value {
        let run = |text: &str, more: Value| {
            let mut run = json!({ "type": "TextRun", "text": cut(text, TEXT) });
            if let (Some(run), Value::Object(more)) = (run.as_object_mut(), more) {
                run.extend(more);
            }
            json!({ "type": "RichTextBlock", "inlines": [run] })
        };
        let title = json!({ "weight": "bolder", "size": "medium", "color": colour(message.severity) });
        let mut body = vec![run(&message.title, title), run(&message.sentence, json!({}))];
        body.extend(message.quote.as_ref().map(|quote| run(&format!("“{quote}”"), json!({ "italic": true }))));
        let facts = message.facts.iter().take(FACTS);
        let facts: Vec<Value> =
            facts.map(|fact| json!({ "title": fact.name, "value": escaped(&cut(&fact.value, FACT)) })).collect();
        if !facts.is_empty() {
            body.push(json!({ "type": "FactSet", "facts": facts }));
        }
        let mut card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": { "width": "Full" },
            "fallbackText": cut(&message.title, TEXT),
            "body": body,
        });
        if let Some(link) = &message.link {
            card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open in App Store Connect", "url": link }]);
        }
        let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
        json!({ "type": "message", "attachments": [attachment] })
    }
}

/// [The marks](https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features) that cards know, behind a backslash.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if "\\*_[]()#-`".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Quiet => "default",
        Severity::Good => "good",
        Severity::Loud => "attention",
    }
}
