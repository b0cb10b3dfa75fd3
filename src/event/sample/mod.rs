//! A valid notification of every kind and state, in exactly the shape that Apple documents for it.
//!
//! For sending to a receiver, ours or another, and for tests. Ids and times are given, or the same every time: nothing here is
//! random, and nothing reads the clock.
//!
//! ```
//! use asc_webhooks::event::{EventKind, sample};
//!
//! let event = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").event()?;
//! assert_eq!(event.state(), Some("REJECTED"));
//! # Ok::<(), asc_webhooks::event::NotAnEvent>(())
//! ```

mod xcode_cloud;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Event, NotAnEvent,
    kind::{EventKind, FamilyName},
    state::{
        AppVersionState, BackgroundAssetVersionAppStoreReleaseState, BackgroundAssetVersionExternalBetaReleaseState,
        BackgroundAssetVersionState, BuildRunProgress, BuildRunResult, BuildUploadState, ExternalBetaState,
    },
};

/// A sample of a kind.
pub fn of(kind: &EventKind) -> Sample {
    Sample {
        kind: kind.clone(),
        id: None,
        time: None,
        state: None,
        previous_state: None,
        subject_id: None,
        app_id: None,
        edits: Vec::new(),
    }
}

/// A sample of every kind in each of its states and in one that is not known yet, and one of a kind that is not known yet.
pub fn every() -> impl Iterator<Item = Sample> {
    let kinds = EventKind::ALL.iter().cloned().chain([EventKind::from("appClipMoodUpdated")]);
    kinds.flat_map(|kind| match states(&kind) {
        [] => vec![of(&kind)],
        known => known.iter().chain(&["BRAND_NEW_STATE"]).map(|state| of(&kind).state(*state)).collect(),
    })
}

/// Every state that a kind can tell of, as Apple writes them; none for kinds that tell of no state.
pub fn states(kind: &EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::AppStoreVersionAppVersionStateUpdated => AppVersionState::WORDS,
        EventKind::BuildUploadStateUpdated => BuildUploadState::WORDS,
        EventKind::BuildBetaDetailExternalBuildStateUpdated => ExternalBetaState::WORDS,
        EventKind::BackgroundAssetVersionStateUpdated => BackgroundAssetVersionState::WORDS,
        EventKind::BackgroundAssetVersionExternalBetaReleaseStateUpdated => BackgroundAssetVersionExternalBetaReleaseState::WORDS,
        EventKind::BackgroundAssetVersionAppStoreReleaseStateUpdated => BackgroundAssetVersionAppStoreReleaseState::WORDS,
        EventKind::XcodeCloudBuildCreated | EventKind::XcodeCloudBuildStarted => BuildRunProgress::WORDS,
        EventKind::XcodeCloudBuildCompleted => BuildRunResult::WORDS,
        _ => &[],
    }
}

/// A notification in the making.
#[derive(Clone, Debug)]
#[must_use]
pub struct Sample {
    kind: EventKind,
    id: Option<String>,
    time: Option<Timestamp>,
    state: Option<String>,
    previous_state: Option<String>,
    subject_id: Option<String>,
    app_id: Option<String>,
    edits: Vec<(String, Option<Value>)>,
}

impl Sample {
    /// Sets the state now. Any text will do, because a new state of Apple's is worth trying too. Without effect on kinds that tell of
    /// no state.
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// Sets the state before. Otherwise it is one that usually comes before the state now, for kinds that Apple documents with one.
    pub fn previous_state(mut self, state: impl Into<String>) -> Self {
        self.previous_state = Some(state.into());
        self
    }

    /// Sets the id of the event; for a kind of Xcode Cloud that of the build, of which the event's is made.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets when it happened. Also adds a time to a kind that Apple documents without one.
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets the id of the subject. Without effect on kinds that have none.
    pub fn subject_id(mut self, id: impl Into<String>) -> Self {
        self.subject_id = Some(id.into());
        self
    }

    /// Sets the id of the app. Without effect on kinds that do not name it, which are most.
    pub fn app_id(mut self, id: impl Into<String>) -> Self {
        self.app_id = Some(id.into());
        self
    }

    /// Puts a value at a place below `data`, for example at `attributes.newValue`; for a kind of Xcode Cloud, which has no `data`, for
    /// example at `ciWorkflow.attributes.name`.
    pub fn set(mut self, path: impl Into<String>, value: Value) -> Self {
        self.edits.push((path.into(), Some(value)));
        self
    }

