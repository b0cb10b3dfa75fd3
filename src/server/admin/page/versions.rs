//! Versions: by app, each version's way through review, how long it took and takes as a rule, and its builds and TestFlight beside it.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::{
    Answer, Frame, Shared, render,
    timeline::{Timeline, class_of, name_of},
    view::{Moment, grouped, state_in_words},
};
use crate::{
    event::EventKind,
    handler::message::{clean, duration, text::platform},
    inbox::{ReceiptId, StoreError, history::HistoryFilter, query::PageRequest},
    review::{Journey, LAST, Median, Phase, Spent, Stay, Times},
    server::admin::{
        Desk,
        ask::{self, Fields},
    },
};

/// The most apps that are shown in full: those with the newest versions. The others are named.
const APPS: usize = 6;

/// The most apps that are named besides.
const MORE_APPS: usize = 60;

/// How many versions are shown of each.
const VERSIONS: usize = 8;

/// How many builds are shown of an app.
const BUILDS: usize = 10;

const VERSION: EventKind = EventKind::AppStoreVersionAppVersionStateUpdated;
const UPLOAD: EventKind = EventKind::BuildUploadStateUpdated;
const BETA: EventKind = EventKind::BuildBetaDetailExternalBuildStateUpdated;

/// What is shown of one app.
#[derive(Debug, Serialize)]
struct AppView {
    name: AppName,
    versions_of_rule: usize,
    waiting: Rule,
    in_review: Rule,
    timeline: Option<Timeline>,
    versions: Vec<JourneyView>,
    builds: Vec<BuildView>,
    newer: Option<String>,
    older: Option<String>,
}

#[derive(Debug, Serialize)]
struct AppName {
    said: String,
    link: String,
    /// Whether Apple has told the name.
    is_told: bool,
}

/// How long a phase takes as a rule, and has taken by now.
#[derive(Debug, Serialize)]
struct Rule {
    median: Option<String>,
    rounds: String,
    present: Option<Moment>,
}

#[derive(Debug, Serialize)]
struct JourneyView {
    name: String,
    platform: Option<String>,
    link: String,
    phase: &'static str,
    state: String,
    since: Option<Moment>,
    waiting: Option<String>,
    in_review: Option<String>,
    rounds: usize,
    stays: Vec<StayView>,
    is_cut: bool,
    first: i64,
}

#[derive(Debug, Serialize)]
struct StayView {
    state: String,
    phase: &'static str,
    since: Option<Moment>,
    until: Option<Moment>,
    length: Option<String>,
    receipt: Option<i64>,
    is_present: bool,
}

/// A build: its upload, and how it stands in TestFlight.
#[derive(Debug, Default, Serialize)]
struct BuildView {
    name: String,
    link: String,
    platform: Option<String>,
    upload: Option<JourneyView>,
    beta: Option<JourneyView>,
    #[serde(skip)]
    newest: i64,
}

pub(in super::super) async fn versions(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    fields.only(&["app", "before", "did", "count"])?;
    let before = ask::page(&fields)?.before;
    let all = desk.store.apps().await?;
    let chosen = fields.one("app");
    let shown: Vec<&str> = match chosen {
        Some(app) => vec![app],
        None => all.iter().map(String::as_str).take(APPS).collect(),
    };
    let mut apps = Vec::new();
    for app in &shown {
        apps.push(AppView::of(&desk, app, before).await?);
    }
    let mut more = Vec::new();
    for app in all.iter().filter(|app| !shown.contains(&app.as_str())).take(MORE_APPS) {
        let journeys = [journeys(&desk, &VERSION, app, None, 1).await?.0, journeys(&desk, &UPLOAD, app, None, 1).await?.0].concat();
        more.push(AppName::of(app, &journeys));
    }
    render(
        "versions.html",
        json!({
            "frame": Frame::of("versions", &request),
            "is_empty": all.is_empty(),
            "is_chosen": chosen.is_some(),
            "apps": apps,
            "more": more,
            "has_key": desk.apple.is_some(),
        }),
    )
}

/// A part of the journeys of an app, and where the next part begins.
async fn journeys(
    desk: &Desk,
    kind: &EventKind,
    app: &str,
    before: Option<ReceiptId>,
    limit: usize,
) -> Result<(Vec<Journey>, Option<ReceiptId>), StoreError> {
    let filter = HistoryFilter { kind: kind.as_str().to_owned(), app: Some(app.to_owned()) };
    let page = desk.store.histories(&filter, PageRequest { before, limit }).await?;
    Ok((page.items.iter().map(Journey::of).collect(), page.next))
}

impl AppView {
    async fn of(desk: &Desk, app: &str, before: Option<ReceiptId>) -> Result<Self, StoreError> {
        let now = desk.clock.now();
        let (newest, _) = journeys(desk, &VERSION, app, None, LAST).await?;
        let times = Times::of(&newest);
        let (shown, next) = if before.is_some() {
            journeys(desk, &VERSION, app, before, VERSIONS).await?
        } else {
            let shown = newest.get(..VERSIONS).unwrap_or(&newest);
            let next = shown.last().filter(|_| shown.len() < newest.len()).map(|last| last.first);
            (shown.to_vec(), next)
        };
        let (uploads, _) = journeys(desk, &UPLOAD, app, None, BUILDS).await?;
        let (betas, _) = journeys(desk, &BETA, app, None, BUILDS).await?;
        let named: Vec<(String, &Journey)> = shown.iter().map(|journey| (name_of(journey), journey)).collect();
        let name = AppName::of(app, &[&newest[..], &uploads, &betas].concat());
        Ok(Self {
            versions_of_rule: times.versions,
            waiting: Rule::of(desk, times.waiting, times.waiting_since),
            in_review: Rule::of(desk, times.in_review, times.in_review_since),
            timeline: Timeline::draw(&named, now),
            versions: shown.iter().map(|journey| JourneyView::of(desk, journey)).collect(),
            builds: builds(desk, &uploads, &betas),
            newer: before.map(|_| name.link.clone()),
            older: next.map(|next| link(app, Some(next))),
            name,
        })
    }
}

