//! What is kept of refusals, and when the alarm is raised.

use std::net::IpAddr;

use super::{
    alarm::IN_A_ROW,
    latest::{MOST_ROWS, MOST_SOURCES},
    *,
};
use crate::signature::Refusal;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_020 + second).unwrap()
}

fn from(address: impl Into<IpAddr>) -> SocketAddr {
    SocketAddr::new(address.into(), 40_000)
}

fn refusals() -> Refusals {
    Refusals::new(at(0), Shutdown::new())
}

fn all(refusals: &Refusals) -> Vec<Row> {
    refusals.rows(|_| true, None, usize::MAX)
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_one_source_is_one_row() {
    let refusals = refusals();
    let record = refusals.of(&"app".into());
    let (one, other) = (from([192, 0, 2, 7]), from([192, 0, 2, 8]));
    for (peer, second) in [(one, 0), (one, 30), (other, 31), (one, 59), (one, 60)] {
        refusals.note(&Refusal::Wrong.into(), Some(&record), Some(peer), at(second));
    }
    refusals.note(&Refusal::Absent.into(), Some(&record), Some(one), at(61));
    refusals.note(&Refused::UnknownPath, None, None, at(62));
    let shown: Vec<_> = all(&refusals)
        .into_iter()
        .map(|row| {
            format!("{} {} {:?} {} {} {}", row.id, row.reason, row.endpoint, row.source, row.count, row.last_at.as_second() % 100)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "5 unknown_path None unknown 1 82",
            "4 absent Some(\"app\") 192.0.2.7 1 81",
            "3 wrong Some(\"app\") 192.0.2.7 1 80",
            "2 wrong Some(\"app\") 192.0.2.8 1 51",
            "1 wrong Some(\"app\") 192.0.2.7 3 79",
        ]
    );
    let page = refusals.rows(|row| row.reason == "wrong", Some(3), 1);
    assert_eq!(page.iter().map(|row| row.id).collect::<Vec<_>>(), [2]);
    assert_eq!(refusals.totals()[0], Total { reason: "wrong", count: 5 });
}

#[tokio::test(start_paused = true)]
async fn nobody_can_make_it_grow() {
    let refusals = refusals();
    let record = refusals.of(&"app".into());
    for minute in 0..100 {
        for address in 0..1_000_u32 {
            refusals.note(&Refusal::Wrong.into(), Some(&record), Some(from(std::net::Ipv4Addr::from(address))), at(minute * 60));
        }
    }
    let rows = all(&refusals);
    assert_eq!(rows.len(), MOST_ROWS);
    let latest: Vec<_> = rows.iter().filter(|row| row.first_at == at(99 * 60)).collect();
    assert_eq!(latest.len(), MOST_SOURCES + 1);
    assert_eq!((latest[0].source, latest[0].count), (Source::Others, 1_000 - MOST_SOURCES as u64));
    assert_eq!(refusals.totals(), [Total { reason: "wrong", count: 100_000 }]);
}

#[test]
fn an_address_is_that_of_whoever_has_it() {
    let source = |address: &str| Source::of(Some(from(address.parse::<IpAddr>().unwrap()))).to_string();
    assert_eq!(source("192.0.2.7"), "192.0.2.7");
    assert_eq!(source("::ffff:192.0.2.7"), "192.0.2.7");
    assert_eq!(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert_eq!(source("::1"), "::1");
}

/// One thing that happens at an endpoint.
#[derive(Clone, Copy)]
enum Happens {
    Matched,
    Refused(Refusal),
}

#[track_caller]
fn check_alarm(happens: &[Happens], expected: Option<u64>) {
    let refusals = refusals();
    let record = refusals.of(&"app".into());
    for happens in happens {
        match happens {
            Happens::Matched => record.took_in_new(),
            Happens::Refused(refusal) => record.note(&(*refusal).into(), None, at(7)),
        }
    }
    let failing = expected.map(|count| Failing { endpoint: "app".to_owned(), since: at(7), count });
    assert_eq!(refusals.failing(), Vec::from_iter(failing));
}

#[test]
fn the_alarm_is_for_signatures_that_used_to_match() {
    use Happens::{Matched, Refused};
    let wrong = Refused(Refusal::Wrong);
    check_alarm(&[wrong; 9], None);
    check_alarm(&[Matched, wrong, wrong], None);
    check_alarm(&[Matched, wrong, wrong, wrong], Some(IN_A_ROW));
    check_alarm(&[Matched, wrong, wrong, wrong, wrong], Some(4));
    check_alarm(&[Matched, wrong, wrong, Matched, wrong], None);
    check_alarm(&[Matched, wrong, wrong, wrong, Matched], None);
    // What does not even look like Apple's tells nothing, in either way.
    let noise = [Refusal::Absent, Refusal::Malformed, Refusal::Repeated].map(Refused);
    check_alarm(&[&[Matched][..], &noise, &noise].concat(), None);
    check_alarm(&[&[Matched, wrong, wrong][..], &noise, &[wrong]].concat(), Some(IN_A_ROW));
}

#[test]
fn an_alarm_outlives_a_reload_and_ends_with_its_endpoint() {
    let refusals = refusals();
    let record = refusals.of(&"app".into());
    record.took_in_new();
    for _ in 0..IN_A_ROW {
        refusals.of(&"app".into()).note(&Refusal::Wrong.into(), None, at(0));
    }
    refusals.forget_all_but(|name| name == "app");
    assert_eq!(refusals.failing().len(), 1);
    refusals.forget_all_but(|name| name == "other");
    assert_eq!(refusals.failing(), []);
}
