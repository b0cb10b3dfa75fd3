//! Every figure that the program keeps, each named once.
//!
//! [`ALL`] is the list: name, type and meaning, as `/metrics` and the documentation show them. The rest of the program says what
//! happened through the functions here and never writes a name. Labels take few values: configured names, fixed words, and the
//! kinds of event that this version knows; whatever else Apple may send is `unknown`, so no sender can make the list grow.
//!
//! Without [`exposition::install`](super::exposition::install) nothing is kept, and every call costs next to nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::{Counter, Gauge, Unit, counter, gauge, histogram};

use crate::{
    event::EventKind,
    inbox::{AttemptResult, DispatchState, StoreError, account::Account},
};

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name on `/metrics`.
    pub name: &'static str,
    /// How it moves.
    pub kind: MetricKind,
    /// What it means.
    pub meaning: &'static str,
}

/// How a figure moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only up.
    Counter,
    /// Up and down.
    Gauge,
    /// Many values, counted by size, in seconds.
    Histogram,
}

impl Metric {
    const fn counter(name: &'static str, meaning: &'static str) -> Self {
        Self { name, kind: MetricKind::Counter, meaning }
    }

    const fn gauge(name: &'static str, meaning: &'static str) -> Self {
        Self { name, kind: MetricKind::Gauge, meaning }
    }

    const fn histogram(name: &'static str, meaning: &'static str) -> Self {
        Self { name, kind: MetricKind::Histogram, meaning }
    }
}

const REQUESTS: Metric = Metric::counter("asc_webhooks_requests_total", "Requests, by endpoint and status");
const REFUSED: Metric = Metric::counter("asc_webhooks_refused_total", "Requests that were not taken in, by endpoint and reason");
const SIGNATURES_FAILING: Metric = Metric::gauge(
    "asc_webhooks_signatures_failing",
    "1 while signatures fail at an endpoint after having matched, else 0, by endpoint",
);
const RECEIPTS: Metric = Metric::counter(
    "asc_webhooks_receipts_total",
    "Authentic notifications taken in, by endpoint, kind and result (new, same_id, unparsed, known)",
);
const ACCEPT: Metric =
    Metric::histogram("asc_webhooks_accept_duration_seconds", "Time from authentic bytes to their being kept on disk");
const CONNECTIONS: Metric = Metric::gauge("asc_webhooks_connections_open", "Open connections, by listener");
const ATTEMPTS: Metric = Metric::counter("asc_webhooks_attempts_total", "Attempts at handling an event, by handler and result");
const ATTEMPT: Metric = Metric::histogram("asc_webhooks_attempt_duration_seconds", "Time an attempt took, by handler");
const DISPATCHES: Metric = Metric::gauge("asc_webhooks_dispatches", "Dispatches as they stand, by handler and state");
const OLDEST_OPEN: Metric =
    Metric::gauge("asc_webhooks_oldest_open_seconds", "Age of the oldest receipt that a handler has not finished, by handler");
const HANDLER_PAUSED: Metric = Metric::gauge("asc_webhooks_handler_paused", "1 while a handler is paused, else 0, by handler");
const STORE_ERRORS: Metric =
    Metric::counter("asc_webhooks_store_errors_total", "Times the store could not do what it was asked, by kind");
const RECOVERY_PASSES: Metric =
    Metric::counter("asc_webhooks_recovery_passes_total", "Looks at what Apple lists, by endpoint and result (complete, failed)");
const RECOVERED: Metric =
    Metric::counter("asc_webhooks_recovery_recovered_total", "Events fetched back that had not arrived, by endpoint");
const RECOVERY_LISTED: Metric =
    Metric::gauge("asc_webhooks_recovery_listed_events", "Events that Apple lists, as far back as the account goes, by endpoint");
const RECOVERY_MISSING: Metric =
    Metric::gauge("asc_webhooks_recovery_missing_events", "Events that Apple lists and that are not kept, by endpoint: the gap");
const RECOVERY_MISSING_FOR: Metric =
    Metric::gauge("asc_webhooks_recovery_missing_seconds", "How long the oldest of the missing events has been, by endpoint");