    /// Takes away what is at such a place.
    pub fn without(mut self, path: impl Into<String>) -> Self {
        self.edits.push((path.into(), None));
        self
    }

    /// The event that a receiver makes of the notification.
    ///
    /// # Errors
    /// When it is none, which only [`set`](Self::set) and [`without`](Self::without) bring about.
    pub fn event(&self) -> Result<Event, NotAnEvent> {
        if self.kind.family().is_unsigned() { Event::parse_xcode_cloud(self.body()) } else { Event::parse(self.body()) }
    }

    /// The notification.
    pub fn body(&self) -> Bytes {
        if self.kind.family() == FamilyName::XcodeCloud {
            return self.edited(xcode_cloud::document(self)).to_string().into();
        }
        let mut data = Map::new();
        data.insert("type".into(), self.kind.as_str().into());
        data.insert("id".into(), self.id.as_deref().unwrap_or("5e0c1a7e-0000-4000-8000-000000000001").into());
        let mut attributes = Map::new();
        match self.kind.family() {
            FamilyName::Marketplace => {
                data.insert("version".into(), 1.into());
                data.insert("timestamp".into(), self.time_or_usual().into());
                self.describe_marketplace(&mut attributes);
            }
            family => {
                if family != FamilyName::BackgroundAsset {
                    data.insert("version".into(), 1.into());
                }
                if family != FamilyName::BuildUpload || self.time.is_some() {
                    attributes.insert("timestamp".into(), self.time_or_usual().into());
                }
                self.describe_state(&mut attributes);
                if family == FamilyName::AlternativeDistribution {
                    self.describe_distribution(&mut attributes);
                }
                let relationships = self.relationships();
                if !relationships.is_empty() {
                    data.insert("relationships".into(), relationships.into());
                }
            }
        }
        data.insert("attributes".into(), attributes.into());
        json!({ "data": self.edited(Value::Object(data)) }).to_string().into()
    }

    fn edited(&self, mut document: Value) -> Value {
        for (path, value) in &self.edits {
            edit(&mut document, path, value.clone());
        }
        document
    }

    fn describe_state(&self, attributes: &mut Map<String, Value>) {
        let Some((from, to, usual)) = state_of(&self.kind) else { return };
        let state = self.state.as_deref().unwrap_or(usual);
        attributes.insert(to.into(), state.into());
        // Apple documents no state before for build uploads.
        let before = (self.kind != EventKind::BuildUploadStateUpdated).then(|| usually_before(&self.kind, state)).flatten();
        if let Some(previous) = self.previous_state.as_deref().or(before) {
            attributes.insert(from.into(), previous.into());
        }
    }

    fn describe_distribution(&self, attributes: &mut Map<String, Value>) {
        attributes.insert("appId".into(), self.app_id_or_usual().into());
        if self.kind != EventKind::AlternativeDistributionPackageVersionCreated {
            attributes.insert("available".into(), true.into());
            attributes.insert("territories".into(), json!(["DEU", "FRA", "NLD"]));
        }
    }

    fn describe_marketplace(&self, attributes: &mut Map<String, Value>) {
        attributes.insert("appId".into(), self.app_id_or_usual().into());
        attributes.insert("marketplaceAppId".into(), MARKETPLACE_APP_ID.into());
        attributes.insert("eventTimestamp".into(), self.time_or_usual().into());
        let package = self.subject_id.as_deref().unwrap_or(SUBJECT_ID);
        match self.kind {
            EventKind::AlternativeDistributionPackageVersionAvailable => {
                attributes.insert("alternativeDistributionPackageId".into(), package.into());
                attributes.insert("alternativeDistributionPackageVersionId".into(), "5e0c1a7e-0000-4000-8000-000000000003".into());
                attributes.insert("alternativeDistributionPackageVersionNum".into(), "1".into());
            }
            EventKind::AppVersionsUnavailable => {
                attributes.insert("alternativeDistributionPackageIds".into(), json!([package]));
            }
            _ => {}
        }
    }

