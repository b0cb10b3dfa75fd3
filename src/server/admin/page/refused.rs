//! Refused requests: which came lately, what each reason means, and what to do about it.

use axum::extract::{Request, State};
use serde::Serialize;
use serde_json::json;

use super::{
    Answer, Frame, Shared, render,
    view::{Moment, grouped},
};
use crate::server::{
    admin::Desk,
    error::Refused,
    refusals::{Failing, Row, Source},
};

/// How many rows are shown of a reason.
const SHOWN: usize = 12;

/// An endpoint whose signatures fail after having matched.
#[derive(Debug, Serialize)]
struct Alarm {
    endpoint: String,
    since: Moment,
    count: String,
}

/// All that was refused for one reason.
#[derive(Debug, Serialize)]
struct Group {
    reason: &'static str,
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    total: String,
    /// How many requests of it are older than what is shown.
    rows: Vec<Line>,
}

/// One source within one minute.
#[derive(Debug, Serialize)]
struct Line {
    at: Moment,
    endpoint: Option<String>,
    source: String,
    count: String,
}

pub(in super::super) async fn refused(State(desk): Shared, request: Request) -> Answer {
    let alarms = desk.refusals.failing().into_iter().map(|Failing { endpoint, since, count }| Alarm {
        endpoint,
        since: Moment::of(&desk, since),
        count: grouped(count),
    });
    render(
        "refused.html",
        json!({
            "frame": Frame::of("refused", &request),
            "since": Moment::of(&desk, desk.refusals.since()),
            "alarms": alarms.collect::<Vec<_>>(),
            "groups": groups(&desk),
        }),
    )
}

/// The reasons there are refusals for, those first that an operator should look at first.
fn groups(desk: &Desk) -> Vec<Group> {
    let totals = desk.refusals.totals();
    let total = |reason: &str| totals.iter().find(|total| total.reason == reason);
    let group = |reason: &'static str| {
        let total = total(reason)?;
        let Words { title, meaning, remedy } = words(reason);
        let rows = desk.refusals.rows(|row| row.reason == reason, None, SHOWN);
        let rows = rows.into_iter().map(|row| Line::of(desk, &row)).collect();
        Some(Group { reason, title, meaning, remedy, total: grouped(total.count), rows })
    };
    Refused::REASONS.into_iter().filter_map(group).collect()
}

impl Line {
    fn of(desk: &Desk, row: &Row) -> Self {
        let source = match row.source {
            Source::Others => "many other addresses".to_owned(),
            Source::Unknown => "not known".to_owned(),
            one => one.to_string(),
        };
        let endpoint = row.endpoint.as_ref().map(ToString::to_string);
        Self { at: Moment::of(desk, row.last_at), endpoint, source, count: grouped(row.count) }
    }
}

/// What a reason means to a person.
#[derive(Debug)]
struct Words {
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

fn words(reason: &str) -> Words {
    let (title, meaning, remedy) = match reason {
        "wrong" => (
            "Signature does not match",
            "It has the form of Apple's signature, but no secret of the endpoint makes it of these bytes.",
            "If it is Apple: set the same secret here and at Apple (webhooks rotate-secret), and look for a proxy that changes bodies. \
             If Apple's events arrive all the same, somebody forges them, and nothing needs to be done.",
        ),
        "absent" => (
            "No signature",
            "Apple signs everything, so this is a stranger, or a proxy that drops the header X-Apple-Signature.",
            "Nothing, if Apple's events arrive. If they do not, have the proxy pass the header on.",
        ),
        "malformed" => (
            "Signature in another form",
            "The header is not hmacsha256= and 64 hexadecimal digits, as Apple writes it.",
            "Nothing, if Apple's events arrive: a stranger, or a sender of another service.",
        ),
        "repeated" => (
            "Several signatures",
            "The header came more than once, and Apple sends it once.",
            "If it comes through a proxy, have it pass the header on once.",
        ),
        "wrong_token" => (
            "Wrong token",
            "The address of this endpoint ends with a token, and the request had none or another.",
            "If Xcode Cloud's news do not arrive, compare the address there with the endpoint's tokens. Else it is a stranger.",
        ),
        "full" => (
            "No room on the disk",
            "Less than store.reserve is free, so nothing new is kept. What is kept is still being handled.",
            "Make room. Service resumes by itself, and recovery fetches what was turned away.",
        ),
        "busy" => (
            "The store cannot keep up",
            "More comes in than the disk can sync.",
            "Look at asc_webhooks_accept_duration_seconds, and for what else uses the disk.",
        ),
        "unavailable" => ("The store did not answer", "Nothing could be kept at that time.", "The log says why."),
        "broken" => (
            "A write failed",
            "Nobody knows what is on the disk after that, so the program ends and reads it afresh.",
            "Look at the kernel's log for the disk.",
        ),
        "unreadable" => (
            "The store cannot be read",
            "What is in it is not what this version writes.",
            "Was it changed by a newer version, or by hand? The log says more.",
        ),
        "too_many" => (
            "Too many at a time",
            "As many notifications were waiting for the disk as server.max_in_flight allows.",
            "If it comes again, look at the disk first, then raise the limit.",
        ),
        "panicked" => {
            ("A fault of this program", "Something in our own code panicked.", "The log has the place; please report it.")
        }
        "stopping" => (
            "While stopping",
            "The program was being stopped or restarted.",
            "Nothing: recovery fetches what Apple sent in that time.",
        ),
        "too_large" => (
            "Body too large",
            "It has more bytes than server.max_body allows. Apple's notifications are far smaller.",
            "Nothing, if Apple's events arrive.",
        ),
        "too_slow" => (
            "Body too slow",
            "It did not arrive within server.body_timeout.",
            "Nothing, if it is a stranger. If it is a proxy, look at the network between.",
        ),
        "interrupted" => {
            ("Broken off", "The sender went away in the middle of the body.", "Nothing: it will be sent again or fetched.")
        }
        "wrong_method" => (
            "Not a POST",
            "Somebody opened the address of an endpoint, in a browser perhaps.",
            "Nothing: only notifications are taken there.",
        ),
        "unknown_path" => (
            "No such path",
            "No endpoint has this path. Strangers try many.",
            "If Apple's events do not arrive, compare the address of the webhook at Apple with the paths of the endpoints.",
        ),
        _ => ("Ambiguous", "The request can be read in more than one way.", "Nothing, if Apple's events arrive."),
    };
    Words { title, meaning, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_of_its_own() {
        let all: Vec<_> = Refused::REASONS.iter().map(|reason| format!("{reason}: {:?}", words(reason))).collect();
        let titles: std::collections::BTreeSet<_> = Refused::REASONS.iter().map(|reason| words(reason).title).collect();
        assert_eq!(titles.len(), all.len());
    }
}
