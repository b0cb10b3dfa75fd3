//! Handing a letter to a server ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321)), one connection for each.
//!
//! | reply | meaning |
//! |---|---|
//! | 2xx to the letter | done |
//! | 4xx, a broken connection, a certificate that is not trusted | try again |
//! | 5xx | never; the server's own words are kept with the attempt |
//!
//! If a server takes some recipients for good and refuses others for good, the letter goes to those it takes. If it wants
//! another attempt for one, nobody gets it yet: otherwise the others would get it again.
//!
//! The connection keeps to the rules of [`http_client`](crate::http_client), which is why it is opened there. With `starttls` nothing
//! but the greeting is said before the connection is secret, and a server that does not offer it is not spoken to.

use std::{fmt, io, net::IpAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tracing::warn;

use super::letter::Letter;
use crate::{
    handler::{HandlerError, notice::excerpt},
    http_client::{Outgoing, Reach},
    secret::Secret,
};

/// The most bytes of a line of a reply, and the most lines.
const LONGEST_LINE: u64 = 4_096;
const MOST_LINES: usize = 100;

/// A server that takes letters.
pub(super) struct Server {
    pub(super) outgoing: Outgoing,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) login: Option<Login>,
    pub(super) reach: Reach,
}

/// Who we are to the server.
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: Secret,
}

/// How the connection is kept secret.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tls {
    /// It begins in the open and is made secret.
    Starttls,
    /// It is secret from the beginning.
    Implicit,
    /// It is not.
    None,
}

impl Tls {
    /// The port where servers listen for it.
    pub(super) fn usual_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

impl Server {
    /// Hands a letter over.
    pub(super) async fn hand_over(&self, letter: &Letter) -> Result<(), HandlerError> {
        let stream = self.outgoing.connect(&self.host, self.port, self.reach).await.map_err(|error| self.broken(&error))?;
        let us = stream.local_addr().map_or_else(
            |_| "localhost".to_owned(),
            |address| match address.ip() {
                IpAddr::V4(v4) => format!("[{v4}]"),
                IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
            },
        );
        let stream: Box<dyn Stream> = match self.tls {
            Tls::Implicit => Box::new(self.outgoing.secure(stream, &self.host).await.map_err(|error| self.broken(&error))?),
            Tls::Starttls | Tls::None => Box::new(stream),
        };
        let mut talk = Talk { server: self, stream: BufReader::new(stream) };
        talk.reply("the greeting").await?.expect(2)?;
        let mut offers = talk.say("EHLO", &us).await?.expect(2)?;
        if self.tls == Tls::Starttls {
            if !offers.has("STARTTLS") {
                let error = format!("`{}` does not offer STARTTLS on port {}; set `tls` or `port`", self.host, self.port);
                return Err(HandlerError::reject(error));
            }
            talk = talk.made_secret().await?;
            offers = talk.say("EHLO", &us).await?.expect(2)?;
        }
        if let Some(login) = &self.login {
            talk.log_in(login, &offers).await?;
        }
        talk.pass(letter).await
    }

    fn broken(&self, error: &io::Error) -> HandlerError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return HandlerError::retry(format!("`{}` broke the conversation off", self.host));
        }
        HandlerError::retry(format!("cannot speak with `{}` on port {}: {error}", self.host, self.port))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({:?})", self.host, self.port, self.tls)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A conversation with a server.
struct Talk<'s> {
    server: &'s Server,
    stream: BufReader<Box<dyn Stream>>,
}

/// What a server replied.
struct Reply {
    /// What to, and by whom: for an error.
    to: String,
    code: u16,
    lines: Vec<String>,
}

