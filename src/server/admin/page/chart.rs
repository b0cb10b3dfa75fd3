//! Events per hour, as a drawing: bars, a scale that starts at zero, hours and days below.
//!
//! Only the geometry is worked out here; the template writes it as SVG, and the style gives it its colours.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Serialize;

use super::view::grouped;
use crate::inbox::query::Hour;

/// How many hours are shown: two days show whether last night was like the one before.
pub(super) const HOURS: i64 = 48;

const WIDTH: f64 = 480.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BASE: f64 = 130.0;
const HEIGHT: f64 = 168.0;

/// A drawing.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    base: f64,
    bars: Vec<Bar>,
    scale: Vec<Tick>,
    days: Vec<Tick>,
    total: String,
    most: String,
    zone: String,
}

#[derive(Debug, Serialize)]
struct Bar {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    /// `21:00: 12`
    said: String,
}

#[derive(Debug, Serialize)]
struct Tick {
    at: f64,
    label: String,
    /// The day, where one begins.
    day: Option<String>,
}

/// Since when receipts must be counted.
pub(super) fn since(now: Timestamp) -> Timestamp {
    beginning(now.checked_sub(SignedDuration::from_hours(HOURS - 1)).unwrap_or(Timestamp::MIN))
}

impl Chart {
    /// Draws the hours up to now.
    pub(super) fn draw(hours: &[Hour], now: Timestamp, zone: &TimeZone) -> Self {
        let first = since(now);
        let counts: Vec<(Timestamp, u64)> = (0..HOURS)
            .filter_map(|hour| first.checked_add(SignedDuration::from_hours(hour)).ok())
            .map(|begins| (begins, hours.iter().find(|hour| hour.begins_at == begins).map_or(0, |hour| hour.receipts)))
            .collect();
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or_default();
        let step = step_for(most);
        let top = most.div_ceil(step).max(1) * step;
        let high = |count: u64| round((BASE - TOP) * share(count, top));
        let slot = (WIDTH - LEFT - RIGHT) / f64::from(u32::try_from(counts.len().max(1)).unwrap_or(1));
        let (mut bars, mut days, mut x) = (Vec::new(), Vec::new(), LEFT);
        for (begins, count) in &counts {
            let local = begins.to_zoned(zone.clone());
            if local.hour() % 12 == 0 {
                let day = (local.hour() == 0).then(|| local.strftime("%-d %b").to_string());
                days.push(Tick { at: round(x), label: local.strftime("%H:%M").to_string(), day });
            }
            if *count > 0 {
                let said = format!("{}: {}", local.strftime("%-d %b, %H:%M"), grouped(*count));
                let height = high(*count).max(1.0);
                bars.push(Bar { x: round(x + slot * 0.12), y: round(BASE - height), width: round(slot * 0.76), height, said });
            }
            x += slot;
        }
        let scale = (0..=top / step).map(|line| line * step);
        Self {
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
            right: WIDTH - RIGHT,
            base: BASE,
            bars,
            scale: scale.map(|count| Tick { at: round(BASE - high(count)), label: grouped(count), day: None }).collect(),
            days,
            total: grouped(counts.iter().map(|(_, count)| count).sum()),
            most: grouped(most),
            zone: now.to_zoned(zone.clone()).strftime("%Z").to_string(),
        }
    }
}

/// The distance of the lines of the scale: 1, 2 or 5 and noughts, so that there are at most five.
fn step_for(most: u64) -> u64 {
    let steps = (0..=18).flat_map(|noughts| [1, 2, 5].map(|digit| digit * 10_u64.pow(noughts)));
    steps.into_iter().find(|step| most.div_ceil(*step) <= 4).unwrap_or(u64::MAX)
}

fn beginning(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(Hour::SECONDS)).unwrap_or(time)
}

#[expect(clippy::cast_precision_loss, reason = "a drawing needs no more than three digits")]
fn share(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}

fn round(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_few_lines_at_round_numbers() {
        let steps = [0, 1, 4, 5, 8, 9, 20, 21, 1_000, 4_001].map(step_for);
        assert_eq!(steps, [1, 1, 1, 2, 2, 5, 5, 10, 500, 2_000]);
    }

    #[test]
    fn a_bar_stands_at_its_hour_and_is_as_high_as_its_count() {
        let now: Timestamp = "2026-11-21T14:30:00Z".parse().unwrap();
        let hours = [("2026-11-21T14:00:00Z", 4), ("2026-11-19T15:00:00Z", 2), ("2026-11-19T14:00:00Z", 9)];
        let hours = hours.map(|(begins, receipts)| Hour { begins_at: begins.parse().unwrap(), receipts });
        let chart = Chart::draw(&hours, now, &TimeZone::UTC);
        assert_eq!((chart.bars.len(), chart.total.as_str(), chart.most.as_str()), (2, "6", "4"), "what is older is not shown");
        let [oldest, newest] = &chart.bars[..] else { panic!("two bars") };
        assert!(oldest.x < LEFT + 10.0 && newest.x > WIDTH - RIGHT - 10.0);
        assert!((newest.height - (BASE - TOP)).abs() < 0.1 && (newest.height - 2.0 * oldest.height).abs() < 0.1);
        assert_eq!(newest.said, "21 Nov, 14:00: 4");
        assert_eq!(chart.days.iter().filter_map(|tick| tick.day.as_deref()).collect::<Vec<_>>(), ["20 Nov", "21 Nov"]);
        assert_eq!(chart.scale.len(), 5);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let chart = Chart::draw(&[], "2026-11-21T14:30:00Z".parse().unwrap(), &TimeZone::get("Asia/Kolkata").unwrap());
        assert_eq!((chart.bars.len(), chart.scale.len(), chart.zone.as_str()), (0, 2, "IST"));
    }
}
