//! Event: what happened in words, what was done about it, and the bytes as they came.

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use serde::Serialize;
use serde_json::json;
use url::form_urlencoded;

use super::{
    Answer, Frame, Shared, after, render,
    view::{Moment, Standing, in_short, is_unparsed, state_in_words, took},
};
use crate::{
    event::{
        Details,
        details::{CrashLog, Feedback, File, PictureFormat, Screenshot},
    },
    handler::message::{Message, Told, clean, cut, text::clean_lines},
    inbox::{
        Attempt, Content, DispatchId, ReceiptId, Source, StoreError,
        query::{DispatchRecord, ReceiptRecord},
    },
    server::admin::{Desk, answer::Problem, api::number, ask, audit::Author, deed},
};

/// The most bytes of a body that are shown; the rest can be downloaded.
const SHOWN: usize = 64 << 10;

/// The most letters of a crash log that are shown: all that crashed, and the rest can be downloaded.
const SHOWN_OF_LOG: usize = 32 << 10;

/// A picture that a tester sent.
#[derive(Debug, Serialize)]
struct Shot {
    number: usize,
    /// Where our copy is; none if none could be had.
    address: Option<String>,
    /// Whether every browser shows it.
    can_be_shown: bool,
    width: Option<u32>,
    height: Option<u32>,
}

/// The log of a crash.
#[derive(Debug, Serialize)]
struct CrashLogView {
    text: String,
    is_cut: bool,
    /// Whether we have not got all of it either.
    is_incomplete: bool,
}

#[derive(Debug, Serialize)]
struct DispatchView {
    #[serde(flatten)]
    standing: Standing,
    /// Whether its handler is in the configuration.
    is_configured: bool,
    can_replay: bool,
    can_skip: bool,
    history: Vec<AttemptView>,
}

#[derive(Debug, Serialize)]
struct AttemptView {
    number: u32,
    at: Moment,
    took: String,
    result: &'static str,
    is_try: bool,
    error: Option<String>,
}

/// How many letters of a message's title or sentence are shown: more than any of ours has.
const LONGEST_SENTENCE: usize = 500;

/// A name and a value, both plain.
type Line = (&'static str, String);

pub(in super::super) async fn event(State(desk): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let id = ReceiptId(number(&id)?);
    let record = desk.store.receipt(id).await?.ok_or_else(|| deed::no_receipt(id))?;
    let mut message = told(&desk, &record).await?;
    if let Some(Message { title, sentence, .. }) = &mut message {
        // A state or a kind that is new stands in both as it came, and is any text at all.
        (*title, *sentence) = (cut(title, LONGEST_SENTENCE), cut(sentence, LONGEST_SENTENCE));
    }
    let dispatches: Vec<DispatchView> = record.dispatches.iter().map(|record| DispatchView::of(&desk, record)).collect();
    let (states, subject) = match &record.receipt.content {
        Content::Event(event) => {
            let states = [&event.previous_state, &event.state].into_iter().flatten().map(|state| state_in_words(state)).collect();
            (states, event.subject_id.clone())
        }
        Content::Unparsed { .. } => (Vec::new(), None),
    };
    let feedback = details_of(&record).feedback.unwrap_or_default();
    let shown = &record.body[..record.body.len().min(SHOWN)];
    render(
        "event.html",
        json!({
            "frame": Frame::of("events", &request),
            "id": id.0,
            "facts": message.iter().flat_map(|message| &message.facts).filter(|fact| !matches!(fact.name, "About" | "Received")).collect::<Vec<_>>(),
            "message": message,
            "states": states,
            "subject": subject,
            "is_unsigned": record.receipt.source == Source::Unsigned,
            "reason": match &record.receipt.content { Content::Unparsed { reason } => Some(clean(reason)), Content::Event(_) => None },
            "received": Moment::of(&desk, record.receipt.received_at),
            "lines": lines(&record),
            "can_replay": dispatches.iter().any(|dispatch| dispatch.can_replay),
            "dispatches": dispatches,
            "shots": shots(id, &feedback),
            "crash_log": feedback.crash_log.as_ref().map(CrashLogView::of),
            "raw": indented(&String::from_utf8_lossy(shown)),
            "is_cut": record.body.len() > SHOWN,
        }),
    )
}

pub(in super::super) async fn replay(State(desk): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let (id, author) = (ReceiptId(number(&id)?), Author::of(&request));
    let fields = ask::fields_of(request).await?;
    let count = deed::replay(&desk, id, fields.one("handler"), &author).await?;
    Ok(after(&format!("/events/{id}"), "replay", count))
}

pub(in super::super) async fn skip(State(desk): Shared, Path(id): Path<String>, request: Request) -> Result<Response, Problem> {
    let (id, author) = (DispatchId(number(&id)?), Author::of(&request));
    let fields = ask::fields_of(request).await?;
    deed::skip(&desk, id, fields.one("reason").unwrap_or_default(), &author).await?;
    let receipt = fields.one("receipt").and_then(|receipt| receipt.parse::<i64>().ok());
    Ok(after(&receipt.map_or_else(|| "/handlers".to_owned(), |receipt| format!("/events/{receipt}")), "skip", 1))
}

/// The event of a receipt in words, if it is one.
pub(in super::super) async fn told(desk: &Desk, record: &ReceiptRecord) -> Result<Option<Message>, StoreError> {
    if is_unparsed(&record.receipt) {
        return Ok(None);
    }
    let Ok(event) = record.receipt.source.read(record.body.clone()) else { return Ok(None) };
    let told = Told {
        event: &event,
        details: &details_of(record),
        endpoint: &record.receipt.endpoint,
        since: desk.store.entered(record.receipt.id).await?,
        received_at: record.receipt.received_at,
        recovered: record.receipt.source == Source::Recovered,
    };
    Ok(Some(Message::of(&told, &desk.known.load().voice)))
}

/// What is known besides, as far as this version understands it.
pub(in super::super) fn details_of(record: &ReceiptRecord) -> Details {
    record.details.as_ref().and_then(|details| serde_json::from_slice(details).ok()).unwrap_or_default()
}

fn shots(id: ReceiptId, feedback: &Feedback) -> Vec<Shot> {
    let address = |file: &File| {
        let name: String = form_urlencoded::byte_serialize(file.name.as_bytes()).collect();
        format!("/api/v1/receipts/{id}/files/{name}")
    };
    let shot = |(number, shot): (usize, &Screenshot)| Shot {
        number,
        address: shot.file.as_ref().map(address),
        can_be_shown: shot.file.as_ref().is_some_and(|file| file.media_type != PictureFormat::Heic.media_type()),
        width: shot.width,
        height: shot.height,
    };
    (1..).zip(&feedback.screenshots).map(shot).collect()
}

impl CrashLogView {
    fn of(log: &CrashLog) -> Self {
        let shown: String = log.text.chars().take(SHOWN_OF_LOG).collect();
        Self { is_cut: shown.len() < log.text.len(), text: clean_lines(&shown), is_incomplete: log.is_cut }
    }
}

impl DispatchView {
    fn of(desk: &Desk, record: &DispatchRecord) -> Self {
        let standing = Standing::of(desk, &record.dispatch);
        let is_configured = desk.known.load().handler(&record.dispatch.handler).is_some();
        Self {
            is_configured,
            can_replay: is_configured && matches!(standing.state, "done" | "dead"),
            can_skip: standing.state == "dead",
            standing,
            history: record.history.iter().rev().map(|attempt| AttemptView::of(desk, attempt)).collect(),
        }
    }
}

impl AttemptView {
    fn of(desk: &Desk, attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: Moment::of(desk, attempt.started_at),
            took: took(attempt.took),
            result: attempt.result.as_str(),
            is_try: attempt.result.is_try(),
            error: attempt.error.as_deref().map(clean_lines),
        }
    }
}