impl Talk<'_> {
    /// Says something and hears the reply. Errors show the first word alone.
    async fn say(&mut self, verb: &str, rest: &str) -> Result<Reply, HandlerError> {
        let line = if rest.is_empty() { format!("{verb}\r\n") } else { format!("{verb} {rest}\r\n") };
        self.write(line.as_bytes()).await?;
        self.reply(&format!("`{verb}`")).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), HandlerError> {
        self.stream.write_all(bytes).await.map_err(|error| self.server.broken(&error))?;
        self.stream.flush().await.map_err(|error| self.server.broken(&error))
    }

    async fn reply(&mut self, to: &str) -> Result<Reply, HandlerError> {
        let nonsense = || HandlerError::retry(format!("what `{}` replied to {to} is not SMTP", self.server.host));
        let to_what = format!("`{}` replied to {to}", self.server.host);
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await;
            read.map_err(|error| self.server.broken(&error))?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.is_empty() {
                return Err(self.server.broken(&io::ErrorKind::UnexpectedEof.into()));
            }
            let (code, text) = line.split_at_checked(3).ok_or_else(nonsense)?;
            let code: u16 = code.parse().map_err(|_| nonsense())?;
            lines.push(text.get(1..).unwrap_or_default().to_owned());
            match text.bytes().next() {
                Some(b'-') if lines.len() < MOST_LINES => {}
                Some(b' ') | None => return Ok(Reply { to: to_what, code, lines }),
                _ => return Err(nonsense()),
            }
        }
    }

    /// Makes the connection secret. What the server has said beyond its reply was said by anybody.
    async fn made_secret(mut self) -> Result<Self, HandlerError> {
        self.say("STARTTLS", "").await?.expect(2)?;
        let server = self.server;
        if !self.stream.buffer().is_empty() {
            return Err(HandlerError::retry(format!("somebody speaks for `{}` before the connection is secret", server.host)));
        }
        let secret = server.outgoing.secure(self.stream.into_inner(), &server.host).await;
        let stream: Box<dyn Stream> = Box::new(secret.map_err(|error| server.broken(&error))?);
        Ok(Self { server, stream: BufReader::new(stream) })
    }

    async fn log_in(&mut self, login: &Login, offers: &Reply) -> Result<(), HandlerError> {
        let (name, password) = (&login.name, login.password.expose());
        if offers.has_word("AUTH", "PLAIN") {
            let both = STANDARD.encode(format!("\0{name}\0{password}"));
            self.say("AUTH PLAIN", &both).await?.expect(2)?;
        } else if offers.has_word("AUTH", "LOGIN") {
            self.say("AUTH LOGIN", "").await?.expect(3)?;
            for (what, text, class) in [("the user name", name.as_str(), 3), ("the password", password, 2)] {
                self.write(format!("{}\r\n", STANDARD.encode(text)).as_bytes()).await?;
                self.reply(what).await?.expect(class)?;
            }
        } else {
            let error = format!(
                "`{}` offers neither `AUTH PLAIN` nor `AUTH LOGIN`; leave `username` out if it asks for none",
                self.server.host
            );
            return Err(HandlerError::reject(error));
        }
        Ok(())
    }

    async fn pass(mut self, letter: &Letter) -> Result<(), HandlerError> {
        self.say("MAIL", &format!("FROM:<{}>", letter.from)).await?.expect(2)?;
        let mut refusals = Vec::new();
        for to in &letter.to {
            match self.say("RCPT", &format!("TO:<{to}>")).await?.expect(2) {
                Err(error) if error.is_reject() => refusals.push((to, error)),
                reply => drop(reply?),
            }
        }
        let line = |words: fn(&HandlerError) -> String| {
            refusals.iter().map(|(to, error)| format!("{} (for `{to}`)", words(error))).collect::<Vec<_>>().join("; ")
        };
        if refusals.len() == letter.to.len() {
            return Err(HandlerError::reject(line(HandlerError::unquoted)).in_full(line(ToString::to_string)));
        }
        self.say("DATA", "").await?.expect(3)?;
        self.write(&stuffed(&letter.bytes)).await?;
        self.reply("the letter").await?.expect(2)?;
        if !refusals.is_empty() {
            warn!(refusal = line(HandlerError::unquoted), "a letter does not reach all recipients");
        }
        // The letter is the server's now, whatever it says to this.
        let _ = self.write(b"QUIT\r\n").await;
        Ok(())
    }
}

impl Reply {
    /// Goes on if the reply is of this class, which is its first digit.
    fn expect(self, class: u16) -> Result<Self, HandlerError> {
        if self.code / 100 == class {
            return Ok(self);
        }
        let status = self.lines.first().and_then(|line| status(line)).unwrap_or_default();
        // It stands on every line.
        let words: Vec<&str> = self.lines.iter().map(|line| line.strip_prefix(status).unwrap_or(line).trim_start()).collect();
        let error = format!("{} with {} {status}", self.to, self.code);
        let error = error.trim_end();
        let refusal = if self.code / 100 == 5 { HandlerError::reject(error) } else { HandlerError::retry(error) };
        Err(refusal.quoting(excerpt(&words.join(" "), 300)))
    }

    /// Whether one of its lines begins with the word.
    fn has(&self, word: &str) -> bool {
        self.lines.iter().any(|line| line.split(' ').next().is_some_and(|first| first.eq_ignore_ascii_case(word)))
    }

    /// Whether another word stands on the line that begins with a word.
    fn has_word(&self, word: &str, other: &str) -> bool {
        let of_line = |line: &String| {
            let mut words = line.split([' ', '=']);
            words.next().is_some_and(|first| first.eq_ignore_ascii_case(word))
                && words.any(|found| found.eq_ignore_ascii_case(other))
        };
        self.lines.iter().any(of_line)
    }
}

/// The [enhanced status code](https://www.rfc-editor.org/rfc/rfc3463) at the beginning of a line, such as `5.1.1`.
fn status(line: &str) -> Option<&str> {
    let first = line.split(' ').next()?;
    let mut parts = first.split('.');
    let mut is_number = |most: usize| {
        parts.next().is_some_and(|part| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    (is_number(1) && is_number(3) && is_number(3) && parts.next().is_none()).then_some(first)
}

/// The letter as it travels: a dot at the beginning of a line is doubled, and a line with a single one is the end.
fn stuffed(letter: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(letter.len() + 16);
    for line in letter.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line);
    }
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}
