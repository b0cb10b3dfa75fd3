//! What an operator hears of a gap: nothing while it may still close, then one warning, and a word when it has.

use std::{fs, sync::Arc};

use super::*;
use crate::config;

const BEGIN: &str = "2026-11-21T12:00:00Z";

/// The levels and first words of what is said after passes that find so many events missing, so many minutes after the first was.
#[track_caller]
fn check(passes: &[(u64, i64)], expected: &[&str]) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let lines = tracing_subscriber::fmt().with_writer(Arc::new(log.reopen().unwrap())).without_time().with_ansi(false).finish();
    let (overlap, lookback, patience) = (Duration::from_mins(15), Duration::from_hours(24), Duration::from_mins(30));
    let settings = config::Recovery { interval: None, overlap, lookback, patience };
    let (plan, since) = (Plan { settings, endpoints: Vec::new() }, BEGIN.parse::<Timestamp>().unwrap());
    let mut standing = Standing::default();
    tracing::subscriber::with_default(lines, || {
        for (missing, minutes) in passes {
            let missing_since = (*missing > 0).then_some(since);
            let account = Account { endpoint: "app".to_owned(), missing: *missing, missing_since, ..Account::default() };
            let recovered = Recovered { endpoint: "app".to_owned(), deliveries: 9, recovered: 0, under_way: 0, account };
            standing.went_well(&recovered, &plan, since + jiff::SignedDuration::from_mins(*minutes));
        }
    });
    let said = fs::read_to_string(log.path()).unwrap();
    let said: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (line, expected) in said.iter().zip(expected) {
        assert!(line.contains(expected), "`{expected}` is not in `{line}`");
    }
}

#[test]
fn a_gap_that_stays_is_warned_about_once_and_said_to_be_over() {
    check(&[(2, 0), (2, 29)], &[]);
    let warning =
        "WARN asc_webhooks::recovery: events are in Apple's list and cannot be fetched back; `deliveries list` shows them";
    check(&[(2, 0), (2, 30), (2, 35)], &[warning]);
    check(&[(2, 30), (3, 35)], &[warning, "missing=3"]);
    check(&[(2, 30), (0, 35), (0, 40)], &[warning, "INFO asc_webhooks::recovery: nothing of what Apple lists is missing any more"]);
    check(&[(2, 30), (1, 5)], &[warning, "what is missing now is not given up yet"]);
}
