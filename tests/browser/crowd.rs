//! The live list under load: 500 events a second and three who listen, of whom one does not keep up.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use asc_webhooks::{
    event::{EventKind, sample},
    shutdown::Shutdown,
};
use futures_util::StreamExt as _;

use crate::support::{is_long, place::Place, report};

const RATE: usize = 500;

/// How many MiB of memory a process has.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1_024
}

/// What a listener has been told: the numbers of new receipts, and how often that it missed some.
async fn listen(response: reqwest::Response, until: i64, delay: Duration) -> (BTreeSet<i64>, usize) {
    let (mut told, mut missed, mut text) = (BTreeSet::new(), 0, String::new());
    let mut stream =
        Box::pin(futures_util::stream::unfold(response, async |mut response| Some((response.chunk().await.ok()??, response))));
    while let Some(piece) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&piece));
        while let Some((event, rest)) = text.split_once("\n\n") {
            missed += usize::from(event.contains("event: missed"));
            told.extend(event.lines().find_map(|line| line.strip_prefix("id: ")?.parse::<i64>().ok()));
            text = rest.to_owned();
        }
        if told.last().is_some_and(|last| *last >= until) {
            break;
        }
        tokio::time::sleep(delay).await;
    }
    told.remove(&0);
    (told, missed)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listener_hears_every_event_or_that_it_missed_some() {
    let place = Place::easy();
    let seconds = if is_long() { 30 } else { 5 };
    let total = i64::try_from(RATE * seconds).unwrap();
    let (tasks, mut listeners) = (Shutdown::new(), Vec::new());
    for delay in [Duration::ZERO, Duration::ZERO, Duration::from_millis(2)] {
        let response = place.get("/api/v1/receipts/live").await;
        assert_eq!(response.status(), 200);
        listeners.push(tasks.spawn(listen(response, total, delay)));
    }
    let before = memory(place.pid());
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let mut number = 0;
    while number < RATE * seconds {
        ticks.tick().await;
        let events: Vec<_> = (0..RATE / 50)
            .map(|place| sample::of(&EventKind::BuildUploadStateUpdated).id((number + place).to_string()).state("COMPLETE"))
            .collect();
        futures_util::future::join_all(events.iter().map(|event| place.send(event))).await;
        number += RATE / 50;
    }
    let took = start.elapsed();
    let mut said = Vec::new();
    for listener in listeners {
        let (told, missed) = tokio::time::timeout(Duration::from_mins(2), listener).await.unwrap().unwrap();
        let all: BTreeSet<i64> = (1..=total).collect();
        assert!(told.is_subset(&all), "nothing is told that is not there");
        assert!(told == all || missed > 0, "{} of {total} told, and nothing said of the rest", told.len());
        said.push(format!("{} told, {missed} times \"missed\"", told.len()));
    }
    let grown = memory(place.pid()).saturating_sub(before);
    assert!(grown < 24, "{grown} MiB more than before");
    report(&format!("{total} events in {took:.1?}; {}; memory {before} MiB and {grown} MiB more", said.join("; ")));
}
