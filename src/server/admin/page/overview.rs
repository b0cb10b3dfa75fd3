//! Overview: is all well, and if not, what is to be done about it.

use axum::extract::{Request, State};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::{
    Answer, Frame, Shared,
    chart::{self, Chart},
    handlers::{Tally, last_attempts},
    reasons, render,
    view::{Moment, Row, grouped, span},
};
use crate::{
    handler::message::clean,
    inbox::{
        account::Account,
        query::{NewestOfApp, PageRequest, ReceiptFilter, Stats},
        streak::Streaks,
    },
    server::{admin::Desk, health::NotReady, refusals::Failing},
};

/// How long a dispatch may wait before it is something to look at.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// How many of the latest events are shown.
const LATEST: usize = 8;

/// How many apps are shown: those that were heard of last.
const MOST_APPS: usize = 20;

/// Something that is not well.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Concern {
    what: String,
    /// What to do about it.
    remedy: &'static str,
    link: String,
}

/// What concerns are found in.
#[derive(Debug, Default)]
struct Seen {
    /// Why nothing can be kept now.
    not_ready: Option<NotReady>,
    failing: Vec<Failing>,
    stats: Stats,
    streaks: Streaks,
    accounts: Vec<Account>,
}

#[derive(Debug, Serialize)]
struct EndpointRow {
    name: String,
    receipts: String,
    newest: Option<Moment>,
    /// Whether it is in the configuration.
    is_known: bool,
}

#[derive(Debug, Serialize)]
struct AppRow {
    id: String,
    name: String,
    receipt: i64,
    newest: Moment,
}

impl AppRow {
    fn of(desk: &Desk, NewestOfApp { app, name, receipt, received_at }: NewestOfApp) -> Self {
        let name = clean(name.as_deref().unwrap_or(&app));
        Self { id: app, name, receipt: receipt.0, newest: Moment::of(desk, received_at) }
    }
}

pub(in super::super) async fn overview(State(desk): Shared, request: Request) -> Answer {
    let now = desk.clock.now();
    let seen = Seen {
        not_ready: desk.receiver.readiness().await.err(),
        failing: desk.refusals.failing(),
        stats: desk.store.stats(now).await?,
        streaks: Streaks::of(&*desk.store).await?,
        accounts: desk.store.accounts().await?,
    };
    let hours = desk.store.hours(chart::since(now)).await?;
    let latest = desk.store.receipts(&ReceiptFilter::default(), PageRequest { before: None, limit: LATEST }).await?;
    let apps = desk.store.newest_of_apps().await?;
    let known = desk.known.load_full();
    let concerns = concerns(&seen, &|name| known.handler(name).is_some(), now);
    let Seen { stats, accounts, streaks, .. } = seen;
    let sum = |of: fn(&crate::inbox::query::HandlerStats) -> u64| grouped(stats.handlers.iter().map(of).sum());
    render(
        "overview.html",
        json!({
            "frame": Frame::of("overview", &request),
            "is_empty": stats.receipts == 0,
            "concerns": concerns,
            "receipts": grouped(stats.receipts),
            "recovered": grouped(stats.recovered),
            "waiting": sum(|handler| handler.waiting + handler.claimed),
            "dead": sum(|handler| handler.dead),
            "missing": (!accounts.is_empty()).then(|| grouped(accounts.iter().map(|account| account.missing).sum())),
            "oldest": oldest_open(&stats).map(|time| span(now.duration_since(time))),
            "chart": Chart::draw(&hours, now, &known.voice.time_zone),
            "endpoints": endpoints(&desk, &stats),
            "more_apps": apps.len().saturating_sub(MOST_APPS),
            "apps": apps.into_iter().take(MOST_APPS).map(|newest| AppRow::of(&desk, newest)).collect::<Vec<_>>(),
            "handlers": Tally::all(&desk, &stats, &streaks),
            "latest": latest.items.iter().map(|listed| Row::of(&desk, listed)).collect::<Vec<_>>(),
        }),
    )
}

