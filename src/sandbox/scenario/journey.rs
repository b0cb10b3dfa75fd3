//! One telling of a scenario.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::{Scenario, Step};
use crate::{
    event::{
        AppVersionState, BackgroundAssetVersionAppStoreReleaseState as AppStoreState,
        BackgroundAssetVersionExternalBetaReleaseState as BetaState, BuildUploadState, EventKind, ExternalBetaState, sample,
    },
    sandbox::{
        catalog::{Catalog, FIRST_VERSION, MARKETPLACE, Reference, Relationship},
        seed::Seed,
        state::{Notice, State},
        stock::{self, Stock},
    },
};

/// Where a scenario has come to with one app.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Journey {
    app: Reference,
    subjects: BTreeMap<&'static str, Reference>,
    taken: usize,
}

/// What a step has to tell.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Told {
    /// Whose webhooks are to hear it.
    pub(in crate::sandbox) app: String,
    pub(in crate::sandbox) notice: Notice,
    /// Whether the scenario has come to its end.
    pub(in crate::sandbox) last: bool,
}

impl Journey {
    /// Takes the next step of a scenario with an app, from the beginning if it was told to its end before. None if there is no such
    /// app. `base` is where the sandbox can be reached.
    pub(in crate::sandbox) fn advance(
        state: &mut State,
        scenario: Scenario,
        app: &str,
        base: &str,
        now: Timestamp,
    ) -> Option<Told> {
        let app_reference = Reference::new("apps", app);
        state.catalog.find(&app_reference)?;
        let place = (scenario, app.to_owned());
        let mut journey = match state.journeys.remove(&place) {
            Some(journey) => journey,
            None => Self { subjects: begin(state, scenario, &app_reference, now), app: app_reference, taken: 0 },
        };
        let step = scenario.steps().get(journey.taken)?;
        journey.taken += 1;
        let mut told = journey.take(step, state, base, now);
        told.last = journey.taken == scenario.steps().len();
        if !told.last {
            state.journeys.insert(place, journey);
        }
        Some(told)
    }

    /// How many of its steps have been taken.
    pub(in crate::sandbox) fn taken(&self) -> usize {
        self.taken
    }

    fn take(&mut self, step: &Step, state: &mut State, base: &str, now: Timestamp) -> Told {
        let State { catalog, ids, .. } = state;
        match step {
            Step::Upload(to) => self.upload(to, catalog, ids),
            Step::Version(to) => {
                let version = self.subject("appStoreVersions");
                self.version(&version, to, catalog, ids, now)
            }
            Step::FormerVersion(to) => {
                let former = former_version(catalog, &self.app, &self.subject("appStoreVersions"));
                self.version(&former, to, catalog, ids, now)
            }
            Step::Beta(to) => self.beta(to, catalog, ids, now),
            Step::Screenshot | Step::Crash => self.feedback(matches!(step, Step::Crash), catalog, ids, base, now),
            Step::AssetFails => {
                let subject = self.subject("backgroundAssetVersions");
                catalog.set(&subject, "state", "FAILED");
                let kind = EventKind::BackgroundAssetVersionStateUpdated;
                let sample = sample::of(&kind).subject_id(&subject.id).state("FAILED").previous_state("PROCESSING").time(now);
                self.tell(kind, ids, sample, "background asset: PROCESSING → FAILED")
            }
            Step::AssetInternalBeta => self.asset_internal_beta(catalog, ids, now),
            Step::AssetExternalBeta(to) => self.asset_external_beta(to, catalog, ids, now),
            Step::AssetAppStore(to) => self.asset_app_store(to, catalog, ids, now),
            Step::PackageVersion => {
                let kind = EventKind::AlternativeDistributionPackageVersionCreated;
                let sample = sample::of(&kind).subject_id(self.subject("alternativeDistributionPackageVersions").id).time(now);
                self.tell_marketplace(kind, ids, sample, "package version created".to_owned())
            }
            Step::PackageAvailable(available) => {
                let kind = EventKind::AlternativeDistributionPackageAvailableUpdated;
                let subject = self.subject("alternativeDistributionPackages").id;
                let sample = sample::of(&kind).subject_id(subject).time(now).set("attributes.available", json!(available));
                self.tell_marketplace(kind, ids, sample, format!("package available: {available}"))
            }
            Step::TerritoriesAvailable(available) => {
                let kind = EventKind::AlternativeDistributionTerritoryAvailabilityUpdated;
                let sample = sample::of(&kind).time(now).set("attributes.available", json!(available));
                self.tell_marketplace(kind, ids, sample, format!("territories available: {available}"))
            }
            Step::MarketplaceVersionAvailable => {
                let kind = EventKind::AlternativeDistributionPackageVersionAvailable;
                let version = self.subject("alternativeDistributionPackageVersions").id;
                let sample = self.marketplace_sample(&kind, now);
                let sample = sample.set("attributes.alternativeDistributionPackageVersionId", json!(version));
                self.tell(kind, ids, sample, "package version available (marketplace webhook)")
            }
            Step::MarketplaceVersionsUnavailable => {
                let kind = EventKind::AppVersionsUnavailable;
                let sample = self.marketplace_sample(&kind, now);
                self.tell(kind, ids, sample, "package versions unavailable (marketplace webhook)")
            }
            Step::MarketplaceAppUnavailable => {
                let kind = EventKind::AppUnavailable;
                let sample = self.marketplace_sample(&kind, now);
                self.tell(kind, ids, sample, "app unavailable (marketplace webhook)")
            }
        }
    }

