//! The letter itself: headers, text, HTML, and what is attached ([RFC 5322](https://www.rfc-editor.org/rfc/rfc5322)).
//!
//! The same event makes the same bytes at every attempt.

use std::time::SystemTime;

use lettre::{
    Message as Mail,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use sha2::{Digest as _, Sha256};

use super::page;
use crate::handler::{
    HandlerError, SectionError,
    message::{Message, Severity, Told, cut},
};

/// The most letters of a subject, and of what a tester wrote.
const SUBJECT: usize = 250;
const QUOTE: usize = 20_000;

/// Where letters are written: who writes, and to whom.
#[derive(Debug)]
pub(super) struct Desk {
    from: Mailbox,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
}

/// Something that goes with a letter.
pub(super) struct Attached {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// A letter in its envelope.
pub(super) struct Letter {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) bytes: Vec<u8>,
}

impl Desk {
    pub(super) fn new(from: &str, to: &[String], cc: &[String]) -> Result<Self, SectionError> {
        let mut errors = SectionError::default();
        let mut read = |key: String, text: &str| {
            let mailbox = text.parse::<Mailbox>().ok().filter(|mailbox| mailbox.email.to_string().is_ascii());
            errors.note(mailbox.ok_or_else(|| {
                let error = SectionError::new(
                    key,
                    "found another text, expected an address, such as `ci@example.com` or `Our CI <ci@example.com>`",
                );
                if text.is_ascii() { error } else { error.hint("addresses are written in ASCII, names are not") }
            }))
        };
        let from = read("from".to_owned(), from);
        let mut list = |key: &str, texts: &[String]| -> Vec<Mailbox> {
            (0..).zip(texts).filter_map(|(index, text): (usize, _)| read(format!("{key}[{index}]"), text)).collect()
        };
        let (all, cc) = (list("to", to), list("cc", cc));
        if to.is_empty() {
            errors = errors.and("to", "found nothing, expected at least one address");
        }
        match from {
            Some(from) => errors.or(Self { from, to: all, cc }),
            None => Err(errors),
        }
    }

    /// Writes the letter that tells a message.
    pub(super) fn write(
        &self,
        told: &Told<'_>,
        message: &Message,
        attached: Vec<Attached>,
        key: &str,
    ) -> Result<Letter, HandlerError> {
        let message = Message { quote: message.quote.as_ref().map(|quote| cut(quote, QUOTE)), ..message.clone() };
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(cut(&message.title, SUBJECT))
            .message_id(Some(self.id(key)))
            .date(SystemTime::from(told.received_at))
            // Nobody's answering machine should answer (RFC 3834).
            .raw_header(header("Auto-Submitted", "auto-generated"));
        mail = self.to.iter().cloned().fold(mail, lettre::message::MessageBuilder::to);
        mail = self.cc.iter().cloned().fold(mail, lettre::message::MessageBuilder::cc);
        if message.severity == Severity::Loud {
            mail = mail.raw_header(header("Importance", "high"));
        }
        if let Some(subject) = &told.event.subject {
            // A letter that nobody wrote, to which all about one subject are answers: mailboxes show them as one thread.
            let digest = Sha256::digest(format!("{}\0{}", subject.kind, subject.id));
            let first = self.id(&hex::encode(&digest[..16]));
            mail = mail.in_reply_to(first.clone()).references(first);
        }
        // A boundary has at most seventy letters (RFC 2046), and nobody who writes to us knows it.
        let mark = hex::encode(&Sha256::digest(key)[..16]);
        let text = SinglePart::plain(message.plain());
        let words = MultiPart::alternative().boundary(format!("words-{mark}"));
        let words = words.singlepart(text).singlepart(SinglePart::html(page::of(&message)));
        let mail = if attached.is_empty() {
            mail.multipart(words)
        } else {
            let whole = MultiPart::mixed().boundary(format!("whole-{mark}")).multipart(words);
            mail.multipart(attached.into_iter().fold(whole, |whole, attached| whole.singlepart(attached.part())))
        };
        let mail = mail.map_err(HandlerError::reject)?;
        let addresses = self.to.iter().chain(&self.cc).map(|mailbox| mailbox.email.to_string());
        Ok(Letter { from: self.from.email.to_string(), to: addresses.collect(), bytes: mail.formatted() })
    }

    fn id(&self, name: &str) -> String {
        format!("<{name}@{}>", self.from.email.domain())
    }
}

impl Attached {
    fn part(self) -> SinglePart {
        let media_type = ContentType::parse(&self.media_type).or_else(|_| ContentType::parse("application/octet-stream"));
        Attachment::new(self.name).body(self.bytes, media_type.unwrap_or(ContentType::TEXT_PLAIN))
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
