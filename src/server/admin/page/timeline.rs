//! The journeys of several versions, as a drawing: a lane for each, on one scale of time that begins when it was submitted.
//!
//! So versions can be compared, however far apart they were. What was not told is drawn as such: from the last moment that is known to the
//! next one. Only the geometry is worked out here; the template writes it as SVG, and the style gives it its colours. All that is drawn
//! stands in words in the table below it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::view::state_in_words;
use crate::{
    handler::message::{clean, cut, duration},
    review::{Journey, Phase},
};

const WIDTH: f64 = 480.0;
const LEFT: f64 = 116.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 6.0;
const LANE: f64 = 24.0;
const BAR: f64 = 14.0;
const FOOT: f64 = 24.0;

/// The least that can be seen of a stay.
const LEAST: f64 = 2.0;

/// How many letters of a version's name fit before its lane.
const LETTERS: usize = 14;

/// The most lines of the scale, besides that at zero.
const MOST_TICKS: i64 = 5;

/// The distances that the lines of the scale may have, in seconds: what people count in.
const STEPS: &[i64] = &[
    1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 1_728_000,
    4_320_000, 8_640_000, 17_280_000, 43_200_000,
];

/// A drawing.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    base: f64,
    bar: f64,
    lanes: Vec<Lane>,
    ticks: Vec<Tick>,
    /// Whether one goes on beyond the end of the scale.
    is_cut: bool,
    keys: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct Lane {
    /// The upper edge of its bars.
    y: f64,
    /// Where the letters stand.
    middle: f64,
    name: String,
    parts: Vec<Part>,
    /// Whether it goes on beyond the end of the scale.
    is_longer: bool,
}

#[derive(Debug, Serialize)]
struct Part {
    x: f64,
    width: f64,
    phase: &'static str,
    /// `In Review: 3 h 12 min`
    said: String,
}

#[derive(Debug, Serialize)]
struct Tick {
    at: f64,
    label: String,
}

/// What a colour means.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key {
    phase: &'static str,
    words: &'static str,
}

/// A part of a journey, in seconds since it began.
#[derive(Debug)]
struct Leg {
    from: i64,
    until: i64,
    phase: &'static str,
    said: String,
}

impl Timeline {
    /// Draws journeys with their names, as far as they have come by now; none if nothing of them can be drawn.
    pub(super) fn draw(journeys: &[(String, &Journey)], now: Timestamp) -> Option<Self> {
        let drawn: Vec<(&str, Vec<Leg>)> = journeys.iter().map(|(name, journey)| (name.as_str(), legs(journey, now))).collect();
        let length = |legs: &Vec<Leg>| legs.last().map_or(0, |leg| leg.until);
        let lengths: Vec<i64> = drawn.iter().map(|(_, legs)| length(legs)).collect();
        let end = end_of_scale(lengths)?;
        let at = |seconds: i64| LEFT + (WIDTH - LEFT - RIGHT) * share(seconds.min(end), end);
        let mut lanes = Vec::new();
        let mut y = TOP;
        for (name, legs) in &drawn {
            let is_longer = length(legs) > end;
            let parts = legs.iter().filter(|leg| leg.from <= end).map(|leg| Part {
                x: round(at(leg.from).min(WIDTH - RIGHT - LEAST)),
                width: round((at(leg.until) - at(leg.from)).max(LEAST)),
                phase: leg.phase,
                said: leg.said.clone(),
            });
            let middle = y + LANE / 2.0;
            lanes.push(Lane { y: middle - BAR / 2.0, middle, name: cut(name, LETTERS), parts: parts.collect(), is_longer });
            y += LANE;
        }
        let mut keys: Vec<Key> = KEYS.into_iter().map(|(phase, words)| Key { phase, words }).collect();
        keys.retain(|key| drawn.iter().any(|(_, legs)| legs.iter().any(|leg| leg.phase == key.phase)));
        let step = step_for(end);
        let ticks = (0..=end / step).map(|line| Tick { at: round(at(line * step)), label: label(line * step) });
        Some(Self {
            width: WIDTH,
            height: y + FOOT,
            left: LEFT,
            right: WIDTH - RIGHT,
            top: TOP,
            base: y,
            bar: BAR,
            is_cut: lanes.iter().any(|lane| lane.is_longer),
            lanes,
            ticks: ticks.collect(),
            keys,
        })
    }
}

/// What a class of parts means, in the order of a journey.
const KEYS: [(&str, &str); 9] = [
    ("preparing", "in preparation"),
    ("waiting", "waiting for review"),
    ("in-review", "in review"),
    ("rejected", "back with the developer"),
    ("pending", "waiting for release"),
    ("processing", "being processed"),
    ("out", "out or replaced"),
    ("unknown", "a state that this program does not know"),
    (UNTOLD, "nothing was told"),
];

/// The class of what is drawn where something was missed.
const UNTOLD: &str = "untold";