    fn upload(&self, to: &BuildUploadState, catalog: &mut Catalog, ids: &mut Seed) -> Told {
        let (upload, build) = (self.subject("buildUploads"), self.subject("builds"));
        let before = catalog.set(&upload, "state", json!({ "state": to.as_str(), "errors": [], "warnings": [], "infos": [] }));
        let before = before.and_then(|before| Some(before.get("state")?.as_str()?.to_owned())).unwrap_or_default();
        if *to == BuildUploadState::Complete {
            catalog.set(&build, "processingState", "VALID");
            catalog.set(&self.subject("buildBetaDetails"), "internalBuildState", "IN_BETA_TESTING");
            catalog.relate(&upload, "build", &build);
        }
        let kind = EventKind::BuildUploadStateUpdated;
        // Without a time, as Apple sends it.
        let sample = sample::of(&kind).subject_id(&upload.id).state(to.as_str()).previous_state(&before);
        self.tell(kind, ids, sample, format!("build upload: {before} → {to}"))
    }

    fn version(&self, version: &Reference, to: &AppVersionState, catalog: &mut Catalog, ids: &mut Seed, now: Timestamp) -> Told {
        let before = catalog.set(version, "appVersionState", to.as_str());
        catalog.set(version, "appStoreState", stock::legacy_state(to));
        let before = before.and_then(|before| before.as_str().map(str::to_owned)).unwrap_or_default();
        let number = catalog.find(version).and_then(|version| version.text("versionString")).unwrap_or_default();
        let summary = format!("version {number}: {before} → {to}");
        let kind = EventKind::AppStoreVersionAppVersionStateUpdated;
        let sample = sample::of(&kind).subject_id(&version.id).state(to.as_str()).previous_state(before).time(now);
        self.tell(kind, ids, sample, summary)
    }

    fn beta(&self, to: &ExternalBetaState, catalog: &mut Catalog, ids: &mut Seed, now: Timestamp) -> Told {
        let detail = self.subject("buildBetaDetails");
        let before = catalog.set(&detail, "externalBuildState", to.as_str());
        let before = before.and_then(|before| before.as_str().map(str::to_owned)).unwrap_or_default();
        let kind = EventKind::BuildBetaDetailExternalBuildStateUpdated;
        let sample = sample::of(&kind).subject_id(&detail.id).state(to.as_str()).previous_state(&before).time(now);
        self.tell(kind, ids, sample, format!("external testing: {before} → {to}"))
    }

    fn feedback(&self, crash: bool, catalog: &mut Catalog, ids: &mut Seed, base: &str, now: Timestamp) -> Told {
        let mut stock = Stock { catalog, ids, now };
        let (kind, subject, summary) = if crash {
            let subject = stock.crash(&self.subject("builds"));
            (EventKind::BetaFeedbackCrashSubmissionCreated, subject, "feedback with a crash")
        } else {
            let subject = stock.screenshot(&self.subject("builds"), base);
            (EventKind::BetaFeedbackScreenshotSubmissionCreated, subject, "feedback with a screenshot")
        };
        let sample = sample::of(&kind).subject_id(subject.id).time(now);
        self.tell(kind, ids, sample, summary)
    }

    fn asset_internal_beta(&mut self, catalog: &mut Catalog, ids: &mut Seed, now: Timestamp) -> Told {
        let asset = self.subject("backgroundAssets");
        self.subjects.extend(Stock { catalog, ids, now }.asset_version(&asset, "2", "COMPLETE"));
        let kind = EventKind::BackgroundAssetVersionInternalBetaReleaseCreated;
        let sample = sample::of(&kind).subject_id(self.subject("backgroundAssetVersionInternalBetaReleases").id).time(now);
        self.tell(kind, ids, sample, "background asset: with internal testers")
    }

