//! What App Store Connect says when it says no.
//!
//! Apple answers a refused request with a list of error objects
//! ([`ErrorResponse`](https://developer.apple.com/documentation/appstoreconnectapi/errorresponse)); but a proxy answers with a page, an
//! overloaded server with nothing, and a wrong `Accept` gets plain text. A [`Refusal`] keeps all of them, and says them in one line.
//! Apple's sentences can quote what we sent, so every text that comes from outside is rid of our secrets, of what cannot be seen and of
//! excess length before it is kept: see [`Redactor`].

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::SignedDuration;
use serde_json::Value;

use crate::{
    plain,
    secret::{self, Secret},
};

/// The most characters kept of any text that comes from outside.
const LONGEST_TEXT: usize = 600;

/// The difference between two clocks from which on it may be the reason for a refused token.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(45);

pub(super) const BEHIND_A_PROXY: &str = "that is a page for a browser: a proxy or firewall on the way answered in Apple's place";

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the answer holds.
    pub said: Said,
    /// How long to wait, if the answer says so.
    pub retry_after: Option<Duration>,
    /// How far our clock is ahead of the other side's, if the answer tells its time.
    pub clock_ahead: Option<SignedDuration>,
}

impl Refusal {
    pub(super) fn hint(&self) -> Option<String> {
        let first = self.said.errors().first();
        let code = first.and_then(|error| error.code.as_deref()).unwrap_or_default();
        let hint = match self.status {
            ..500 if matches!(self.said, Said::Page { .. }) => BEHIND_A_PROXY,
            300..=399 => "redirects are not followed, because the token must go nowhere else; check the address of the API",
            400 => "asc-webhooks asked in a way that Apple does not take: look for a newer version, or report it with this line",
            401 => return Some(self.hint_about_the_token()),
            403 if code.starts_with("FORBIDDEN.REQUIRED_AGREEMENTS") => {
                "the Account Holder must accept an agreement in App Store Connect, under Business"
            }
            403 if self.said.errors().iter().any(AppleError::names_allowed_operations) => {
                "Apple does not offer this operation to anybody; no other role or key will help"
            }
            403 => "the role of the key does not allow this; webhooks take Account Holder, Admin or App Manager",
            404 => "check the id; a key sees only what its team, or its user, may see",
            406 => "only a proxy that changes the `Accept` header can be the reason",
            409 => match first.and_then(AppleError::field) {
                Some(field) => return Some(format!("Apple does not take the value of `{field}`: change it and try again")),
                None => "something at Apple's side stands against it: `webhooks list` and `marketplace show` show what is there",
            },
            410 => "Apple has taken this part of its API away; look for a newer version of asc-webhooks",
            422 => "Apple understood the request and cannot do it as things are; the sentence above is all it says",
            429 => return Some(self.hint_about_the_pace()),
            500.. => "the trouble is on Apple's side: see https://developer.apple.com/system-status/ and try later",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The status, and of each error the code.
    pub(super) fn unquoted(&self) -> String {
        let codes = self.said.errors().iter().filter_map(|error| error.code.as_deref()).filter(|code| plain::is_code(code));
        let codes: Vec<&str> = codes.collect();
        format!("answered {} {}", self.status, codes.join(", ")).trim_end().to_owned()
    }

    fn hint_about_the_pace(&self) -> String {
        let later = self.retry_after.map_or_else(
            || "try later".to_owned(),
            |wait| format!("try again in {}", humantime::format_duration(Duration::from_secs(wait.as_secs()))),
        );
        format!(
            "the requests of this key for the hour are used up, and other tools with the same key count too: {later}, or make a key for \
             this program alone"
        )
    }

    fn hint_about_the_token(&self) -> String {
        match self.clock_ahead {
            Some(ahead) if ahead.abs() > CLOCKS_DIFFER => {
                let side = if ahead.is_negative() { "behind" } else { "ahead of" };
                let by = humantime::format_duration(Duration::from_secs(ahead.abs().as_secs().unsigned_abs()));
                format!("the clock of this machine is {by} {side} Apple's: set it right")
            }
            _ => "check that key id, issuer id (team keys only) and `.p8` file belong together, and that the key was not revoked"
                .to_owned(),
        }
    }
}

/// `409 ENTITY_ERROR.ATTRIBUTE.INVALID at /data/attributes/url: the sentence; also: …`
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.status)?;
        match &self.said {
            Said::Errors(errors) => write!(f, " {}", Joined(errors)),
            other => write!(f, " with {other}"),
        }
    }
}

/// What an answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// Apple's error objects; at least one.
    Errors(Vec<AppleError>),
    /// Text, or JSON that is none of Apple's errors.
    Text(String),
    /// A page for a browser.
    Page {
        /// Its title.
        title: Option<String>,
    },
    /// JSON that breaks off or is damaged. It is not quoted: it may hold events, and they lead to testers' data.
    Broken,
    /// Nothing.
    Nothing,
}

impl Said {
    /// Apple's error objects.
    pub fn errors(&self) -> &[AppleError] {
        match self {
            Self::Errors(errors) => errors,
            _ => &[],
        }
    }