/// The class of what is drawn for a phase.
pub(super) fn class_of(phase: &Phase) -> &'static str {
    match phase {
        Phase::Preparing => "preparing",
        Phase::Waiting => "waiting",
        Phase::InReview => "in-review",
        Phase::Rejected => "rejected",
        Phase::Pending => "pending",
        Phase::Processing => "processing",
        Phase::Out | Phase::Over => "out",
        _ => "unknown",
    }
}

/// The parts of a journey from when it was first submitted, or first heard of if nobody told of that, until it came to its end.
fn legs(journey: &Journey, now: Timestamp) -> Vec<Leg> {
    let submitted = journey.stays.iter().position(|stay| stay.phase == Phase::Waiting && stay.since.is_some());
    let begin = submitted.or_else(|| journey.stays.iter().position(|stay| stay.since.is_some()));
    let arrived = journey.stays.iter().rposition(|stay| !stay.phase.is_end()).map_or(0, |last| last + 1);
    let drawn = begin.and_then(|begin| journey.stays.get(begin..=arrived.clamp(begin, journey.stays.len() - 1)));
    let Some((start, stays)) = drawn.and_then(|stays| Some((stays.first()?.since?, stays))) else { return Vec::new() };
    let seconds = |time: Timestamp| time.duration_since(start).as_secs().max(0);
    let mut legs: Vec<Leg> = Vec::new();
    let mut missed: Vec<String> = Vec::new();
    for (place, stay) in stays.iter().enumerate() {
        let state = state_in_words(&stay.state);
        let is_arrival = stay.phase.is_end() && place + 1 == stays.len();
        let until = match stay.since {
            Some(since) if is_arrival => Some(since),
            Some(since) if stay.is_present => Some(now.max(since)),
            None if stay.is_present => Some(now),
            _ => stay.until,
        };
        match (stay.since, until) {
            (Some(since), Some(until)) => {
                let so_far = if stay.is_present { " so far" } else { "" };
                let length = duration(until.duration_since(since));
                let said = if is_arrival { state } else { format!("{state}: {length}{so_far}") };
                legs.push(Leg { from: seconds(since), until: seconds(until), phase: class_of(&stay.phase), said });
            }
            (Some(since), None) => {
                legs.push(Leg { from: seconds(since), until: seconds(since), phase: UNTOLD, said: String::new() });
                missed = vec![state];
            }
            (None, until) => {
                missed.push(state);
                if let (Some(until), Some(leg)) = (until, legs.last_mut().filter(|leg| leg.phase == UNTOLD)) {
                    leg.until = seconds(until);
                    leg.said = format!("{}; when it changed was not told", missed.join(", then "));
                }
            }
        }
    }
    legs
}

/// How far the scale goes: to the end of the longest journey, but one that is out of all proportion does not make the others small.
fn end_of_scale(mut lengths: Vec<i64>) -> Option<i64> {
    lengths.retain(|length| *length > 0);
    lengths.sort_unstable();
    let usual = lengths.get(lengths.len().saturating_sub(1) * 3 / 4)?;
    Some(usual.saturating_mul(3).min(*lengths.last()?))
}

fn step_for(end: i64) -> i64 {
    STEPS.iter().copied().find(|step| end / step <= MOST_TICKS).unwrap_or_else(|| (end / MOST_TICKS).max(1))
}

fn label(seconds: i64) -> String {
    if seconds == 0 { "0".to_owned() } else { duration(SignedDuration::from_secs(seconds)) }
}