    fn relationships(&self) -> Map<String, Value> {
        let mut relationships = Map::new();
        let family = self.kind.family();
        if let Some(resource) = subject_of(&self.kind) {
            let id = self.subject_id.as_deref().unwrap_or(SUBJECT_ID);
            let links = json!({ "self": format!("https://api.appstoreconnect.apple.com/v1/{resource}/{id}") });
            let instance = match family {
                FamilyName::BackgroundAsset => json!({ "type": resource, "id": id, "links": links }),
                FamilyName::BetaFeedback | FamilyName::AlternativeDistribution => {
                    json!({ "data": { "type": resource, "id": id }, "links": links })
                }
                _ => json!({ "data": { "type": resource, "id": id } }),
            };
            relationships.insert("instance".into(), instance);
        }
        if family == FamilyName::AlternativeDistribution {
            let links = json!({ "self": format!("https://api.appstoreconnect.apple.com/v1/apps/{MARKETPLACE_APP_ID}") });
            let app = json!({ "data": { "type": "apps", "id": MARKETPLACE_APP_ID }, "links": links });
            relationships.insert("marketplaceApp".into(), app);
        }
        relationships
    }

    fn time_or_usual(&self) -> String {
        self.time.map_or_else(|| "2026-03-02T09:30:00.125Z".to_owned(), |time| time.to_string())
    }

    fn app_id_or_usual(&self) -> &str {
        self.app_id.as_deref().unwrap_or("10000000001")
    }
}

const SUBJECT_ID: &str = "5e0c1a7e-0000-4000-8000-000000000002";
const MARKETPLACE_APP_ID: &str = "10000000002";

/// What Apple calls the state before and the state now of a kind, and a state for it to be in.
fn state_of(kind: &EventKind) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match kind {
        EventKind::AppStoreVersionAppVersionStateUpdated => ("oldValue", "newValue", "IN_REVIEW"),
        EventKind::BuildUploadStateUpdated => ("oldState", "newState", "COMPLETE"),
        EventKind::BuildBetaDetailExternalBuildStateUpdated => ("oldExternalBuildState", "newExternalBuildState", "BETA_APPROVED"),
        EventKind::BackgroundAssetVersionStateUpdated => ("oldState", "newState", "FAILED"),
        EventKind::BackgroundAssetVersionExternalBetaReleaseStateUpdated => ("oldState", "newState", "READY_FOR_TESTING"),
        EventKind::BackgroundAssetVersionAppStoreReleaseStateUpdated => ("oldState", "newState", "READY_FOR_DISTRIBUTION"),
        _ => return None,
    })
}

/// A state of this kind that a subject is often in before it comes into this one.
fn usually_before(kind: &EventKind, state: &str) -> Option<&'static str> {
    let candidates: &[&str] = match state {
        "READY_FOR_REVIEW" | "READY_FOR_BETA_SUBMISSION" => &["PREPARE_FOR_SUBMISSION", "PROCESSING"],
        "WAITING_FOR_REVIEW" => &["READY_FOR_REVIEW", "READY_FOR_BETA_SUBMISSION"],
        "IN_REVIEW" | "DEVELOPER_REJECTED" => &["WAITING_FOR_REVIEW"],
        "ACCEPTED"
        | "REJECTED"
        | "METADATA_REJECTED"
        | "PENDING_APPLE_RELEASE"
        | "PENDING_DEVELOPER_RELEASE"
        | "PROCESSING_FOR_TESTING" => &["IN_REVIEW"],
        "PROCESSING_FOR_DISTRIBUTION" => &["PENDING_DEVELOPER_RELEASE", "ACCEPTED"],
        "READY_FOR_DISTRIBUTION" => &["PROCESSING_FOR_DISTRIBUTION"],
        "REPLACED_WITH_NEW_VERSION" | "SUPERSEDED" => &["READY_FOR_DISTRIBUTION", "READY_FOR_TESTING"],
        "READY_FOR_TESTING" => &["PROCESSING_FOR_TESTING"],
        "PROCESSING" => &["AWAITING_UPLOAD"],
        "FAILED" | "COMPLETE" | "PROCESSING_EXCEPTION" | "MISSING_EXPORT_COMPLIANCE" => &["PROCESSING"],
        "IN_EXPORT_COMPLIANCE_REVIEW" => &["MISSING_EXPORT_COMPLIANCE"],
        "WAITING_FOR_BETA_REVIEW" => &["READY_FOR_BETA_SUBMISSION"],
        "IN_BETA_REVIEW" => &["WAITING_FOR_BETA_REVIEW"],
        "BETA_APPROVED" | "BETA_REJECTED" => &["IN_BETA_REVIEW"],
        "READY_FOR_BETA_TESTING" => &["BETA_APPROVED"],
        "IN_BETA_TESTING" => &["READY_FOR_BETA_TESTING"],
        "EXPIRED" => &["IN_BETA_TESTING"],
        _ => &["PREPARE_FOR_SUBMISSION"],
    };
    candidates.iter().copied().find(|candidate| *candidate != state && states(kind).contains(candidate))
}

