//! Refused requests: which came lately, what each reason means, and what to do about it.

use axum::extract::{Request, State};
use serde::Serialize;
use serde_json::json;

use super::{
    Answer, Frame, Shared,
    reasons::{Words, words},
    render,
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
        let &Words { title, meaning, remedy, .. } = words(reason)?;
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
