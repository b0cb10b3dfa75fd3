//! Journeys, stays and rounds, one rule at a time.

use super::*;
use crate::event::{
    AppVersionState, BackgroundAssetVersionAppStoreReleaseState as AssetState,
    BackgroundAssetVersionExternalBetaReleaseState as AssetBetaState, BuildUploadState, ExternalBetaState,
};

const VERSION: EventKind = EventKind::AppStoreVersionAppVersionStateUpdated;

/// A step: the state it leaves, the state it leads into, and when, in minutes by Apple's clock.
type Told = (&'static str, &'static str, i64);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn history(told: &[Told]) -> History {
    let steps = (1..).zip(told).map(|(receipt, &(left, state, minute))| Step {
        receipt: ReceiptId(receipt),
        state: state.to_owned(),
        previous_state: (!left.is_empty()).then(|| left.to_owned()),
        time: Some(at(minute)),
        received_at: at(minute + 1),
        source: Source::Pushed,
    });
    History {
        first: ReceiptId(1),
        endpoint: "my-app".into(),
        kind: VERSION.as_str().into(),
        subject_id: "v1".into(),
        app: "my-app".into(),
        details: None,
        steps: steps.collect(),
        is_cut: false,
    }
}

/// The stays as words: `IN_REVIEW 10..25`, with `?` for what was not told and `now` for what has not ended.
fn said(journey: &Journey) -> Vec<String> {
    let minute = |time: Option<Timestamp>| time.map_or("?".to_owned(), |time| (time.as_second() / 60).to_string());
    let until = |stay: &Stay| if stay.is_present { "now".to_owned() } else { minute(stay.until) };
    journey.stays.iter().map(|stay| format!("{} {}..{}", stay.state, minute(stay.since), until(stay))).collect()
}

#[track_caller]
fn check(told: &[Told], expected: &[&str]) -> Journey {
    let journey = Journey::of(&history(told));
    assert_eq!(said(&journey), expected);
    journey
}

#[track_caller]
fn check_spent(spent: &Spent, rounds: usize, minutes: i64, is_all: bool) {
    assert_eq!(*spent, Spent { rounds, seconds: minutes * 60, is_all });
}

#[test]
fn a_way_is_read_from_state_to_state() {
    let journey = check(
        &[
            ("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", 0),
            ("WAITING_FOR_REVIEW", "IN_REVIEW", 600),
            ("IN_REVIEW", "REJECTED", 660),
            ("REJECTED", "WAITING_FOR_REVIEW", 1_000),
            ("WAITING_FOR_REVIEW", "IN_REVIEW", 1_030),
            ("IN_REVIEW", "PENDING_DEVELOPER_RELEASE", 1_040),
        ],
        &[
            "READY_FOR_REVIEW ?..0",
            "WAITING_FOR_REVIEW 0..600",
            "IN_REVIEW 600..660",
            "REJECTED 660..1000",
            "WAITING_FOR_REVIEW 1000..1030",
            "IN_REVIEW 1030..1040",
            "PENDING_DEVELOPER_RELEASE 1040..now",
        ],
    );
    check_spent(&journey.waiting, 2, 630, true);
    check_spent(&journey.in_review, 2, 70, true);
    assert_eq!(journey.present().map(|stay| (&stay.phase, stay.receipt)), Some((&Phase::Pending, Some(ReceiptId(6)))));
    assert_eq!(journey.stays[0].receipt, None, "nobody told of its beginning");
}

#[test]
fn what_was_missed_is_not_guessed() {
    let journey = check(
        &[("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", 0), ("IN_REVIEW", "REJECTED", 600)],
        &["READY_FOR_REVIEW ?..0", "WAITING_FOR_REVIEW 0..?", "IN_REVIEW ?..600", "REJECTED 600..now"],
    );
    check_spent(&journey.waiting, 0, 0, false);
    check_spent(&journey.in_review, 0, 0, false);
    // It came back into the same state, by a way that nobody has told of.
    let journey = check(
        &[("", "WAITING_FOR_REVIEW", 0), ("IN_REVIEW", "WAITING_FOR_REVIEW", 600), ("WAITING_FOR_REVIEW", "IN_REVIEW", 700)],
        &["WAITING_FOR_REVIEW 0..?", "IN_REVIEW ?..600", "WAITING_FOR_REVIEW 600..700", "IN_REVIEW 700..now"],
    );
    check_spent(&journey.waiting, 1, 100, false);
    check_spent(&journey.in_review, 0, 0, false);
}

#[test]
fn what_is_told_twice_counts_once() {
    check(
        &[
            ("", "WAITING_FOR_REVIEW", 0),
            ("", "WAITING_FOR_REVIEW", 5),
            ("WAITING_FOR_REVIEW", "IN_REVIEW", 10),
            ("IN_REVIEW", "IN_REVIEW", 20),
        ],
        &["WAITING_FOR_REVIEW 0..10", "IN_REVIEW 10..now"],
    );
    check(&[], &[]);
}

#[test]
fn where_apple_tells_no_time_ours_is_taken_if_it_can_be_near() {
    let told = [("", "WAITING_FOR_REVIEW", 0), ("WAITING_FOR_REVIEW", "IN_REVIEW", 60), ("IN_REVIEW", "REJECTED", 90)];
    let mut pushed = history(&told);
    pushed.steps.iter_mut().for_each(|step| step.time = None);
    assert_eq!(said(&Journey::of(&pushed)), ["WAITING_FOR_REVIEW 1..61", "IN_REVIEW 61..91", "REJECTED 91..now"]);
    pushed.steps[1].source = Source::Recovered;
    let journey = Journey::of(&pushed);
    assert_eq!(said(&journey), ["WAITING_FOR_REVIEW 1..?", "IN_REVIEW ?..91", "REJECTED 91..now"]);
    check_spent(&journey.waiting, 0, 0, false);
}