    fn asset_external_beta(&self, to: &BetaState, catalog: &mut Catalog, ids: &mut Seed, now: Timestamp) -> Told {
        let subject = self.subject("backgroundAssetVersionExternalBetaReleases");
        catalog.set(&subject, "state", to.as_str());
        let kind = EventKind::BackgroundAssetVersionExternalBetaReleaseStateUpdated;
        let sample = sample::of(&kind).subject_id(subject.id).state(to.as_str()).time(now);
        self.tell(kind, ids, sample, format!("background asset, external testing: {to}"))
    }

    fn asset_app_store(&self, to: &AppStoreState, catalog: &mut Catalog, ids: &mut Seed, now: Timestamp) -> Told {
        let subject = self.subject("backgroundAssetVersionAppStoreReleases");
        catalog.set(&subject, "state", to.as_str());
        let kind = EventKind::BackgroundAssetVersionAppStoreReleaseStateUpdated;
        let sample = sample::of(&kind).subject_id(subject.id).state(to.as_str()).time(now);
        self.tell(kind, ids, sample, format!("background asset, App Store: {to}"))
    }

    fn marketplace_sample(&self, kind: &EventKind, now: Timestamp) -> sample::Sample {
        let package = self.subject("alternativeDistributionPackages").id;
        let sample = sample::of(kind).subject_id(package).app_id(&self.app.id).time(now);
        sample.set("attributes.marketplaceAppId", json!(MARKETPLACE.id))
    }

    /// Tells the marketplace's webhooks instead of the app's.
    fn tell_marketplace(&self, kind: EventKind, ids: &mut Seed, sample: sample::Sample, summary: String) -> Told {
        let link = format!("https://api.appstoreconnect.apple.com/v1/apps/{}", MARKETPLACE.id);
        let sample = sample.app_id(&self.app.id);
        let sample = sample.set("relationships.marketplaceApp.data.id", json!(MARKETPLACE.id));
        let sample = sample.set("relationships.marketplaceApp.links.self", json!(link));
        Told { app: MARKETPLACE.id.to_owned(), ..self.tell(kind, ids, sample, summary) }
    }

    fn tell(&self, kind: EventKind, ids: &mut Seed, sample: sample::Sample, summary: impl Into<String>) -> Told {
        let event_id = ids.uuid();
        let payload = sample.id(&event_id).body();
        let notice = Notice { kind, event_id, payload, summary: summary.into() };
        Told { app: self.app.id.clone(), notice, last: false }
    }

    /// The journey's own resource of a type. A scenario has in stock what its steps ask for.
    fn subject(&self, kind: &'static str) -> Reference {
        self.subjects.get(kind).cloned().unwrap_or_else(|| Reference::new(kind, ""))
    }
}

/// Makes what a scenario is about.
fn begin(state: &mut State, scenario: Scenario, app: &Reference, now: Timestamp) -> BTreeMap<&'static str, Reference> {
    let State { catalog, ids, builds, .. } = state;
    let mut stock = Stock { catalog, ids, now };
    match scenario {
        Scenario::Release | Scenario::Rejection | Scenario::Beta | Scenario::Feedback => {
            *builds += 1;
            let version = next_version(stock.catalog, app);
            let uploaded = scenario == Scenario::Feedback;
            let mut subjects = stock.build(app, &version, *builds, uploaded);
            if matches!(scenario, Scenario::Release | Scenario::Rejection) {
                subjects.extend(stock.version(app, &version, &subjects));
            }
            subjects
        }
        Scenario::Marketplace => stock.package(app),
        Scenario::BackgroundAssets => {
            let asset = stock.asset();
            let mut subjects = stock.asset_version(&asset, "1", "PROCESSING");
            subjects.insert(asset.kind, asset);
            subjects
        }
    }
}

/// The number after that of the app's newest version.
fn next_version(catalog: &Catalog, app: &Reference) -> String {
    let newest = versions(catalog, app).last().and_then(|version| catalog.find(&version)?.text("versionString"));
    let (major, minor) = newest.unwrap_or(FIRST_VERSION).split_once('.').unwrap_or(("1", "0"));
    format!("{major}.{}", minor.parse().unwrap_or(0_u32) + 1)
}

/// The version that is on the store, other than the one that has just come there.
fn former_version(catalog: &Catalog, app: &Reference, newest: &Reference) -> Reference {
    let on_the_store = |version: &Reference| {
        version != newest
            && catalog.find(version).and_then(|version| version.text("appVersionState")) == Some("READY_FOR_DISTRIBUTION")
    };
    versions(catalog, app).filter(on_the_store).last().unwrap_or_else(|| newest.clone())
}

fn versions(catalog: &Catalog, app: &Reference) -> impl Iterator<Item = Reference> {
    let of_app = catalog
        .of_kind("appStoreVersions")
        .filter(move |(_, version)| matches!(version.relationships.get("app"), Some(Relationship::One(of)) if of == app));
    of_app.map(|(_, version)| version.reference.clone())
}
