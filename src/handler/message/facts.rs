//! What is known about an event besides what its sentence says, most important first.

use jiff::SignedDuration;

use super::{
    Fact, Told, Voice,
    text::{clean, platform, row, words_of},
    voice, xcode_cloud,
};
use crate::event::{
    Payload,
    details::{Beta, Build, Feedback, Remark, Version},
};

/// The most remarks of Apple's that are told one by one.
const MOST_REMARKS: usize = 5;

/// A list of facts in the making. What is not known is left out.
pub(super) struct Facts(pub(super) Vec<Fact>);

impl Facts {
    pub(super) fn add(&mut self, name: &'static str, value: Option<String>) {
        self.0.extend(value.filter(|value| !value.is_empty()).map(|value| Fact { name, value }));
    }

    pub(super) fn text(&mut self, name: &'static str, value: Option<&str>) {
        self.add(name, value.map(clean));
    }

    fn word(&mut self, name: &'static str, value: Option<&str>) {
        self.add(name, value.map(words_of));
    }
}

pub(super) fn of(told: &Told<'_>, voice: &Voice) -> Vec<Fact> {
    let (event, details) = (told.event, told.details);
    let mut facts = Facts(Vec::new());
    // First of all: who reads it in the morning must not take last night's news for this morning's.
    facts.add("Received late", told.recovered.then(|| format!("fetched back from Apple at {}", voice.time(told.received_at))));
    let is_named = match &event.payload {
        Payload::XcodeCloud(build) => {
            xcode_cloud::facts(&mut facts, build);
            build.product.is_some()
        }
        _ => details.app_name().is_some(),
    };
    remarks(&mut facts, "Error", details.errors());
    facts.add("Before", before(told));
    if let Some(feedback) = &details.feedback {
        of_feedback(&mut facts, feedback);
    }
    if let Some(version) = &details.version {
        of_version(&mut facts, version, voice);
    }
    if let Some(beta) = &details.beta {
        of_beta(&mut facts, beta);
    }
    if let Some(build) = &details.build {
        of_build(&mut facts, build, voice);
    }
    let asset_warnings = details.asset.as_ref().map_or(&[][..], |asset| &asset.warnings);
    remarks(&mut facts, "Warning", asset_warnings);
    facts.text("Bundle id", details.app.as_ref().and_then(|app| app.bundle_id.as_deref()));
    if !is_named {
        facts.text("Endpoint", Some(told.endpoint));
        facts.text("App id", event.app_id());
        facts.text("About", event.subject.as_ref().map(|subject| format!("{} {}", subject.kind, subject.id)).as_deref());
    }
    match event.time {
        Some(time) => facts.add("Time", Some(voice.time(time))),
        // When it was received says little of when it happened, and nothing at all if that was late.
        None => facts.add("Received", (!told.recovered).then(|| voice.time(told.received_at))),
    }
    facts.0
}

/// `Waiting for Review for 1 d 4 h`
fn before(told: &Told<'_>) -> Option<String> {
    let until = told.event.time.or((!told.recovered).then_some(told.received_at))?;
    let spent = until.duration_since(told.since?);
    let state = words_of(told.event.previous_state()?);
    (spent > SignedDuration::ZERO).then(|| format!("{state} for {}", voice::duration(spent)))
}

fn of_version(facts: &mut Facts, version: &Version, voice: &Voice) {
    facts.word("Release", version.release_type.as_deref());
    facts.add("Not before", version.earliest_release_at.map(|time| voice.time(time)));
    facts.word("Review for", version.review_type.as_deref().filter(|review| *review != "APP_STORE"));
}

fn of_beta(facts: &mut Facts, beta: &Beta) {
    let groups: Vec<String> = beta.groups.iter().filter_map(|group| Some(clean(group.name.as_deref()?))).collect();
    facts.add("Test groups", Some(row(&groups)));
    facts.word("Internal testing", beta.internal_state.as_deref());
}

fn of_build(facts: &mut Facts, build: &Build, voice: &Voice) {
    remarks(facts, "Warning", &build.warnings);
    facts.add("Testing ends", build.expires_at.map(|time| voice.time(time)));
}

fn of_feedback(facts: &mut Facts, feedback: &Feedback) {
    facts.text("Device", feedback.device_model.as_deref());
    let system = feedback.platform.as_deref().map(platform).unwrap_or_default();
    facts.add("System", feedback.os_version.as_ref().map(|version| format!("{system} {}", clean(version)).trim().to_owned()));
    facts.text("Language", feedback.locale.as_deref());
    let connection = feedback.connection.as_deref().map(|word| if word == "WIFI" { "Wi-Fi".to_owned() } else { words_of(word) });
    facts.add("Connection", connection);
    facts.add("Battery", feedback.battery_percent.map(|percent| format!("{percent:.0} %")));
    facts.add("Free space", feedback.disk_available.map(|bytes| format!("{:.1} GB", gigabytes(bytes))));
    facts.text("Tester", feedback.email.as_deref());
}

fn remarks(facts: &mut Facts, name: &'static str, remarks: &[Remark]) {
    for remark in remarks.iter().take(MOST_REMARKS) {
        let (code, description) = (remark.code.as_deref().map(clean), remark.description.as_deref().map(clean));
        facts.add(name, Some([code, description].into_iter().flatten().collect::<Vec<_>>().join(": ")));
    }
    let more = remarks.len().saturating_sub(MOST_REMARKS);
    facts.add(name, (more > 0).then(|| format!("and {more} more")));
}

#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}