#[test]
fn a_state_that_is_not_known_is_a_phase_of_its_own() {
    let journey = Journey::of(&history(&[("IN_REVIEW", "IN_SECRET_REVIEW", 0), ("IN_SECRET_REVIEW", "REJECTED", 10)]));
    assert_eq!(journey.stays[1].phase, Phase::Unknown("IN_SECRET_REVIEW".into()));
    assert_eq!(
        (journey.stays[1].phase.as_str(), journey.stays[1].length()),
        ("IN_SECRET_REVIEW", Some(SignedDuration::from_mins(10)))
    );
    assert_eq!(Phase::of(&EventKind::from("secretUpdated"), "IN_REVIEW"), Phase::Unknown("IN_REVIEW".into()));
}

#[test]
fn every_known_state_has_a_phase() {
    let mut lines = Vec::new();
    let mut list = |kind: &EventKind, states: Vec<&str>| {
        for state in states {
            let phase = Phase::of(kind, state);
            assert!(!matches!(phase, Phase::Unknown(_)), "{state}");
            lines.push(format!("{state}: {}", phase.words()));
        }
        lines.push(String::new());
    };
    list(&VERSION, AppVersionState::ALL.iter().map(AppVersionState::as_str).collect());
    list(
        &EventKind::BuildBetaDetailExternalBuildStateUpdated,
        ExternalBetaState::ALL.iter().map(ExternalBetaState::as_str).collect(),
    );
    list(&EventKind::BuildUploadStateUpdated, BuildUploadState::ALL.iter().map(BuildUploadState::as_str).collect());
    let beta = AssetBetaState::ALL.iter().map(AssetBetaState::as_str).collect();
    list(&EventKind::BackgroundAssetVersionExternalBetaReleaseStateUpdated, beta);
    let store = AssetState::ALL.iter().map(AssetState::as_str).collect();
    list(&EventKind::BackgroundAssetVersionAppStoreReleaseStateUpdated, store);
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn details_name_what_it_is() {
    let details = r#"{"app":{"id":"100","name":"Harbor"},"version":{"id":"v1","string":"2.3","platform":"IOS"},"build":{"id":"b","number":"45"}}"#;
    let journey = Journey::of(&History { details: Some(details.into()), ..history(&[("", "IN_REVIEW", 0)]) });
    assert_eq!(
        [journey.app_name, journey.version, journey.build, journey.platform].map(Option::unwrap),
        ["Harbor", "2.3", "45", "IOS"]
    );
    let strange = Journey::of(&History { details: Some("no details".into()), ..history(&[("", "IN_REVIEW", 0)]) });
    assert_eq!((strange.version, strange.app.as_str()), (None, "my-app"));
}

/// A version that waited and was in review for so many minutes.
fn reviewed(waiting: i64, in_review: i64) -> Journey {
    Journey::of(&history(&[
        ("", "WAITING_FOR_REVIEW", 0),
        ("WAITING_FOR_REVIEW", "IN_REVIEW", waiting),
        ("IN_REVIEW", "REJECTED", waiting + in_review),
    ]))
}

#[track_caller]
fn check_median(waits: &[i64], expected: Option<i64>) {
    let journeys: Vec<Journey> = waits.iter().map(|&wait| reviewed(wait, 1)).collect();
    let median = Times::of(&journeys).waiting;
    assert_eq!((median.seconds, median.rounds), (expected.map(|minutes| minutes * 60), waits.len()));
}

#[test]
fn the_rule_is_the_middle_of_the_rounds() {
    check_median(&[], None);
    check_median(&[7], Some(7));
    check_median(&[9, 1], Some(5));
    check_median(&[100, 2, 30], Some(30));
    check_median(&[4, 1_000, 2, 6], Some(5));
}

#[test]
fn only_the_newest_versions_make_the_rule() {
    let journeys: Vec<Journey> = (0..LAST).map(|_| reviewed(10, 20)).chain((0..LAST).map(|_| reviewed(900, 900))).collect();
    let times = Times::of(&journeys);
    assert_eq!(
        (times.versions, times.waiting.rounds, times.waiting.seconds, times.in_review.seconds),
        (20, 20, Some(600), Some(1_200))
    );
}

#[test]
fn what_is_under_way_has_no_length_but_a_beginning() {
    let waiting = |minute| Journey::of(&history(&[("", "WAITING_FOR_REVIEW", minute)]));
    let missed = Journey::of(&history(&[("", "WAITING_FOR_REVIEW", 0), ("PENDING_APPLE_RELEASE", "IN_REVIEW", 7)]));
    let times = Times::of(&[waiting(50), waiting(40), missed, reviewed(10, 20)]);
    assert_eq!((times.waiting_since, times.in_review_since), (Some(at(40)), Some(at(7))));
    assert_eq!((times.waiting, times.versions), (Median { seconds: Some(600), rounds: 1 }, 4));
    check_spent(&waiting(5).waiting, 0, 0, false);
    check_spent(&waiting(5).in_review, 0, 0, true);
}
