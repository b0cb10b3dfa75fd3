//! The kinds that tell people in a chat: `slack`, `discord`, `teams`, `lark`, `telegram`.
//!
//! All of them say the same [`Message`], in the same order, and post it as JSON to one address. What differs is how a message looks in a
//! service ([`Service::body`]), within which limits, and what the service's answers mean ([`Service::verdict`]). An address holds a
//! token, so nothing shows more of it than its host.
//!
//! Texts of strangers are shown as texts: each service escapes them, and none is ever told to notify anybody but the one whom the
//! configuration names for loud messages. None of these services knows an idempotency key: a message whose answer was lost on the way
//! is posted again. Only as a bot in Slack ([`slack`]) is it looked for first.

mod discord;
mod lark;
mod slack;
mod teams;
mod telegram;

use std::{fmt, sync::Arc};

use http::{Method, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use self::{discord::Discord, lark::Lark, slack::Slack, teams::Teams, telegram::Telegram};
use super::{
    Context, Handler, HandlerError, Section, SectionError,
    answer::Answer,
    message::{Fact, Message, Told},
    target::Target,
    words::Words,
};
use crate::{
    clock::{Clock, SystemClock},
    event::Event,
    http_client::Unanswered,
};

/// A chat service: how a message looks in it, and what its answers mean.
pub(super) trait Service: Sized + Send + Sync + 'static {
    /// The keys of its section.
    type Keys: DeserializeOwned;

    /// Makes a handler of the keys of its section.
    fn settle(keys: Self::Keys, section: &Section) -> Result<Chat<Self>, SectionError>;

    /// The body of the request that tells a message.
    fn body(&self, message: &Message, now: Timestamp) -> Value;

    /// Puts a mark in the place of what only the service may see in a body.
    fn mask(&self, body: &mut Value) {
        let _ = body;
    }

    /// What a successful answer means when its body says otherwise.
    fn verdict(&self, answer: &Answer) -> Result<(), HandlerError> {
        answer.judge()
    }
}

/// Tells people in a chat.
pub(super) struct Chat<S> {
    service: S,
    target: Target,
    words: Words,
    clock: Arc<dyn Clock>,
}

impl<S: Service> Chat<S> {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When the address cannot be posted to within the address rules, or the template is none.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub(super) fn new(section: Section) -> Result<Self, SectionError> {
        section.settle(|keys| S::settle(keys, &section))
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// With what is wrong with any of them.
    fn of(
        service: Result<S, SectionError>,
        target: Result<Target, SectionError>,
        words: Result<Words, SectionError>,
    ) -> Result<Self, SectionError> {
        let mut errors = SectionError::default();
        let (target, service, words) = (errors.note(target), errors.note(service), errors.note(words));
        let (Some(target), Some(service), Some(words)) = (target, service, words) else { return Err(errors) };
        Ok(Self { service, target, words, clock: Arc::new(SystemClock::new()) })
    }
}

impl<S: Service> Handler for Chat<S> {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let body = self.service.body(&self.words.message(&ctx.told(&event).await)?, self.clock.now());
        let request = self.target.request(Method::POST)?;
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        let response = request.send().await.map_err(Unanswered::from)?;
        self.service.verdict(&Answer::read(response, self.clock.now()).await)
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        Some(self.words.message(told).map(|message| message.signed()))
    }

    fn payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        Some(self.words.message(told).map(|message| {
            let mut body = self.service.body(&message, told.received_at);
            self.service.mask(&mut body);
            body
        }))
    }

    fn takes_test(&self) -> bool {
        true
    }
}

impl<S> fmt::Debug for Chat<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("target", &self.target).finish_non_exhaustive()
    }
}

/// The facts, as lines of one text.
fn as_lines(facts: &[Fact], line: impl Fn(&Fact) -> String) -> String {
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
