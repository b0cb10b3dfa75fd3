//! Handlers: how each stands, failing ones first, with what they said last.

use std::{cmp::Reverse, time::Duration};

use axum::extract::{Path, Request, State};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{
    Answer, Frame, Shared, after, render,
    view::{Moment, grouped, took},
};
use crate::{
    handler::message::{clean, text::clean_lines},
    inbox::{
        DispatchState, StoreError,
        query::{HandlerStats, PageRequest, ReceiptFilter, Stats},
        streak::{Streak, Streaks},
    },
    server::admin::{
        Desk,
        ask::fields_of,
        audit::Author,
        deed,
        recent::{Lately, Recent},
    },
};

/// How many dead dispatches of a handler are shown with what went wrong.
const SHOWN: usize = 5;

/// How a handler stands.
#[derive(Debug, Serialize)]
pub(super) struct Tally {
    name: String,
    /// None if it is no longer configured.
    kind: Option<String>,
    waiting: String,
    done: String,
    dead: String,
    dead_count: u64,
    oldest_open: Option<Moment>,
    pause: Option<Pause>,
    /// Until when its other side asked to wait.
    held: Option<Moment>,
    streak: Option<OnlyFails>,
    takes_test: bool,
    #[serde(skip)]
    rank: (Reverse<u64>, Reverse<bool>, i64),
}

/// Since when a handler is given nothing, and why.
#[derive(Debug, Serialize)]
struct Pause {
    since: Moment,
    reason: String,
}

/// That all of a handler's last attempts failed.
#[derive(Debug, Serialize)]
struct OnlyFails {
    /// `all of its last 40 attempts`
    what: String,
    since: Moment,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Failing {
    tally: Tally,
    last_hour: Option<Tried>,
    errors: Vec<Gone>,
}

/// What was tried in the last hour, in words.
#[derive(Debug, Serialize)]
struct Tried {
    attempts: String,
    failed: String,
    has_failed: bool,
    median: String,
    longest: String,
    is_cut: bool,
}

impl Tried {
    fn of(recent: &Recent) -> Self {
        let in_words = |time: Option<Duration>| time.map(took).unwrap_or_default();
        Self {
            attempts: grouped(recent.attempts),
            failed: grouped(recent.failed),
            has_failed: recent.failed > 0,
            median: in_words(recent.median),
            longest: in_words(recent.longest),
            is_cut: recent.is_cut,
        }
    }
}

/// A dead dispatch and its last word.
#[derive(Debug, Serialize)]
struct Gone {
    receipt: i64,
    dispatch: i64,
    error: Option<String>,
    at: Option<Moment>,
}

impl Tally {
    /// All handlers that are configured or owed something: those with dead dispatches first, then those that only fail, then those that
    /// are behind.
    pub(super) fn all(desk: &Desk, stats: &Stats, streaks: &Streaks) -> Vec<Self> {
        let known = desk.known.load_full();
        let idle = known.handlers.iter().filter(|handler| stats.handlers.iter().all(|of| of.handler != *handler.name));
        let of = |stats: &HandlerStats| Self::of(desk, stats, streaks.of_handler(&stats.handler));
        let idle = idle.map(|handler| of(&HandlerStats::idle(&handler.name)));
        let mut all: Vec<Self> = stats.handlers.iter().map(of).chain(idle).collect();
        all.sort_by(|one, other| (one.rank, &one.name).cmp(&(other.rank, &other.name)));
        all
    }

    fn of(desk: &Desk, stats: &HandlerStats, streak: Option<&Streak>) -> Self {
        Self {
            name: stats.handler.clone(),
            kind: desk.known.load().handler(&stats.handler).map(|handler| handler.kind.clone()),
            waiting: grouped(stats.waiting + stats.claimed),
            done: grouped(stats.done),
            dead: grouped(stats.dead),
            dead_count: stats.dead,
            oldest_open: stats.oldest_open.map(|time| Moment::of(desk, time)),
            pause: stats
                .paused
                .as_ref()
                .map(|paused| Pause { since: Moment::of(desk, paused.since), reason: clean(&paused.reason) }),
            held: desk.held_until(&stats.handler).map(|until| Moment::of(desk, until)),
            streak: streak.map(|streak| OnlyFails {
                what: last_attempts(streak),
                since: Moment::of(desk, streak.since),
                error: streak.error.as_deref().map(clean_lines),
            }),
            takes_test: desk
                .handlers
                .as_ref()
                .is_some_and(|handlers| handlers.taking_tests().iter().any(|taker| **taker == *stats.handler)),
            rank: (Reverse(stats.dead), Reverse(streak.is_some()), stats.oldest_open.map_or(i64::MAX, Timestamp::as_second)),
        }
    }
}

/// The attempts that a streak is made of, in words.
pub(super) fn last_attempts(streak: &Streak) -> String {
    let of = if streak.is_cut { " for the newest events" } else { "" };
    format!("all of its last {} attempts{of}", grouped(streak.failures))
}

pub(in super::super) async fn handlers(State(desk): Shared, request: Request) -> Answer {
    let stats = desk.store.stats(desk.clock.now()).await?;
    let lately = Lately::of(&*desk.store, desk.clock.now()).await?;
    let mut views = Vec::new();
    for tally in Tally::all(&desk, &stats, lately.streaks()) {
        let errors = if tally.dead_count > 0 { last_words(&desk, &tally.name).await? } else { Vec::new() };
        let tried = Some(lately.tried_by(&tally.name)).filter(|recent| recent.attempts > 0);
        views.push(Failing { last_hour: tried.as_ref().map(Tried::of), tally, errors });
    }
    render("handlers.html", json!({ "frame": Frame::of("handlers", &request), "handlers": views }))
}

pub(in super::super) async fn replay_dead(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let count = deed::replay_dead(&desk, &name, &Author::of(&request)).await?;
    Ok(after("/handlers", "replay", count))
}

pub(in super::super) async fn pause(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let author = Author::of(&request);
    let fields = fields_of(request).await?;
    deed::pause(&desk, &name, fields.one("reason").unwrap_or_default(), &author).await?;
    Ok(after("/handlers", "pause", 1))
}

pub(in super::super) async fn resume(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    deed::resume(&desk, &name, &Author::of(&request)).await?;
    let is_there = desk.known.load().handler(&name).is_some();
    Ok(after("/handlers", if is_there { "resume" } else { "unpause" }, 1))
}

pub(in super::super) async fn test(State(desk): Shared, Path(name): Path<String>, request: Request) -> Answer {
    deed::test(&desk, &name, &Author::of(&request)).await?;
    Ok(after("/handlers", "test", 1))
}

async fn last_words(desk: &Desk, handler: &str) -> Result<Vec<Gone>, StoreError> {
    let filter =
        ReceiptFilter { dispatch: Some(DispatchState::Dead), handler: Some(handler.to_owned()), ..ReceiptFilter::default() };
    let page = desk.store.receipts(&filter, PageRequest { before: None, limit: SHOWN }).await?;
    let mut gone = Vec::new();
    for listed in page.items {
        let Some(record) = desk.store.receipt(listed.receipt.id).await? else { continue };
        let ours = record.dispatches.into_iter().find(|record| record.dispatch.handler == handler);
        let Some(ours) = ours else { continue };
        let last = ours.history.last();
        gone.push(Gone {
            receipt: listed.receipt.id.0,
            dispatch: ours.dispatch.id.0,
            error: last.and_then(|attempt| attempt.error.as_deref().map(clean_lines)),
            at: last.map(|attempt| Moment::of(desk, attempt.started_at)),
        });
    }
    Ok(gone)
}