const RECOVERY_COMPLETE: Metric = Metric::gauge(
    "asc_webhooks_recovery_complete_timestamp_seconds",
    "When Apple's list was last read to its end, as seconds since 1970, by endpoint",
);
const REVIEW_MEDIAN: Metric = Metric::gauge(
    "asc_webhooks_review_median_seconds",
    "Median length of a round of review over the newest versions, by app, review (app_store, beta) and phase (waiting, in_review)",
);
const REVIEW_ROUNDS: Metric =
    Metric::gauge("asc_webhooks_review_rounds", "Of how many rounds asc_webhooks_review_median_seconds is the median");
const REVIEW_PRESENT: Metric = Metric::gauge(
    "asc_webhooks_review_present_seconds",
    "How long the version has been in the phase that is in it longest, by app, review and phase; 0 if none is",
);
const LOOKUPS: Metric = Metric::counter(
    "asc_webhooks_lookups_total",
    "Times App Store Connect was asked what an event is about, by result (answered, refused, unavailable)",
);
const LOOKUP: Metric = Metric::histogram("asc_webhooks_lookup_duration_seconds", "Time it took to learn what an event is about");
const LOG_LINES_LOST: Metric = Metric::counter(
    "asc_webhooks_log_lines_lost_total",
    "Log lines that were not written, because standard error did not take them",
);
const BUILD: Metric = Metric::gauge("asc_webhooks_build_info", "Always 1; the label says which version runs");

/// Every figure there is.
pub const ALL: &[Metric] = &[
    REQUESTS,
    REFUSED,
    SIGNATURES_FAILING,
    RECEIPTS,
    ACCEPT,
    CONNECTIONS,
    ATTEMPTS,
    ATTEMPT,
    DISPATCHES,
    OLDEST_OPEN,
    HANDLER_PAUSED,
    STORE_ERRORS,
    RECOVERY_PASSES,
    RECOVERED,
    RECOVERY_LISTED,
    RECOVERY_MISSING,
    RECOVERY_MISSING_FOR,
    RECOVERY_COMPLETE,
    REVIEW_MEDIAN,
    REVIEW_ROUNDS,
    REVIEW_PRESENT,
    LOOKUPS,
    LOOKUP,
    LOG_LINES_LOST,
    BUILD,
];

/// What became of authentic bytes, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenIn {
    /// A new receipt.
    New,
    /// A new receipt with the event id of another.
    SameId,
    /// A new receipt of bytes that are not an event.
    Unparsed,
    /// Known already; nothing was written.
    Known,
}

impl TakenIn {
    /// The result as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::SameId => "same_id",
            Self::Unparsed => "unparsed",
            Self::Known => "known",
        }
    }
}

/// What became of asking App Store Connect about an event, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// It told what there is.
    Answered,
    /// It would not tell us.
    Refused,
    /// It did not answer, or said nothing that makes sense.
    Unavailable,
}

impl LookedUp {
    /// The result as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// How long one phase of review takes for an app, and has taken for the version that is in it now.
#[derive(Clone, Copy, Debug)]
pub struct Reviewed<'a> {
    /// Apple's id of the app, or the name of the endpoint as long as that is not known.
    pub app: &'a str,
    /// Which review: `app_store` or `beta`.
    pub review: &'static str,
    /// Which phase of it: `waiting` or `in_review`.
    pub phase: &'static str,
    /// How long a round is, as a rule, in seconds; none if there has been no round.
    pub median: Option<i64>,
    /// Of how many rounds that is the median.
    pub rounds: usize,
    /// For how long the version has been in the phase that is in it longest; none if none is.
    pub present: Option<SignedDuration>,
}

/// Counts a request to an endpoint, by the status of its answer.
pub(crate) fn requests(endpoint: &str, status: &'static str) -> Counter {
    counter!(REQUESTS.name, "endpoint" => endpoint.to_owned(), "status" => status)
}

/// Counts log lines that were not written.
pub(super) fn log_lines_lost(lines: u64) {
    counter!(LOG_LINES_LOST.name).increment(lines);
}

/// Counts a request that was not accepted.
pub(crate) fn refused(endpoint: &str, reason: &'static str) -> Counter {
    counter!(REFUSED.name, "endpoint" => endpoint.to_owned(), "reason" => reason)
}

