//! Words for an event: one voice for everything that people read.
//!
//! A [`Message`] says what happened to what, how loud to say it, and what is known besides. Whoever shows it (a chat, a mail, an issue)
//! decides how it looks, never what it says: so the same event reads the same everywhere. It is made of the event, of what Apple's API
//! adds ([`Details`]), and of nothing else; the less is known, the shorter it is, and it is never nothing.
//!
//! All texts are plain. Some come from strangers: a tester's comment, an app's name. They are cleaned of what cannot be seen
//! ([`text::clean`]), and whoever shows them escapes them for the place where they are shown.

mod facts;
mod saying;
mod template;
pub mod text;
mod voice;
mod what;
mod xcode_cloud;

use jiff::Timestamp;

use self::{saying::Saying, what::What};
pub use self::{
    template::{Template, TemplateError},
    text::{clean, clean_lines, cut, words_of},
    voice::{Voice, duration},
};
use crate::event::{Details, Event};

/// What a message is made of.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// The event.
    pub event: &'a Event,
    /// What Apple's API adds to it.
    pub details: &'a Details,
    /// The name of the endpoint that received it.
    pub endpoint: &'a str,
    /// When the subject came into the state that it has left now, as far as we have heard.
    pub since: Option<Timestamp>,
    /// When the notification was received.
    pub received_at: Timestamp,
    /// Whether it was fetched back from Apple, after it had been missed.
    pub recovered: bool,
}

impl<'a> Told<'a> {
    /// What is told of a sample: for trying out how things read.
    pub fn sample(event: &'a Event, details: &'a Details) -> Self {
        Self { event, details, endpoint: "my-app", since: None, received_at: event.time.unwrap_or_default(), recovered: false }
    }
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Message {
    /// How loud to say it.
    pub severity: Severity,
    /// What and what of it, in one line: `Harbor 2.3 (45), iOS: In Review → Rejected`.
    pub title: String,
    /// The end of the title, for places where it is plain what it is about: `In Review → Rejected`.
    pub news: String,
    /// The same as a sentence: `App Review rejected Harbor 2.3 (45) for iOS.`
    pub sentence: String,
    /// What a tester wrote.
    pub quote: Option<String>,
    /// What is known besides, most important first.
    pub facts: Vec<Fact>,
    /// The page of App Store Connect to go to.
    pub link: Option<String>,
}

/// One thing that is known, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fact {
    /// What it is called: `Device`.
    pub name: &'static str,
    /// What it is: `iPhone17,1`.
    pub value: String,
}

/// How loud to say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// It goes its way: nobody needs to look up.
    Quiet,
    /// Good news.
    Good,
    /// Somebody should do something about it.
    Loud,
}

impl Severity {
    /// The severity as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Good => "good",
            Self::Loud => "loud",
        }
    }

    /// A sign for places that have no colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Quiet => "🔹",
            Self::Good => "✅",
            Self::Loud => "🔴",
        }
    }
}

impl Message {
    /// Puts an event into words.
    pub fn of(told: &Told<'_>, voice: &Voice) -> Self {
        let what = What::of(told);
        let Saying { severity, news, sentence } = Saying::of(told, &what);
        let comment = told.details.feedback.as_ref().and_then(|feedback| feedback.comment.as_deref());
        Self {
            severity,
            title: format!("{}: {news}", what.title()),
            news,
            sentence,
            quote: comment.map(text::clean_lines).filter(|comment| !comment.is_empty()),
            facts: facts::of(told, voice),
            link: told.details.link.clone().or_else(|| told.event.link()),
        }
    }

    /// The message as plain text, with the sign of how loud it is.
    pub fn signed(&self) -> String {
        format!("{} {}", self.severity.sign(), self.plain())
    }

    /// The message as plain text, a line for each thing: for places that know no other form.
    pub fn plain(&self) -> String {
        let mut lines = vec![self.title.clone(), self.sentence.clone()];
        lines.extend(self.quote.iter().map(|quote| format!("“{quote}”")));
        lines.extend(self.facts.iter().map(|fact| format!("{}: {}", fact.name, fact.value)));
        lines.extend(self.link.clone());
        lines.join("\n")
    }
}

#[cfg(test)]
pub(crate) mod tests;