impl AppName {
    fn of(app: &str, journeys: &[Journey]) -> Self {
        let told = journeys.iter().find_map(|journey| journey.app_name.as_deref()).map(clean).filter(|name| !name.is_empty());
        Self { is_told: told.is_some(), said: told.unwrap_or_else(|| clean(app)), link: link(app, None) }
    }
}

fn link(app: &str, before: Option<ReceiptId>) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("app", app);
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    format!("/versions?{}", query.finish())
}

fn events_about(journey: &Journey) -> String {
    format!("/events?{}", Serializer::new(String::new()).append_pair("subject", &journey.subject_id).finish())
}

impl Rule {
    fn of(desk: &Desk, median: Median, since: Option<Timestamp>) -> Self {
        Self {
            median: median.seconds.map(|seconds| duration(SignedDuration::from_secs(seconds))),
            rounds: match median.rounds {
                1 => "1 round".to_owned(),
                rounds => format!("{} rounds", grouped(rounds as u64)),
            },
            present: since.map(|since| Moment::of(desk, since)),
        }
    }
}

impl JourneyView {
    fn of(desk: &Desk, journey: &Journey) -> Self {
        let present = journey.present();
        Self {
            name: name_of(journey),
            platform: journey.platform.as_deref().map(platform),
            link: events_about(journey),
            phase: present.map_or("unknown", |stay| class_of(&stay.phase)),
            state: present.map(|stay| state_in_words(&stay.state)).unwrap_or_default(),
            since: present.and_then(|stay| stay.since).map(|since| Moment::of(desk, since)),
            waiting: spent(desk, journey, &journey.waiting, &Phase::Waiting),
            in_review: spent(desk, journey, &journey.in_review, &Phase::InReview),
            rounds: journey.stays.iter().filter(|stay| stay.phase == Phase::InReview).count(),
            stays: journey.stays.iter().rev().map(|stay| StayView::of(desk, stay)).collect(),
            is_cut: journey.is_cut,
            first: journey.first.0,
        }
    }
}

impl StayView {
    fn of(desk: &Desk, stay: &Stay) -> Self {
        Self {
            state: state_in_words(&stay.state),
            phase: class_of(&stay.phase),
            since: stay.since.map(|since| Moment::of(desk, since)),
            until: stay.until.map(|until| Moment::of(desk, until)),
            length: stay.length().map(duration),
            receipt: stay.receipt.map(|receipt| receipt.0),
            is_present: stay.is_present,
        }
    }
}

/// What a version spent in a phase, in words; none if it was never in it.
fn spent(desk: &Desk, journey: &Journey, spent: &Spent, phase: &Phase) -> Option<String> {
    let present = journey.present().filter(|stay| stay.phase == *phase);
    let so_far = present.and_then(|stay| stay.since).map_or(SignedDuration::ZERO, |since| desk.clock.now().duration_since(since));
    let told = || duration(SignedDuration::from_secs(spent.seconds).saturating_add(so_far));
    let untold = journey.stays.iter().any(|stay| stay.phase == *phase && !stay.is_present && stay.length().is_none());
    match (present.is_some(), untold) {
        (true, _) => Some(format!("{} so far", told())),
        (false, true) if spent.rounds == 0 => Some("not told".to_owned()),
        (false, true) => Some(format!("at least {}", told())),
        (false, false) => (spent.rounds > 0).then(told),
    }
}

/// Uploads and TestFlight, put together where it is known that they are of one build; newest first.
fn builds(desk: &Desk, uploads: &[Journey], betas: &[Journey]) -> Vec<BuildView> {
    let key = |journey: &Journey| match (&journey.version, &journey.build) {
        (Some(version), Some(build)) => (version.clone(), build.clone(), journey.platform.clone()),
        _ => (journey.kind.as_str().to_owned(), journey.subject_id.clone(), None),
    };
    let mut builds: BTreeMap<_, BuildView> = BTreeMap::new();
    for journey in uploads.iter().chain(betas) {
        let build = builds.entry(key(journey)).or_default();
        build.name = name_of(journey);
        build.link = events_about(journey);
        build.platform = journey.platform.as_deref().map(platform);
        build.newest = journey.first.0.max(build.newest);
        let place = if journey.kind == UPLOAD { &mut build.upload } else { &mut build.beta };
        // A build that was uploaded twice stands for its newest upload.
        place.get_or_insert_with(|| JourneyView::of(desk, journey));
    }
    let mut builds: Vec<BuildView> = builds.into_values().collect();
    builds.sort_by_key(|build| -build.newest);
    builds.truncate(BUILDS);
    builds
}