/// Tells whether signatures fail that used to match.
pub(crate) fn signatures_failing(endpoint: &str) -> Gauge {
    gauge!(SIGNATURES_FAILING.name, "endpoint" => endpoint.to_owned())
}

/// Tells that authentic bytes were taken in; `kind` is none for bytes that are not an event.
pub fn accepted(endpoint: &str, kind: Option<&EventKind>, result: TakenIn) {
    counter!(RECEIPTS.name, "endpoint" => endpoint.to_owned(), "kind" => kind_label(kind), "result" => result.as_str())
        .increment(1);
}

/// Tells how long it took to keep a notification.
pub fn accept_took(took: Duration) {
    histogram!(ACCEPT.name).record(took);
}

/// Tells that a connection was opened. It counts as open until the returned value is dropped.
pub(crate) fn connection_opened(listener: &'static str) -> OpenConnection {
    let gauge = gauge!(CONNECTIONS.name, "listener" => listener);
    gauge.increment(1);
    OpenConnection(gauge)
}

/// An open connection, for as long as it lives.
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// Tells what came of an attempt and, if it was a try of the handler, how long it took.
pub fn attempt(handler: &str, result: AttemptResult, took: Duration) {
    counter!(ATTEMPTS.name, "handler" => handler.to_owned(), "result" => result.as_str()).increment(1);
    if result.is_try() {
        histogram!(ATTEMPT.name, "handler" => handler.to_owned()).record(took);
    }
}

/// Tells how many dispatches of a handler are in a state.
pub fn dispatches(handler: &str, state: DispatchState, count: u64) {
    gauge!(DISPATCHES.name, "handler" => handler.to_owned(), "state" => state.as_str()).set(as_value(count));
}

/// Tells how long ago the oldest receipt was received whose dispatch to a handler is not finished; zero if all are.
pub fn oldest_open(handler: &str, age: Duration) {
    gauge!(OLDEST_OPEN.name, "handler" => handler.to_owned()).set(age.as_secs_f64());
}

/// Tells whether a handler is paused.
pub fn handler_paused(handler: &str, is_paused: bool) {
    gauge!(HANDLER_PAUSED.name, "handler" => handler.to_owned()).set(if is_paused { 1.0 } else { 0.0 });
}

/// Tells that the store could not do what it was asked.
pub fn store_failed(error: &StoreError) {
    counter!(STORE_ERRORS.name, "kind" => store_error_label(error)).increment(1);
}

/// Tells that a look at what Apple lists for an endpoint has ended.
pub fn recovery_passed(endpoint: &str, is_complete: bool) {
    let result = if is_complete { "complete" } else { "failed" };
    counter!(RECOVERY_PASSES.name, "endpoint" => endpoint.to_owned(), "result" => result).increment(1);
}

/// Tells that an event was fetched back that had not arrived.
pub fn recovered(endpoint: &str) {
    counter!(RECOVERED.name, "endpoint" => endpoint.to_owned()).increment(1);
}

/// Tells how what Apple lists stands to what is kept.
pub fn recovery_account(account: &Account, now: Timestamp) {
    let set = |metric: Metric, value: f64| gauge!(metric.name, "endpoint" => account.endpoint.clone()).set(value);
    let missing_for = account.missing_since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    set(RECOVERY_LISTED, as_value(account.listed));
    set(RECOVERY_MISSING, as_value(account.missing));
    set(RECOVERY_MISSING_FOR, missing_for.as_secs_f64().max(0.0));
    if let Some(completed_at) = account.completed_at {
        set(RECOVERY_COMPLETE, completed_at.as_duration().as_secs_f64());
    }
}

/// Tells how long a phase of review takes.
pub fn reviewed(told: &Reviewed<'_>) {
    let set = |metric: Metric, value: f64| {
        gauge!(metric.name, "app" => told.app.to_owned(), "review" => told.review, "phase" => told.phase).set(value);
    };
    if let Some(median) = told.median {
        set(REVIEW_MEDIAN, SignedDuration::from_secs(median).as_secs_f64());
    }
    set(REVIEW_ROUNDS, as_value(told.rounds as u64));
    set(REVIEW_PRESENT, told.present.unwrap_or_default().as_secs_f64().max(0.0));
}