/// A name as it stands before a lane.
pub(super) fn name_of(journey: &Journey) -> String {
    let build = journey.build.as_ref().map(|build| format!(" ({build})")).unwrap_or_default();
    match &journey.version {
        Some(version) => clean(&format!("{version}{build}")),
        None => cut(&clean(&journey.subject_id), LETTERS),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing needs no more than three digits")]
fn share(part: i64, of: i64) -> f64 {
    part as f64 / of as f64
}

fn round(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::{
        ReceiptId, Source,
        history::{History, Step},
    };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + minute * 60).unwrap()
    }

    /// A journey of these states: the one that is left, the one that is entered, and when, in minutes.
    fn journey(told: &[(&str, &str, i64)]) -> Journey {
        let steps = (1..).zip(told).map(|(receipt, (left, state, minute))| Step {
            receipt: ReceiptId(receipt),
            state: (*state).to_owned(),
            previous_state: Some((*left).to_owned()),
            time: Some(at(*minute)),
            received_at: at(*minute),
            source: Source::Pushed,
        });
        Journey::of(&History {
            first: ReceiptId(1),
            endpoint: "my-app".into(),
            kind: "appStoreVersionAppVersionStateUpdated".into(),
            subject_id: "v1".into(),
            app: "my-app".into(),
            details: None,
            steps: steps.collect(),
            is_cut: false,
        })
    }

    fn draw(journeys: &[Journey], now: i64) -> Option<Timeline> {
        let named: Vec<_> = journeys.iter().map(|journey| ("2.3".to_owned(), journey)).collect();
        Timeline::draw(&named, at(now))
    }

    fn said(timeline: &Timeline) -> Vec<Vec<(&str, &str)>> {
        timeline.lanes.iter().map(|lane| lane.parts.iter().map(|part| (part.phase, part.said.as_str())).collect()).collect()
    }

    #[test]
    fn a_lane_begins_when_the_version_was_submitted() {
        let told = [
            ("PREPARE_FOR_SUBMISSION", "READY_FOR_REVIEW", 0),
            ("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", 5_000),
            ("WAITING_FOR_REVIEW", "IN_REVIEW", 5_600),
            ("IN_REVIEW", "READY_FOR_DISTRIBUTION", 5_800),
        ];
        let timeline = draw(&[journey(&told)], 99_000).unwrap();
        let expected =
            [("waiting", "Waiting for Review: 10 h"), ("in-review", "In Review: 3 h 20 min"), ("out", "Ready for Distribution")];
        assert_eq!(said(&timeline), [expected]);
        let [waiting, in_review, out] = &timeline.lanes[0].parts[..] else { panic!("three parts") };
        assert!((waiting.x - LEFT).abs() < 0.1 && (in_review.x - LEFT - waiting.width).abs() < 0.2);
        assert!((waiting.width - 3.0 * in_review.width).abs() < 0.5, "as long as it took");
        assert!((out.width - LEAST).abs() < 0.1 && out.x + out.width <= WIDTH - RIGHT + 0.1);
        assert_eq!(timeline.ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>(), ["0", "3 h", "6 h", "9 h", "12 h"]);
        assert_eq!(timeline.keys.iter().map(|key| key.phase).collect::<Vec<_>>(), ["waiting", "in-review", "out"]);
    }

    #[test]
    fn how_long_it_has_been_out_is_not_drawn() {
        let told = [
            ("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", 0),
            ("WAITING_FOR_REVIEW", "READY_FOR_DISTRIBUTION", 60),
            ("READY_FOR_DISTRIBUTION", "REPLACED_WITH_NEW_VERSION", 90_000),
        ];
        let timeline = draw(&[journey(&told)], 99_000).unwrap();
        assert_eq!(said(&timeline), [[("waiting", "Waiting for Review: 1 h"), ("out", "Ready for Distribution")]]);
        // What was taken back and submitted again goes on.
        let again =
            [told[0], told[1], ("READY_FOR_DISTRIBUTION", "WAITING_FOR_REVIEW", 90), ("WAITING_FOR_REVIEW", "IN_REVIEW", 100)];
        assert_eq!(said(&draw(&[journey(&again)], 120).unwrap())[0].len(), 4);
    }

    #[test]
    fn what_is_under_way_goes_up_to_now() {
        let timeline = draw(&[journey(&[("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", 0)])], 90).unwrap();
        assert_eq!(said(&timeline), [[("waiting", "Waiting for Review: 1 h 30 min so far")]]);
        assert!((timeline.lanes[0].parts[0].width - (WIDTH - LEFT - RIGHT)).abs() < 0.1);
    }

    #[test]
    fn what_was_not_told_is_drawn_as_that() {
        let told =
            [("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", 0), ("IN_REVIEW", "REJECTED", 60), ("REJECTED", "WAITING_FOR_REVIEW", 90)];
        let timeline = draw(&[journey(&told)], 100).unwrap();
        let untold = "Waiting for Review, then In Review; when it changed was not told";
        let expected = [("untold", untold), ("rejected", "Rejected: 30 min"), ("waiting", "Waiting for Review: 10 min so far")];
        assert_eq!(said(&timeline), [expected]);
    }

    #[test]
    fn one_very_long_way_does_not_make_the_others_small() {
        let of = |minutes| journey(&[("", "WAITING_FOR_REVIEW", 0), ("WAITING_FOR_REVIEW", "READY_FOR_DISTRIBUTION", minutes)]);
        let timeline = draw(&[of(100), of(90), of(110), of(100), of(90_000)], 0).unwrap();
        let longer: Vec<bool> = timeline.lanes.iter().map(|lane| lane.is_longer).collect();
        assert_eq!(longer, [false, false, false, false, true]);
        assert!(timeline.lanes[0].parts[0].width > 100.0);
        assert!(timeline.lanes.iter().flat_map(|lane| &lane.parts).all(|part| part.x + part.width <= WIDTH - RIGHT + 0.1));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(draw(&[], 0).is_none());
        assert!(draw(&[journey(&[("IN_REVIEW", "READY_FOR_DISTRIBUTION", 0)])], 50).is_none(), "it has no length");
    }

    #[test]
    fn the_scale_has_few_lines_at_round_times() {
        let labels = |end: i64| (0..=end / step_for(end)).map(|line| label(line * step_for(end))).collect::<Vec<_>>().join(" ");
        let scales = [3, 45, 200, 4_000, 40_000, 100_000, 700_000, 9_000_000, 90_000_000].map(labels);
        insta::assert_snapshot!(scales.join("\n"));
    }
}
