//! `action = "issue"`: an [issue](https://docs.github.com/en/rest/issues/issues) for each piece of TestFlight feedback.
//!
//! **Once.** GitHub knows no idempotency key, so each issue bears ours in a comment that is not shown, and before one is made, those
//! made since the receipt are looked through for it. That is the list of issues and not the search, which learns of an issue some time
//! later.
//!
//! **As text.** GitHub looks for mentions, references and links everywhere but in code, and a backslash does not keep it from that. So what
//! a stranger wrote stands in HTML's `code`, escaped, on lines that Markdown does not read; a crash log stands in a fence longer than any in
//! it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use tracing::warn;
use url::Url;

use super::api::{Api, Asked, Refused};
use crate::{
    event::details::Screenshot,
    handler::{
        Context, HandlerError,
        message::{Message, Told, clean, clean_lines, cut},
        notice::excerpt,
    },
};

/// The most letters of an issue's title and body.
const TITLE: usize = 256;
const BODY: usize = 65_536;

/// The most letters of the parts of a body. What is left is for the crash log.
const QUOTE: usize = 6_000;
const FACT: usize = 200;
const FACTS: usize = 20;
const QUOTE_IN_TITLE: usize = 80;
const SCREENSHOTS: usize = 5;
const ADDRESS: usize = 1_500;

/// How many issues are asked for at once.
const PAGE: usize = 30;

/// The most pages that are looked through.
const PAGES: usize = 100;

/// How far GitHub's clock may be from ours.
const CLOCKS: SignedDuration = SignedDuration::from_mins(10);

/// What GitHub says, of all that it calls a conflict, when somebody else wrote to the branch at the same time. When a rule forbids to
/// write to it, that is a conflict too, and stays one.
const MOVED: [&str; 2] = ["but expected", "expected to be at"];

const NEEDS: &str = "there is no such repository, or the token lacks the permission `Issues: write` for it";

/// Writes issues.
pub(super) struct Issues {
    labels: Vec<String>,
    screenshots_branch: Option<String>,
}

/// What of an issue is read. Pull requests are issues too.
#[derive(Deserialize)]
struct Found {
    created_at: Timestamp,
    body: Option<String>,
}

impl Issues {
    pub(super) fn new(labels: Vec<String>, screenshots_branch: Option<String>) -> Self {
        Self { labels, screenshots_branch }
    }

    pub(super) async fn file(&self, api: &Api, told: &Told<'_>, message: &Message, ctx: &Context) -> Result<(), HandlerError> {
        let marker = marker(ctx.idempotency_key());
        if is_there(api, &marker, ctx.received_at()).await? {
            return Ok(());
        }
        let screenshots = self.screenshots(api, told, ctx).await?;
        let ask = Asked {
            method: Method::POST,
            path: &["issues"],
            query: &[],
            body: Some(json!({
                "title": title(message),
                "body": body(&marker, told, message, &screenshots),
                "labels": self.labels,
            })),
            needs: NEEDS,
        };
        api.ask(ask).await?;
        Ok(())
    }

    /// A line of Markdown for each picture: ours on the branch, where there is one, or Apple's for as long as it lives.
    async fn screenshots(&self, api: &Api, told: &Told<'_>, ctx: &Context) -> Result<Vec<String>, HandlerError> {
        let screenshots = told.details.feedback.as_ref().map_or(&[][..], |feedback| &feedback.screenshots);
        let mut lines = Vec::new();
        for (number, screenshot) in (1..).zip(screenshots.iter().take(SCREENSHOTS)) {
            let ours = self.upload(api, screenshot, ctx).await?;
            lines.extend(match ours {
                Some(url) => Some(format!("![Screenshot {number}](<{url}>)")),
                None => link(number, screenshot),
            });
        }
        Ok(lines)
    }