/// What is not well, that first by which events may be getting lost.
fn concerns(seen: &Seen, is_configured: &dyn Fn(&str) -> bool, now: Timestamp) -> Vec<Concern> {
    let Seen { not_ready, failing, stats, streaks, accounts } = seen;
    let mut concerns = Vec::new();
    let mut add = |is_so: bool, what: String, remedy, link: &str| {
        if is_so {
            concerns.push(Concern { what, remedy, link: link.to_owned() });
        }
    };
    if let Some(NotReady { because, said }) = not_ready {
        let remedy = reasons::words(because.reason()).map_or("The log says more.", |words| words.remedy);
        add(true, format!("Notifications are refused: {}", clean(said)), remedy, "/refused");
    }
    for Failing { endpoint, since, count } in failing {
        let ago = span(now.duration_since(*since));
        let what = format!("Signatures fail at {endpoint}: all of the last {}, the first {ago} ago", grouped(*count));
        add(true, what, "Events may be getting lost. See what it means and what to do.", "/refused");
    }
    for of in stats.unattended(is_configured) {
        let are = if of.owed() == 1 { "dispatch is" } else { "dispatches are" };
        let what = format!("{} {are} owed to {}, which is not configured", grouped(of.owed()), of.handler);
        add(true, what, "Nobody handles what is owed to it until a handler of this name is configured again.", "/handlers");
    }
    for handler in stats.handlers.iter().filter(|handler| handler.dead > 0 && is_configured(&handler.handler)) {
        let (dispatches, replay) = if handler.dead == 1 {
            ("dispatch is", "See why, mend the cause, and replay it.")
        } else {
            ("dispatches are", "See why, mend the cause, and replay them.")
        };
        let what = format!("{} {dispatches} dead at {}", grouped(handler.dead), handler.handler);
        add(true, what, replay, "/handlers");
    }
    for (handler, streak) in stats.handlers.iter().filter_map(|of| Some((of, streaks.of_handler(&of.handler)?))) {
        // What nobody is waiting for, and what is paused or gone, has its own sentence.
        let is_at_work = handler.waiting + handler.claimed > 0 && handler.paused.is_none() && is_configured(&handler.handler);
        let said = streak.error.as_deref().map(|error| format!(": {}", clean(error))).unwrap_or_default();
        let what = format!("{} has failed {}{said}", handler.handler, last_attempts(streak));
        let remedy =
            "See its events, and mend the cause. What is owed to it is tried again, but not for ever: pause it, and it waits.";
        add(is_at_work, what, remedy, &format!("/handlers#{}", handler.handler));
    }
    for (handler, paused) in stats.handlers.iter().filter_map(|handler| Some((handler, handler.paused.as_ref()?))) {
        let waiting = grouped(handler.waiting);
        let what = format!(
            "{} has been paused for {}: {}",
            handler.handler,
            span(now.duration_since(paused.since)),
            clean(&paused.reason)
        );
        let what = if handler.waiting == 0 { what } else { format!("{what} ({waiting} waiting)") };
        add(true, what, "Resume it when the reason is gone; what is owed to it waits.", "/handlers");
    }
    let missing: u64 = accounts.iter().map(|account| account.missing).sum();
    let what = format!("{} of the events that Apple lists {} not here", grouped(missing), if missing == 1 { "is" } else { "are" });
    add(missing > 0, what, "asc-webhooks deliveries recover asks Apple for them at once.", "/apple");
    for account in accounts {
        let what = format!("Apple could not be asked about {}", account.endpoint);
        add(account.failure.is_some(), what, "The account says why.", "/apple");
    }
    let oldest = oldest_open(stats).map(|time| now.duration_since(time)).filter(|age| *age > PATIENCE);
    let what = format!("The oldest event that is not handled came {} ago", span(oldest.unwrap_or_default()));
    add(oldest.is_some(), what, "See what its handler says.", "/handlers");
    let no_event = if stats.unparsed == 1 { "is no event" } else { "are no events" };
    let what = format!("{} of what was let in {no_event}", grouped(stats.unparsed));
    add(stats.unparsed > 0, what, "A newer version may read it: asc-webhooks events reparse tries again.", "/events?unparsed=true");
    concerns
}

fn oldest_open(stats: &Stats) -> Option<Timestamp> {
    stats.handlers.iter().filter_map(|handler| handler.oldest_open).min()
}

