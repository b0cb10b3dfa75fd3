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
    message::{Told, clean_lines},
    words::Words,
};
use crate::{event::Event, http_client::Reach, secret::Secret};

/// The most bytes that are attached. Many servers take no more than ten megabytes, and Base64 makes four of three.
const MOST_ATTACHED: usize = 6_000_000;

/// Writes to people.
pub(super) struct Email {
    desk: Desk,
    server: Server,
    words: Words,
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
        section.settle(|keys: Keys| {
            let mut errors = SectionError::default();
            let desk = errors.note(Desk::new(&keys.from, &keys.to, &keys.cc));
            let host = errors.note(host(&keys.server));
            let login = errors.note(login(&keys));
            let reach = errors.note(reach(&keys));
            let words = errors.note(Words::read(keys.template.as_deref(), section.voice()));
            let (Some(desk), Some(host), Some(login), Some(reach), Some(words)) = (desk, host, login, reach, words) else {
                return Err(errors);
            };
            let port = keys.port.unwrap_or(keys.tls.usual_port());
            let server = Server { outgoing: section.outgoing().clone(), host, port, tls: keys.tls, login, reach };
            Ok(Self { desk, server, words })
        })
    }
}

impl Handler for Email {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let told = ctx.told(&event).await;
        let message = self.words.message(&told)?;
        let attached = attached(&told, &ctx).await?;
        let letter = self.desk.write(&told, &message, attached, ctx.idempotency_key())?;
        self.server.hand_over(&letter).await
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        Some(self.words.message(told).map(|message| message.signed()))
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

fn host(server: &str) -> Result<String, SectionError> {
    let host = server.trim();
    if host.is_empty() || host.contains(['/', '@', ' ']) {
        return Err(SectionError::new("server", "found another text, expected the name of a host, such as `smtp.example.com`"));
    }
    Ok(host.to_owned())
}

fn login(keys: &Keys) -> Result<Option<Login>, SectionError> {
    match (&keys.username, &keys.password) {
        (_, Some(password)) if password.expose().is_empty() => {
            Err(SectionError::new("password", "found an empty secret, expected the password of `username`"))
        }
        (Some(name), Some(password)) => Ok(Some(Login { name: name.clone(), password: password.clone() })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(SectionError::new("password", "found nothing, expected the one of `username`")),
        (None, Some(_)) => Err(SectionError::new("username", "found nothing, expected the one that `password` is for")),
    }
}

/// Without TLS nothing may leave the private network: whoever sees it passing could read it.
fn reach(keys: &Keys) -> Result<Reach, SectionError> {
    match (keys.tls, keys.allow_private) {
        (Tls::None, true) => Ok(Reach::Private),
        (Tls::None, false) => {
            let error = SectionError::new("tls", "found `none`, expected `starttls` or `implicit`");
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
        let rest = left.checked_sub(attached.bytes.len());
        left = rest.unwrap_or(left);
        rest.is_some()
    });
    Ok(all)
}

#[cfg(test)]
mod tests;