    /// Makes out what a body is.
    pub(super) fn read(body: &[u8], redactor: &Redactor) -> Self {
        let document = serde_json::from_slice::<Value>(body);
        if let Ok(document) = &document {
            let errors = AppleError::list(&document["errors"], redactor);
            if !errors.is_empty() {
                return Self::Errors(errors);
            }
        }
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        if document.is_err() && text.starts_with(['{', '[']) {
            return Self::Broken;
        }
        let start: String = text.chars().take(15).collect::<String>().to_ascii_lowercase();
        if text.is_empty() {
            Self::Nothing
        } else if start.starts_with("<!doctype") || start.starts_with("<html") {
            let (_, after) = text.split_once("<title>").unzip();
            let title = after.and_then(|after| after.split_once("</title>"));
            Self::Page { title: title.map(|(title, _)| redactor.clean(title)) }
        } else {
            Self::Text(redactor.clean(text))
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(errors) => Joined(errors).fmt(f),
            Self::Text(text) => write!(f, "the text `{text}`"),
            Self::Page { title: Some(title) } => write!(f, "an HTML page, `{title}`"),
            Self::Page { title: None } => f.write_str("an HTML page"),
            Self::Broken => f.write_str("damaged JSON"),
            Self::Nothing => f.write_str("no content"),
        }
    }
}

/// One of Apple's error objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AppleError {
    /// The id of this very error, for a talk with Apple's support.
    pub id: Option<String>,
    /// The HTTP status, as text.
    pub status: Option<String>,
    /// What went wrong, for programs: words with dots between them, the general one first.
    pub code: Option<String>,
    /// What went wrong, for people, the same for every error of its code.
    pub title: Option<String>,
    /// What went wrong, for people, in this case.
    pub detail: Option<String>,
    /// The place in the request's body that it is about, as a JSON pointer.
    pub pointer: Option<String>,
    /// The parameter of the request that it is about.
    pub parameter: Option<String>,
    /// The errors of resources that hang together with this one, by path.
    pub associated: BTreeMap<String, Vec<AppleError>>,
}

impl AppleError {
    fn list(value: &Value, redactor: &Redactor) -> Vec<Self> {
        let errors = value.as_array().into_iter().flatten();
        errors.filter(|error| error.is_object()).map(|error| Self::read(error, redactor)).collect()
    }

    fn read(error: &Value, redactor: &Redactor) -> Self {
        let text = |value: &Value| value.as_str().map(|text| redactor.clean(text));
        let associated = error["meta"]["associatedErrors"].as_object().into_iter().flatten();
        Self {
            id: text(&error["id"]),
            status: text(&error["status"]),
            code: text(&error["code"]),
            title: text(&error["title"]),
            detail: text(&error["detail"]),
            pointer: text(&error["source"]["pointer"]),
            parameter: text(&error["source"]["parameter"]),
            associated: associated.map(|(path, errors)| (redactor.clean(path), Self::list(errors, redactor))).collect(),
        }
    }

    /// The last part of the pointer: the field's name.
    fn field(&self) -> Option<&str> {
        self.pointer.as_deref()?.rsplit('/').find(|part| !part.is_empty())
    }

    fn names_allowed_operations(&self) -> bool {
        self.detail.as_deref().is_some_and(|detail| detail.contains("Allowed operation"))
    }
}

impl fmt::Display for AppleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_deref().unwrap_or("without a code"))?;
        if let Some(place) = self.pointer.as_ref().or(self.parameter.as_ref()) {
            write!(f, " at `{place}`")?;
        }
        let sentences = [&self.detail, &self.title].into_iter().flatten();
        if let Some(sentence) = sentences.map(|sentence| sentence.trim_end_matches('.')).find(|sentence| !sentence.is_empty()) {
            write!(f, ": {sentence}")?;
        }
        for (path, errors) in &self.associated {
            write!(f, "; {path}: {}", Joined(errors))?;
        }
        Ok(())
    }
}

struct Joined<'e>(&'e [AppleError]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "; also: " })?;
        }
        Ok(())
    }
}

/// Makes a text from outside fit to be shown: without the secrets that were sent, on one line, not too long, and harmless.
#[derive(Debug)]
pub(super) struct Redactor(secret::Redactor);

impl Redactor {
    pub(super) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(secret::Redactor::new(&secrets.into_iter().collect::<Vec<_>>()))
    }

    fn clean(&self, text: &str) -> String {
        let text = self.0.strike_out(text);
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let line = words.collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(LONGEST_TEXT) {
            Some((end, _)) => format!("{}…", plain::whole(&line[..end])),
            None => plain::whole(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let secret = Secret::new("a \"quoted\" secret");
        assert_eq!(Said::read(body.as_bytes(), &Redactor::new([secret])).to_string(), expected);
    }

    #[test]
    fn whatever_was_said_becomes_one_line() {
        check("", "no content");
        check(" Not\nAcceptable\u{1b}[31m ", "the text `Not Acceptable [31m`");
        check("txt\u{202e}exe", "the text `txt\\u{202e}exe`");
        check("<HTML><head><title>Bad\nGateway</title>", "an HTML page, `Bad Gateway`");
        check("<!DOCTYPE html><p>", "an HTML page");
        check("{\"errors\": []}", "the text `{\"errors\": []}`");
        check("{\"errors\": [7]}", "the text `{\"errors\": [7]}`");
        check("{\"errors\": [{", "damaged JSON");
        check("{\"errors\": [{}]}", "without a code");
        check("{\"errors\": [{\"code\": \"A\", \"title\": \"T.\"}, {\"code\": \"B\"}]}", "A: T; also: B");
        check("{\"errors\": [{\"code\": \"A\", \"source\": {\"parameter\": \"limit\"}}]}", "A at `limit`");
        check(
            r#"{"errors": [{"code": "A", "meta": {"associatedErrors": {"/v1/apps/1": [{"code": "B"}, {"code": "C"}]}}}]}"#,
            "A; /v1/apps/1: B; also: C",
        );
        check(r#"{"errors": [{"code": "A", "detail": "not a \"quoted\" secret!"}]}"#, "A: not ***!");
        check(r#"oh: {"secret": "a \"quoted\" secret"}"#, "the text `oh: {\"secret\": \"***\"}`");
        check(&"é".repeat(601), &format!("the text `{}…`", "é".repeat(600)));
    }
}
