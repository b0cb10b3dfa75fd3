//! The form with a bot: one thread for each subject (an app version, a build), whose first message always shows the present state.
//!
//! The first event of a subject is told by a message in the channel. Each further one changes that message in place and is told in full
//! by a reply in its thread; a loud reply is shown in the channel too. An event without a subject is a message of its own.
//!
//! **Once.** Slack documents no idempotency key. So an event is noted before it is told and again after ([`super::conversation`]). If
//! an attempt was cut off between the two, the message is looked for by an id that it bears in its
//! [metadata](https://docs.slack.dev/messaging/message-metadata/), which needs a scope for the channel's history. Without that
//! scope it is posted again, with the same `client_msg_id`: Slack names the errors of that argument, and not the argument, so it is sent
//! and not relied on.
//!
//! **In turn.** Two events of one subject at once would find no thread, both of them. So they take turns here, and by default
//! (`order = "subject"`) they come one after another anyway.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tracing::{debug, warn};

use super::{
    Mention,
    api::{Api, Refused},
    attachment,
    conversation::{Conversation, Stage},
};
use crate::{
    event::Event,
    handler::{
        Context, Handler, HandlerError,
        message::{Message, Severity, Told},
        words::Words,
    },
};

/// How many subjects can be told of at once, at most. More share a turn.
const TURNS: usize = 64;

/// The most pictures of one event.
const PICTURES: usize = 5;

/// How many messages are looked through for one that may be there.
const LOOKED_THROUGH: &str = "200";

/// How far Slack's clock may be from ours.
const CLOCKS: SignedDuration = SignedDuration::from_mins(2);

/// Slack's words for a message that is gone, or that is not ours.
const GONE: [&str; 4] = ["message_not_found", "thread_not_found", "cannot_reply_to_message", "cant_update_message"];

/// Slack's words for an id that it knows of a message that is gone.
const KNOWN_AND_GONE: [&str; 2] = ["duplicate_message_not_found", "duplicate_channel_not_found"];

/// Tells people in Slack, in threads.
pub(in crate::handler) struct Bot {
    api: Api,
    channel: String,
    mention: Mention,
    words: Words,
    turns: [Mutex<()>; TURNS],
}

/// An event on its way into its conversation.
struct Telling<'a> {
    bot: &'a Bot,
    ctx: &'a Context,
    /// The key of the note.
    place: String,
    conversation: Conversation,
    /// When it happened.
    at: Timestamp,
    message: Message,
    pictures: Vec<Picture>,
}

struct Picture {
    name: String,
    bytes: Bytes,
}

impl Bot {
    pub(super) fn new(api: Api, channel: String, mention: Mention, words: Words) -> Self {
        Self { api, channel, mention, words, turns: std::array::from_fn(|_| Mutex::new(())) }
    }

    /// The turn of whoever tells at this place.
    fn turn(&self, place: &str) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        let lot = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
        &self.turns[lot]
    }
}