/// What is known of the receipt itself, besides what its message says.
fn lines(record: &ReceiptRecord) -> Vec<Line> {
    let receipt = &record.receipt;
    let mut lines = vec![("Came", receipt.source.as_str().to_owned())];
    match &receipt.content {
        Content::Event(event) => {
            lines.push(("Kind", in_short(&event.kind)));
            lines.push(("Event id", in_short(&event.event_id)));
            let subject = [&event.subject_type, &event.subject_id].into_iter().flatten().map(|word| in_short(word));
            lines.push(("Subject", subject.collect::<Vec<_>>().join(" ")));
        }
        Content::Unparsed { .. } => lines.push(("Endpoint", receipt.endpoint.clone())),
    }
    let by = if receipt.source == Source::Unsigned { "Let in by token" } else { "Proven with secret" };
    lines.extend(receipt.secret.clone().map(|secret| (by, secret)));
    lines.push(("Size", format!("{} bytes", receipt.size)));
    lines.retain(|(_, value)| !value.is_empty());
    lines
}

/// A JSON text with a line for each value. Only blanks between values are changed; what is not JSON at first sight stays as it came.
fn indented(text: &str) -> String {
    if !text.trim_start().starts_with(['{', '[']) {
        return text.to_owned();
    }
    let (mut written, mut depth, mut in_string, mut is_escaped) = (String::with_capacity(text.len() * 2), 0_usize, false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_string {
            written.push(letter);
            in_string = is_escaped || letter != '"';
            is_escaped = letter == '\\' && !is_escaped;
            continue;
        }
        let line = |depth: usize| format!("\n{}", "  ".repeat(depth.min(40)));
        match letter {
            '{' | '[' => {
                written.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if !matches!(letters.peek(), Some('}' | ']')) {
                    depth += 1;
                    written.push_str(&line(depth));
                } else if let Some(close) = letters.next() {
                    written.push(close);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                written.push_str(&line(depth));
                written.push(letter);
            }
            ',' => {
                written.push(letter);
                written.push_str(&line(depth));
            }
            ':' => written.push_str(": "),
            '"' => {
                in_string = true;
                written.push(letter);
            }
            blank if blank.is_ascii_whitespace() => {}
            other => written.push(other),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_set_in_lines_and_its_texts_stay() {
        let check = |text: &str, expected: &str| assert_eq!(indented(text), expected);
        check(r#"{"a":[1,2.50e1],"b":{ }}"#, "{\n  \"a\": [\n    1,\n    2.50e1\n  ],\n  \"b\": {}\n}");
        check(r#"{"a b":"x:{\"[,\\"}"#, "{\n  \"a b\": \"x:{\\\"[,\\\\\"\n}");
        check("not json", "not json");
        check("[1}]]", "[\n  1\n}\n]\n]");
    }
}
