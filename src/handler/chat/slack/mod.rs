//! The kind `slack`, in its two forms: an incoming [`webhook`], which can only post, and a [`bot`], which keeps a thread for each subject.
//!
//! Both show a message as the same attachment, which has a coloured bar. All of it is `plain_text`, in which Slack reads neither
//! formatting nor mentions; only the configured mention stands in the text above, where it calls somebody.

mod api;
mod bot;
mod conversation;
mod webhook;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::webhook::Webhook;
use self::{api::Api, bot::Bot};
use super::{Chat, Service as _};
use crate::{
    clock::SystemClock,
    event::Event,
    handler::{
        Context, Handler, HandlerError, Section, SectionError,
        message::{Message, Severity, Told, cut},
        target::Target,
        words::Words,
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
pub(in crate::handler) enum Slack {
    /// Through an incoming webhook.
    Webhook(Box<Chat<Webhook>>),
    /// As a bot.
    Bot(Box<Bot>),
}

#[derive(Deserialize)]
pub(in crate::handler) struct Keys {
    url: Option<Secret>,
    token: Option<Secret>,
    channel: Option<String>,
    api_url: Secret,
    mention: Option<String>,
    template: Option<String>,
    allow_private: bool,
}

/// Who is called for what is loud, in the form in which Slack calls somebody.
#[derive(Debug)]
struct Mention(Option<String>);

impl Slack {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When it is not clear which form is wanted, or that form cannot be built.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub(in crate::handler) fn new(section: Section) -> Result<Self, SectionError> {
        section.settle(|keys: Keys| {
            let (key, found) = match (&keys.url, &keys.token, &keys.channel) {
                (Some(_), None, None) => {
                    return Webhook::settle(keys, &section).map(|chat| Self::Webhook(Box::new(chat)));
                }
                (None, Some(token), Some(channel)) => {
                    return bot(&keys, token, channel, &section).map(|bot| Self::Bot(Box::new(bot)));
                }
                (None, None, None) => ("url", "nothing"),
                (None, Some(_), None) => ("channel", "nothing"),
                (None, None, Some(_)) => ("token", "nothing"),
                (Some(_), ..) => ("url", "`url` and keys of a bot as well"),
            };
            let either = "expected either `url`, of an incoming webhook, or `token` and `channel`, of a bot";
            let mut errors = SectionError::new(key, format!("found {found}, {either}"));
            // What both forms have is judged all the same.
            errors.note(Mention::read(keys.mention.as_deref()));
            errors.note(Words::read(keys.template.as_deref(), section.voice()));
            Err(errors)
        })
    }
}

impl Handler for Slack {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        match self {
            Self::Webhook(chat) => chat.handle(event, ctx).await,
            Self::Bot(bot) => bot.handle(event, ctx).await,
        }
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        match self {
            Self::Webhook(chat) => chat.preview(told),
            Self::Bot(bot) => bot.preview(told),
        }
    }

    fn payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        match self {
            Self::Webhook(chat) => chat.payload(told),
            Self::Bot(bot) => bot.payload(told),
        }
    }

    fn takes_test(&self) -> bool {
        true
    }
}

impl Mention {
    /// Reads `here`, `channel`, or the id of a person (`U…`, `W…`) or a group (`S…`).
    fn read(given: Option<&str>) -> Result<Self, SectionError> {
        let Some(given) = given else { return Ok(Self(None)) };
        match given.as_bytes().first() {
            _ if given == "here" || given == "channel" => Ok(Self(Some(format!("<!{given}>")))),
            Some(b'U' | b'W') if is_id(given) => Ok(Self(Some(format!("<@{given}>")))),
            Some(b'S') if is_id(given) => Ok(Self(Some(format!("<!subteam^{given}>")))),
            _ => {
                let error = SectionError::new(
                    "mention",
                    "found another text, expected `here`, `channel`, or the id of a member or a user group",
                );
                Err(error.hint("Slack shows ids under “Copy member ID”; they look like `U012AB3CD`"))
            }
        }
    }

    /// Whom this message calls.
    fn of(&self, message: &Message) -> Option<&str> {
        self.0.as_deref().filter(|_| message.severity == Severity::Loud)
    }
}

fn bot(keys: &Keys, token: &Secret, channel: &str, section: &Section) -> Result<Bot, SectionError> {
    let mut errors = SectionError::default();
    let token = errors.note(self::token(token));
    let channel = errors.note(self::channel(channel));
    let mention = errors.note(Mention::read(keys.mention.as_deref()));
    let words = errors.note(Words::read(keys.template.as_deref(), section.voice()));
    let target = errors.note(Target::read("api_url", &keys.api_url, keys.allow_private, section.outgoing()));
    let (Some(token), Some(channel), Some(mention), Some(words), Some(target)) = (token, channel, mention, words, target) else {
        return Err(errors);
    };
    Ok(Bot::new(Api::new(target, token, Arc::new(SystemClock::new())), channel, mention, words))
}

/// A bot's token, which goes into a header.
fn token(given: &Secret) -> Result<Secret, SectionError> {
    let token = given.expose().trim();
    if token.starts_with("xoxb-") && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(token));
    }
    let error = SectionError::new("token", "found another text, expected a bot's token, which begins with `xoxb-`");
    Err(error.hint("it stands on the page “OAuth & Permissions” of the app, as “Bot User OAuth Token”"))
}

/// A channel by its id: the methods that change a message take no name.
fn channel(given: &str) -> Result<String, SectionError> {
    if given.starts_with(['C', 'G', 'D']) && is_id(given) {
        return Ok(given.to_owned());
    }
    let error = SectionError::new("channel", "found another text, expected the id of a channel, such as `C012AB3CD`");
    Err(error.hint("it stands at the end of the channel's details; a channel's name can change and is not taken"))
}

fn is_id(given: &str) -> bool {
    given.len() > 1 && given.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The message as an attachment. `before` is what was told earlier, as a text.
fn attachment(message: &Message, before: Option<&str>) -> Value {
    let section = |text: &str| json!({ "type": "section", "text": plain(text, SECTION) });
    let mut blocks = vec![json!({ "type": "header", "text": plain(&message.title, HEADER) })];
    blocks.push(section(&message.sentence));
    blocks.extend(message.quote.as_ref().map(|quote| section(&format!("“{quote}”"))));
    let fields: Vec<Value> =
        message.facts.iter().take(FIELDS).map(|fact| plain(&format!("{}\n{}", fact.name, fact.value), FIELD)).collect();
    if !fields.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    blocks.extend(before.map(|before| json!({ "type": "context", "elements": [plain(before, FIELD)] })));
    blocks.extend(message.link.as_ref().map(|link| {
        let button = json!({ "type": "button", "text": plain("Open in App Store Connect", 75), "url": link });
        json!({ "type": "actions", "elements": [button] })
    }));
    // The fallback is what a notification on a phone shows.
    json!({ "color": colour(message.severity), "fallback": message.title, "blocks": blocks })
}

fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(text, most), "emoji": false })
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Quiet => "#8e8e93",
        Severity::Good => "#34c759",
        Severity::Loud => "#ff3b30",
    }
}

#[cfg(test)]
mod tests;