impl Handler for Bot {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let told = ctx.told(&event).await;
        let (message, pictures) = (self.words.message(&told)?, pictures(&told, &ctx).await?);
        let place = match &event.subject {
            Some(subject) => format!("{}/{}/{}", self.channel, subject.kind, subject.id),
            None => format!("{}/{}", self.channel, ctx.idempotency_key()),
        };
        let _turn = self.turn(&place).lock().await;
        let conversation = Conversation::read(ctx.note(&place).await?.as_deref());
        let at = event.time.unwrap_or(ctx.received_at());
        Telling { bot: self, ctx: &ctx, place, conversation, at, message, pictures }.tell().await
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        Some(self.words.message(told).map(|message| message.signed()))
    }

    /// As the first message of a subject.
    fn payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        Some(self.words.message(told).map(|message| {
            let mut body = json!({ "channel": self.channel, "attachments": [attachment(&message, None)] });
            if let Some(mention) = self.mention.of(&message) {
                body["text"] = mention.into();
            }
            body
        }))
    }
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot").field("api", &self.api).field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Telling<'_> {
    async fn tell(mut self) -> Result<(), HandlerError> {
        let (event, now) = (self.ctx.idempotency_key(), self.bot.api.now());
        match self.conversation.enter(event, self.ctx.attempt(), self.at, &self.message.news, now) {
            Stage::New => {
                self.keep().await?;
                self.post().await?;
            }
            Stage::Doubtful => match self.find().await? {
                Some(message) => self.told(&message).await?,
                None => self.post().await?,
            },
            Stage::Told => {}
            Stage::Done => return Ok(()),
        }
        self.show_pictures().await
    }

    /// Posts the message, in the thread if there is one, and begins one otherwise.
    async fn post(&mut self) -> Result<(), HandlerError> {
        if let Some(root) = self.conversation.root.clone() {
            match self.reply(&root).await {
                Ok(message) => return self.told(&message).await,
                Err(refused) if refused.is(&GONE) => {
                    (self.conversation.root, self.conversation.shown) = (None, None);
                    self.keep().await?;
                }
                Err(refused) => return Err(self.refused(refused).await),
            }
        }
        match self.send(json!({ "attachments": [self.present()] })).await {
            Ok(message) => self.told(&message).await,
            Err(refused) => Err(self.refused(refused).await),
        }
    }

    /// Shows the present state in the first message, and the event in the thread. The first comes first: Slack takes replies to a
    /// message that is gone, and nobody would see them.
    async fn reply(&mut self, root: &str) -> Result<String, Refused> {
        if self.conversation.shown.is_none_or(|shown| self.at >= shown) {
            // The mention is taken out of it: whoever was called for an earlier state is not meant by this one.
            let change = json!({ "channel": self.bot.channel, "ts": root, "text": "", "attachments": [self.present()] });
            match self.bot.api.change("chat.update", &change).await {
                Ok(_) => self.conversation.shown = Some(self.at),
                Err(refused) if refused.is(&["edit_window_closed"]) => {
                    debug!(handler.name = self.ctx.handler(), "the workspace does not let old messages be changed");
                }
                Err(refused) => return Err(refused),
            }
        }
        let is_loud = self.message.severity == Severity::Loud;
        let reply = json!({
            "thread_ts": root,
            "reply_broadcast": is_loud,
            "attachments": [attachment(&self.message, None)],
        });
        self.send(reply).await
    }

    /// Posts a message in the channel, and returns its time stamp.
    async fn send(&self, mut body: Value) -> Result<String, Refused> {
        let id = self.conversation.entry(self.ctx.idempotency_key()).map(super::conversation::Entry::id);
        body["channel"] = self.bot.channel.as_str().into();
        body["metadata"] = json!({ "event_type": "asc_webhooks", "event_payload": { "id": id } });
        body["client_msg_id"] = id.into();
        if let Some(mention) = self.bot.mention.of(&self.message) {
            body["text"] = mention.into();
        }
        let posted = self.bot.api.change("chat.postMessage", &body).await?;
        let message = posted["ts"].as_str().map(ToOwned::to_owned);
        Ok(message.ok_or_else(|| HandlerError::retry("Slack answered without the `ts` of the message"))?)
    }

    /// Looks for the message of an attempt that was cut off.
    async fn find(&self) -> Result<Option<String>, HandlerError> {
        let Some(entry) = self.conversation.entry(self.ctx.idempotency_key()) else { return Ok(None) };
        let oldest = entry.entered_at.saturating_sub(CLOCKS).unwrap_or(entry.entered_at).as_second().to_string();
        let mut form = vec![
            ("channel", self.bot.channel.as_str()),
            ("oldest", &oldest),
            ("limit", LOOKED_THROUGH),
            ("include_all_metadata", "true"),
        ];
        let looked = match &self.conversation.root {
            Some(root) => {
                form.push(("ts", root));
                self.bot.api.ask("conversations.replies", &form).await
            }
            None => self.bot.api.ask("conversations.history", &form).await,
        };
        let looked = match looked.map_err(HandlerError::from) {
            Ok(looked) => looked,
            Err(error) if error.is_reject() => {
                let error = error.unquoted();
                debug!(handler.name = self.ctx.handler(), error, "whether a message is there already cannot be seen");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let id = entry.id();
        let mut messages = looked["messages"].as_array().into_iter().flatten();
        let found = messages.find(|message| message["metadata"]["event_payload"]["id"] == id.as_str());
        Ok(found.and_then(|message| message["ts"].as_str()).map(ToOwned::to_owned))
    }

    /// Notes the message that tells of the event; the first one of a conversation begins it.
    async fn told(&mut self, message: &str) -> Result<(), HandlerError> {
        if self.conversation.root.is_none() {
            (self.conversation.root, self.conversation.shown) = (Some(message.to_owned()), Some(self.at));
        }
        self.conversation.told(self.ctx.idempotency_key(), message, self.pictures.is_empty());
        self.keep().await
    }

    /// What a refused message comes to. If Slack knows its id of one that is gone, the next attempt is to have another.
    async fn refused(&mut self, refused: Refused) -> HandlerError {
        if !refused.is(&KNOWN_AND_GONE) {
            return refused.into();
        }
        self.conversation.strike(self.ctx.idempotency_key());
        match self.keep().await {
            Ok(()) => HandlerError::from(refused).once_more(),
            Err(error) => error,
        }
    }

    /// Adds the pictures to the thread. If Slack never takes them, they are lost and the message is not.
    async fn show_pictures(&mut self) -> Result<(), HandlerError> {
        if self.pictures.is_empty() {
            return Ok(());
        }
        match self.upload().await {
            Err(error) if !error.is_reject() => return Err(error),
            Err(error) => {
                let (handler, receipt, error) = (self.ctx.handler(), self.ctx.receipt(), error.unquoted());
                warn!(handler.name = handler, receipt.id = receipt, error, "screenshots were not uploaded");
            }
            Ok(()) => {}
        }
        self.conversation.done(self.ctx.idempotency_key());
        self.keep().await
    }

    async fn upload(&self) -> Result<(), HandlerError> {
        let mut files = Vec::new();
        for (number, picture) in (1..).zip(&self.pictures) {
            let length = picture.bytes.len().to_string();
            let form = [("filename", picture.name.as_str()), ("length", &length)];
            let place = self.bot.api.ask("files.getUploadURLExternal", &form).await?;
            let (Some(to), Some(id)) = (place["upload_url"].as_str(), place["file_id"].as_str()) else {
                return Err(HandlerError::retry("Slack answered without an address to upload to"));
            };
            self.bot.api.upload(to, picture.bytes.clone()).await?;
            files.push(json!({ "id": id, "title": format!("Screenshot {number}") }));
        }
        let complete = json!({ "files": files, "channel_id": self.bot.channel, "thread_ts": self.conversation.root });
        self.bot.api.change("files.completeUploadExternal", &complete).await?;
        Ok(())
    }

    /// The message that shows the present state, with what was told before.
    fn present(&self) -> Value {
        let before = self.conversation.besides(self.ctx.idempotency_key(), self.bot.words.voice());
        attachment(&self.message, before.as_deref())
    }

    async fn keep(&self) -> Result<(), HandlerError> {
        let note = serde_json::to_string(&self.conversation).map_err(HandlerError::reject)?;
        self.ctx.keep_note(&self.place, &note).await
    }
}

/// The pictures that a tester sent, as far as they are kept.
async fn pictures(told: &Told<'_>, ctx: &Context) -> Result<Vec<Picture>, HandlerError> {
    let screenshots = told.details.feedback.as_ref().map_or(&[][..], |feedback| &feedback.screenshots);
    let mut pictures = Vec::new();
    for file in screenshots.iter().filter_map(|screenshot| screenshot.file.as_ref()).take(PICTURES) {
        let bytes = ctx.file(&file.name).await?;
        pictures.extend(bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| Picture { name: file.name.clone(), bytes }));
    }
    Ok(pictures)
}