/// The resource type of the subject of a kind.
fn subject_of(kind: &EventKind) -> Option<&'static str> {
    Some(match kind {
        EventKind::AppStoreVersionAppVersionStateUpdated => "appStoreVersions",
        EventKind::BuildUploadStateUpdated => "buildUploads",
        EventKind::BuildBetaDetailExternalBuildStateUpdated => "buildBetaDetails",
        EventKind::BetaFeedbackScreenshotSubmissionCreated => "betaFeedbackScreenshotSubmissions",
        EventKind::BetaFeedbackCrashSubmissionCreated => "betaFeedbackCrashSubmissions",
        EventKind::BackgroundAssetVersionStateUpdated => "backgroundAssetVersions",
        EventKind::BackgroundAssetVersionInternalBetaReleaseCreated => "backgroundAssetVersionInternalBetaReleases",
        EventKind::BackgroundAssetVersionExternalBetaReleaseStateUpdated => "backgroundAssetVersionExternalBetaReleases",
        EventKind::BackgroundAssetVersionAppStoreReleaseStateUpdated => "backgroundAssetVersionAppStoreReleases",
        EventKind::AlternativeDistributionPackageVersionCreated => "alternativeDistributionPackageVersions",
        EventKind::AlternativeDistributionPackageAvailableUpdated => "alternativeDistributionPackages",
        kind if kind.family() == FamilyName::XcodeCloud => "ciBuildRuns",
        _ => return None,
    })
}

/// Puts a value at a place, or takes away what is there. What stands in the way of the path becomes an object.
fn edit(object: &mut Value, path: &str, value: Option<Value>) {
    if !object.is_object() {
        *object = json!({});
    }
    let Some(members) = object.as_object_mut() else { return };
    match (path.split_once('.'), value) {
        (Some((first, rest)), value) => edit(members.entry(first).or_insert(Value::Null), rest, value),
        (None, Some(value)) => {
            members.insert(path.to_owned(), value);
        }
        (None, None) => {
            members.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_state_can_be_read() {
        for kind in EventKind::ALL {
            let event = of(kind).event().unwrap();
            assert_eq!((&event.kind, event.payload.family()), (kind, kind.family()));
            assert_eq!(event.subject.map(|subject| subject.kind), subject_of(kind).map(str::to_owned));
            assert_eq!(event.time.is_some(), *kind != EventKind::BuildUploadStateUpdated, "{kind}");
            for state in states(kind) {
                let event = of(kind).state(*state).event().unwrap();
                assert_eq!(event.state(), Some(*state));
                assert_ne!(event.previous_state(), Some(*state), "{kind} comes from where it is");
            }
        }
    }

    #[test]
    fn what_is_given_is_in_it() {
        let time: Timestamp = "2026-02-03T04:05:06.789Z".parse().unwrap();
        for kind in EventKind::ALL {
            let sample = of(kind).id("an-id").time(time).state("HERE").previous_state("THERE").app_id("42");
            let event = sample.clone().subject_id("it").event().unwrap();
            let is_of_xcode_cloud = kind.family() == FamilyName::XcodeCloud;
            if is_of_xcode_cloud {
                assert!(event.id.starts_with("it/BUILD_") && sample.event().unwrap().id.starts_with("an-id/"), "{}", event.id);
            } else {
                assert_eq!(event.id, "an-id");
            }
            assert_eq!(event.time, Some(time));
            let has_state = !states(kind).is_empty();
            assert_eq!(event.state(), has_state.then_some("HERE"));
            assert_eq!(event.previous_state(), (has_state && !is_of_xcode_cloud).then_some("THERE"));
            assert_eq!(event.subject.as_ref().map(|subject| subject.id.as_str()), subject_of(kind).map(|_| "it"));
            let names_app = kind.family() == FamilyName::AlternativeDistribution
                || kind.family() == FamilyName::Marketplace
                || is_of_xcode_cloud;
            assert_eq!(event.app_id(), names_app.then_some("42"));
        }
    }

    #[test]
    fn edits_reach_any_place() {
        let kind = EventKind::from("reviewSubmissionStateUpdated");
        let body = of(&kind)
            .set("attributes.newValue", json!("X"))
            .set("attributes.a.b", json!([1]))
            .without("attributes.timestamp")
            .body();
        let event = Event::parse(body).unwrap();
        assert_eq!((event.state(), event.time), (Some("X"), None));
        assert_eq!(event.attributes(), json!({"newValue": "X", "a": {"b": [1]}}));
    }
}
