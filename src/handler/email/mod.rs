//! The kind `email`: a letter for every event, by SMTP.
//!
//! [`letter`] writes it, [`page`] is how it looks in HTML, [`smtp`] hands it to the server. The events of one version or build are one
//! thread in a mailbox. A letter that is handed over twice, because the server's answer was lost, has the same `Message-ID` twice, by
//! which many servers and mailboxes keep one.

mod letter;
mod page;
mod smtp;

use std::{fmt, sync::Arc};

use serde::Deserialize;

use self::{
    letter::{Attached, Desk},
    smtp::{Login, Server, Tls},
};
use super::{
    Context, Handler, HandlerError, Section, SectionError,
    message::{Message, Template, Told, Voice, clean_lines},
};
use crate::{event::Event, http_client::Reach, secret::Secret};

/// The most bytes that are attached. Many servers take no more than ten megabytes, and Base64 makes four of three.
const MOST_ATTACHED: usize = 6_000_000;

/// Writes to people.
pub(super) struct Email {
    desk: Desk,
    server: Server,
    template: Option<Template>,
    voice: Voice,
}

#[derive(Deserialize)]
struct Keys {
    server: String,
    port: Option<u16>,
    tls: Tls,
    username: Option<String>,
    password: Option<Secret>,
    from: String,
    to: Vec<String>,
    cc: Vec<String>,
    template: Option<String>,
    allow_private: bool,
}

impl Email {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When an address is none, half of the login is missing, or the letter would travel for everyone to read.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub(super) fn new(section: Section) -> Result<Self, SectionError> {
        let keys: Keys = section.parse()?;
        let mut errors = SectionError::default();
        let mut note = |error: SectionError| errors.extend(error);
        let desk = Desk::new(&keys.from, &keys.to, &keys.cc).map_err(&mut note).ok();
        let login = login(&keys).map_err(&mut note).ok();
        let reach = reach(&keys).map_err(&mut note).ok();
        let template = keys.template.as_deref().map(Template::compile).transpose();
        let template = template.map_err(|error| note(SectionError::new("template", error.to_string()))).ok();
        if keys.server.trim().is_empty() || keys.server.contains(['/', '@', ' ']) {
            note(SectionError::new("server", "expected the name of a host, such as `smtp.example.com`"));
        }
        let (Some(desk), Some(login), Some(reach), Some(template)) = (desk, login, reach, template) else { return Err(errors) };
        let port = keys.port.unwrap_or(keys.tls.usual_port());
        let server =
            Server { outgoing: section.outgoing().clone(), host: keys.server.trim().to_owned(), port, tls: keys.tls, login, reach };
        errors.or(Self { desk, server, template, voice: section.voice().clone() })
    }

    /// The event in words; the configuration's own words take the place of the sentence.
    fn message(&self, told: &Told<'_>) -> Result<Message, HandlerError> {
        let message = Message::of(told, &self.voice);
        match &self.template {
            Some(template) => template.reword(told, message).map_err(HandlerError::reject),
            None => Ok(message),
        }
    }
}

impl Handler for Email {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let told = ctx.told(&event).await;
        let message = self.message(&told)?;
        let attached = attached(&told, &ctx).await?;
        let letter = self.desk.write(&told, &message, attached, ctx.idempotency_key())?;
        self.server.hand_over(&letter).await
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        Some(self.message(told).map(|message| message.signed()))
    }

    fn takes_test(&self) -> bool {
        true
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("server", &self.server).finish_non_exhaustive()
    }
}

fn login(keys: &Keys) -> Result<Option<Login>, SectionError> {
    match (&keys.username, &keys.password) {
        (Some(name), Some(password)) => Ok(Some(Login { name: name.clone(), password: password.clone() })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(SectionError::new("password", "is missing, expected the one of `username`")),
        (None, Some(_)) => Err(SectionError::new("username", "is missing, expected the one that `password` is for")),
    }
}

/// Without TLS nothing may leave the private network: whoever sees it passing could read it.
fn reach(keys: &Keys) -> Result<Reach, SectionError> {
    match (keys.tls, keys.allow_private) {
        (Tls::None, true) => Ok(Reach::Private),
        (Tls::None, false) => {
            let error = SectionError::new("tls", "expected `starttls` or `implicit`, found `none`");
            Err(error.hint("within a private network or one machine, set `allow_private = true`"))
        }
        (_, true) => Ok(Reach::Everywhere),
        (_, false) => Ok(Reach::Public),
    }
}

/// The log of a crash, and pictures, as far as they fit in.
async fn attached(told: &Told<'_>, ctx: &Context) -> Result<Vec<Attached>, HandlerError> {
    let Some(feedback) = &told.details.feedback else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    if let Some(log) = &feedback.crash_log {
        let bytes = clean_lines(&log.text).into_bytes();
        all.push(Attached { name: "crash.txt".to_owned(), media_type: "text/plain; charset=utf-8".to_owned(), bytes });
    }
    for file in feedback.screenshots.iter().filter_map(|screenshot| screenshot.file.as_ref()) {
        if let Some(bytes) = ctx.file(&file.name).await? {
            let bytes = bytes.to_vec();
            all.push(Attached { name: file.name.clone(), media_type: file.media_type.clone(), bytes });
        }
    }
    let mut left = MOST_ATTACHED;
    all.retain(|attached| {
        let fits = attached.bytes.len() <= left;
        left -= if fits { attached.bytes.len() } else { 0 };
        fits
    });
    Ok(all)
}

#[cfg(test)]
mod tests;