    /// Puts a picture on the branch, and says where it is. A branch that cannot be written to loses the picture and not the issue.
    async fn upload(&self, api: &Api, screenshot: &Screenshot, ctx: &Context) -> Result<Option<String>, HandlerError> {
        let (Some(branch), Some(file)) = (&self.screenshots_branch, &screenshot.file) else { return Ok(None) };
        let Some(bytes) = ctx.file(&file.name).await? else { return Ok(None) };
        match self.put(api, branch, &["testflight", ctx.idempotency_key(), &file.name], &bytes).await {
            Ok(url) => Ok(url),
            Err(error) if error.is_reject() => {
                let error = error.unquoted();
                warn!(handler.name = ctx.handler(), receipt.id = ctx.receipt(), error, "a screenshot was not uploaded");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn put(&self, api: &Api, branch: &str, path: &[&str], bytes: &[u8]) -> Result<Option<String>, HandlerError> {
        let path: Vec<&str> = ["contents"].into_iter().chain(path.iter().copied()).collect();
        let needs = "the token lacks the permission `Contents: write`, or there is no branch of the name in `screenshots_branch`";
        let content =
            json!({ "message": "Keep a screenshot of TestFlight feedback", "branch": branch, "content": STANDARD.encode(bytes) });
        let put = Asked { method: Method::PUT, path: &path, query: &[], body: Some(content), needs };
        let kept = match api.ask(put).await {
            Ok(answer) => answer["content"].clone(),
            // It is there already, from an attempt before this one.
            Err(Refused { status: Some(StatusCode::UNPROCESSABLE_ENTITY), .. }) => {
                api.ask(Asked { method: Method::GET, path: &path, query: &[("ref", branch)], body: None, needs }).await?
            }
            Err(Refused { status: Some(StatusCode::CONFLICT), error }) => {
                let said = error.to_string();
                if MOVED.iter().any(|words| said.contains(words)) {
                    return Err(error.once_more());
                }
                return Err(error.hint("the branch in `screenshots_branch` is protected: let the token write to it"));
            }
            Err(Refused { error, .. }) => return Err(error),
        };
        // The page of a file needs a login where the repository does, which the bare file's address does not bear.
        Ok(kept["html_url"].as_str().and_then(address).map(|url| format!("{url}?raw=true")))
    }
}

/// Looks for our issue among those that were made since the receipt, newest first.
async fn is_there(api: &Api, marker: &str, received_at: Timestamp) -> Result<bool, HandlerError> {
    let earliest = received_at.saturating_sub(CLOCKS).unwrap_or(received_at);
    let size = PAGE.to_string();
    for page in 1..=PAGES {
        let page = page.to_string();
        let query =
            [("state", "all"), ("sort", "created"), ("direction", "desc"), ("per_page", size.as_str()), ("page", page.as_str())];
        let ask = Asked { method: Method::GET, path: &["issues"], query: &query, body: None, needs: NEEDS };
        let found: Vec<Found> = serde_json::from_value(api.ask(ask).await?).map_err(|error| {
            HandlerError::retry("GitHub answered something that is no list of issues").quoting(excerpt(&error.to_string(), 200))
        })?;
        if found.iter().any(|issue| issue.body.as_ref().is_some_and(|body| body.contains(marker))) {
            return Ok(true);
        }
        if found.len() < PAGE || found.last().is_some_and(|issue| issue.created_at < earliest) {
            return Ok(false);
        }
    }
    Err(HandlerError::reject(format!(
        "there may be an issue for this feedback already: it is not among the newest {}, and they are all younger than the receipt",
        PAGE * PAGES
    )))
}

pub(super) fn marker(key: &str) -> String {
    format!("<!-- asc-webhooks: {key} -->")
}

/// What it is about, and how the comment begins.
pub(super) fn title(message: &Message) -> String {
    let quote = message.quote.as_ref().map(|quote| format!(" “{}”", cut(&clean(quote), QUOTE_IN_TITLE)));
    cut(&format!("{}{}", message.title, quote.unwrap_or_default()), TITLE)
}

pub(super) fn body(marker: &str, told: &Told<'_>, message: &Message, screenshots: &[String]) -> String {
    let quote = message.quote.as_ref().map(|quote| {
        let lines = escaped(&cut(quote, QUOTE)).replace('\n', "<br>");
        format!("<blockquote><code>{lines}</code></blockquote>")
    });
    let rows = message.facts.iter().take(FACTS).map(|fact| {
        let value = escaped(&cut(&fact.value, FACT));
        format!("<tr><th align=\"left\">{}</th><td><code>{value}</code></td></tr>\n", fact.name)
    });
    let table = (!message.facts.is_empty()).then(|| format!("<table>\n{}</table>", rows.collect::<String>()));
    let link = message.link.as_deref().and_then(address).map(|link| format!("[Open in App Store Connect](<{link}>)"));
    let parts: Vec<String> =
        [Some(marker.to_owned()), quote, table].into_iter().flatten().chain(screenshots.iter().cloned()).chain(link).collect();
    let mut body = parts.join("\n\n");
    if let Some(log) = told.details.feedback.as_ref().and_then(|feedback| feedback.crash_log.as_ref()) {
        let text = if log.is_cut { format!("{}\n…", log.text) } else { log.text.clone() };
        body.extend(folded("Crash log", &clean_lines(&text), BODY.saturating_sub(body.chars().count())));
    }
    body
}

/// A text in a fence, folded away, in at most so many letters.
fn folded(name: &str, text: &str, most: usize) -> Option<String> {
    let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
    let around = |text: &str| format!("\n\n<details><summary>{name}</summary>\n\n{fence}text\n{text}\n{fence}\n\n</details>");
    let left = most.checked_sub(around("").chars().count())?;
    (left > 0 && !text.is_empty()).then(|| around(&cut(text, left)))
}

fn longest_run(text: &str, letter: char) -> usize {
    text.split(|other| other != letter).map(str::len).max().unwrap_or_default()
}

/// A line for a picture that stays where it is.
fn link(number: usize, screenshot: &Screenshot) -> Option<String> {
    let url = address(screenshot.url.as_deref()?)?;
    let until = screenshot.expires_at.map(|until| format!(" (until {})", until.strftime("%Y-%m-%d %H:%M UTC")));
    Some(format!("[Screenshot {number}](<{url}>){}", until.unwrap_or_default()))
}

/// An address in the one spelling that can be nothing else.
fn address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.as_str().len() <= ADDRESS)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