/// Tells what came of a lookup and how long it took.
pub fn lookup(result: LookedUp, took: Duration) {
    counter!(LOOKUPS.name, "result" => result.as_str()).increment(1);
    histogram!(LOOKUP.name).record(took);
}

/// A store's error as one word.
pub fn store_error_label(error: &StoreError) -> &'static str {
    match error {
        StoreError::Busy(_) => "busy",
        StoreError::Full(_) => "full",
        StoreError::Unavailable(_) => "unavailable",
        StoreError::Broken(_) => "broken",
        StoreError::Unreadable(_) => "unreadable",
    }
}

fn kind_label(kind: Option<&EventKind>) -> String {
    match kind {
        Some(kind) if kind.is_known() => kind.as_str().to_owned(),
        Some(_) => "unknown".to_owned(),
        None => "none".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no count here reaches 2^53")]
fn as_value(count: u64) -> f64 {
    count as f64
}

/// Tells whoever keeps the figures what each of them means.
pub(super) fn describe() {
    for Metric { name, kind, meaning } in ALL.iter().copied() {
        match kind {
            MetricKind::Counter => metrics::describe_counter!(name, meaning),
            MetricKind::Gauge => metrics::describe_gauge!(name, meaning),
            MetricKind::Histogram => metrics::describe_histogram!(name, Unit::Seconds, meaning),
        }
    }
    gauge!(BUILD.name, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::telemetry::exposition::builder;

    /// What a scrape shows after `happen`, in a recorder of its own.
    pub(crate) fn scrape_after(happen: impl FnOnce()) -> String {
        let recorder = builder().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            happen();
        });
        recorder.handle().render()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn every_figure_is_shown_with_its_type_and_meaning() {
        let shown = scrape_after(|| {
            requests("app", "200").increment(1);
            refused("app", "wrong").increment(2);
            signatures_failing("app").set(1.0);
            accepted("app", None, TakenIn::Unparsed);
            accept_took(Duration::from_micros(300));
            std::mem::forget(connection_opened("public"));
            attempt("ci", AttemptResult::Ok, Duration::from_secs(2));
            attempt("ci", AttemptResult::PassedOver, Duration::ZERO);
            dispatches("ci", DispatchState::Dead, 3);
            oldest_open("ci", Duration::from_millis(1_500));
            handler_paused("ci", true);
            store_failed(&StoreError::Full("disk".to_owned()));
            recovery_passed("app", true);
            recovered("app");
            let (missing_since, completed_at) = (Some(at(1_000)), Some(at(1_060)));
            let account = Account {
                endpoint: "app".into(),
                listed: 9,
                kept: 8,
                missing: 1,
                missing_since,
                completed_at,
                ..Account::default()
            };
            recovery_account(&account, at(1_090));
            let present = Some(SignedDuration::from_mins(2));
            reviewed(&Reviewed { app: "100", review: "beta", phase: "waiting", median: Some(7_200), rounds: 3, present });
            reviewed(&Reviewed { app: "100", review: "beta", phase: "in_review", median: None, rounds: 0, present: None });
            lookup(LookedUp::Answered, Duration::from_millis(400));
            log_lines_lost(4);
        });
        for metric in ALL {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            assert!(shown.contains(&format!("# TYPE {} {kind}\n", metric.name)), "{}:\n{shown}", metric.name);
            assert!(shown.contains(&format!("# HELP {} {}\n", metric.name, metric.meaning)), "{}:\n{shown}", metric.name);
        }
        let mut values: Vec<_> =
            shown.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !line.contains("_bucket")).collect();
        values.sort_unstable();
        insta::assert_snapshot!(values.join("\n"));
    }

    #[test]
    fn names_follow_the_rule() {
        for metric in ALL {
            assert!(metric.name.starts_with("asc_webhooks_"), "{}", metric.name);
            assert_eq!(metric.kind == MetricKind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert_eq!(metric.kind == MetricKind::Histogram, metric.name.ends_with("_duration_seconds"), "{}", metric.name);
        }
    }

    #[test]
    fn a_kind_that_this_version_does_not_know_makes_no_new_label() {
        let surprise = EventKind::from("surpriseUpdated");
        assert_eq!(kind_label(Some(&surprise)), "unknown");
        assert_eq!(kind_label(Some(&EventKind::ALL[0])), EventKind::ALL[0].as_str());
    }
}