/// Those that are configured first, then those of which only receipts are left.
fn endpoints(desk: &Desk, stats: &Stats) -> Vec<EndpointRow> {
    let known = desk.known.load_full();
    let is_known = |name: &str| known.endpoints.iter().any(|endpoint| **endpoint == *name);
    let configured = known.endpoints.iter().map(ToString::to_string);
    let gone = stats.endpoints.iter().map(|of| of.endpoint.clone()).filter(|name| !is_known(name));
    let row = |name: String| {
        let of = stats.endpoints.iter().find(|of| of.endpoint == name);
        EndpointRow {
            receipts: grouped(of.map_or(0, |of| of.receipts)),
            newest: of.and_then(|of| of.newest).map(|time| Moment::of(desk, time)),
            is_known: is_known(&name),
            name,
        }
    };
    configured.chain(gone).map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        inbox::{
            Attempt, AttemptResult,
            query::{HandlerStats, Paused},
        },
        server::health::Because,
    };

    fn ci() -> HandlerStats {
        HandlerStats { done: 9, ..HandlerStats::idle("ci") }
    }

    #[test]
    fn what_is_not_well_is_said_with_what_to_do() {
        let now: Timestamp = "2026-11-21T14:30:00Z".parse().unwrap();
        let well = Seen { accounts: vec![Account::default()], ..Seen::default() };
        assert_eq!(concerns(&well, &|_| true, now), []);
        let handler = HandlerStats {
            waiting: 1,
            dead: 2,
            oldest_open: now.checked_sub(SignedDuration::from_hours(3)).ok(),
            paused: Some(Paused { since: now, reason: "the channel is being moved".into() }),
            ..ci()
        };
        let stats = Stats { unparsed: 1, handlers: vec![handler], ..Stats::default() };
        let failure = crate::inbox::account::Failure { at: now, error: "no".into() };
        let account = Account { endpoint: "my-app".into(), missing: 1, failure: Some(failure), ..Account::default() };
        let failing = Failing { endpoint: "my-app".into(), since: "2026-11-21T14:20:00Z".parse().unwrap(), count: 1_200 };
        let not_ready = NotReady { because: Because::Full, said: "the store is full: 0 bytes are free".into() };
        let (failing, accounts) = (vec![failing], vec![account]);
        let seen = Seen { not_ready: Some(not_ready), failing, stats, accounts, ..Seen::default() };
        let concerns = concerns(&seen, &|_| true, now);
        let said: Vec<String> = concerns.into_iter().map(|concern| concern.what).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    /// A store where `chat` has failed four times.
    fn seen(stats: Stats) -> Seen {
        let attempt = |number| Attempt {
            number,
            started_at: Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            result: AttemptResult::Failed,
            error: Some("answered 500".to_owned()),
        };
        let tried = (1..=4).map(|number| ("chat".to_owned(), attempt(number))).collect::<Vec<_>>();
        Seen { stats, streaks: Streaks::among(&tried), ..Seen::default() }
    }

    #[track_caller]
    fn check(handler: HandlerStats, expected: &[&str]) {
        let stats = Stats { handlers: vec![handler], ..Stats::default() };
        let concerns = concerns(&seen(stats), &|name| name != "ci", "2026-11-21T14:30:00Z".parse().unwrap());
        assert_eq!(concerns.iter().map(|concern| &*concern.what).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_owed_to_a_handler_that_is_gone_is_a_concern_at_once() {
        check(HandlerStats { waiting: 1, ..ci() }, &["1 dispatch is owed to ci, which is not configured"]);
        check(HandlerStats { claimed: 1, ..ci() }, &["1 dispatch is owed to ci, which is not configured"]);
        check(HandlerStats { dead: 8, waiting: 1, ..ci() }, &["9 dispatches are owed to ci, which is not configured"]);
        check(ci(), &[]);
        check(HandlerStats { dead: 2, ..HandlerStats::idle("chat") }, &["2 dispatches are dead at chat"]);
    }

    #[test]
    fn a_handler_that_only_fails_is_a_concern_before_anything_is_dead() {
        let chat = || HandlerStats { waiting: 1, ..HandlerStats::idle("chat") };
        let failing = "chat has failed all of its last 4 attempts: answered 500";
        check(chat(), &[failing]);
        check(HandlerStats { waiting: 0, claimed: 1, ..chat() }, &[failing]);
        check(HandlerStats { dead: 1, ..chat() }, &["1 dispatch is dead at chat", failing]);
        check(HandlerStats { waiting: 0, ..chat() }, &[]);
        let paused = Some(Paused { since: "2026-11-21T14:20:00Z".parse().unwrap(), reason: "it fails".to_owned() });
        check(HandlerStats { paused, ..chat() }, &["chat has been paused for 10 min: it fails (1 waiting)"]);
    }
}
