//! Putting new things into the catalogue: builds, versions, feedback, packages, assets, each with what Apple keeps beside it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    catalog::{Catalog, Reference, Resource},
    seed::Seed,
};
use crate::event::AppVersionState;

/// Where new things come from and go.
#[derive(Debug)]
pub(super) struct Stock<'s> {
    pub(super) catalog: &'s mut Catalog,
    pub(super) ids: &'s mut Seed,
    pub(super) now: Timestamp,
}

type Subjects = BTreeMap<&'static str, Reference>;

impl Stock<'_> {
    /// A build of a version, its upload, and its place in TestFlight. Its upload is over if `uploaded`.
    pub(super) fn build(&mut self, app: &Reference, version: &str, number: u32, uploaded: bool) -> Subjects {
        let (upload_state, processing, internal) =
            if uploaded { ("COMPLETE", "VALID", "IN_BETA_TESTING") } else { ("AWAITING_UPLOAD", "PROCESSING", "PROCESSING") };
        let external = if uploaded { "IN_BETA_TESTING" } else { "PROCESSING" };
        let now = self.now.to_string();
        let pre_release = Resource::new("preReleaseVersions", self.ids.uuid(), json!({ "version": version, "platform": "IOS" }));
        let pre_release = self.catalog.add(pre_release.one("app", app));

        // An upload and the build that comes out of it have one id, as others have observed with Apple.
        let id = self.ids.uuid();
        let (upload, build) = (Reference::new("buildUploads", &id), Reference::new("builds", &id));
        let detail = Reference::new("buildBetaDetails", self.ids.uuid());
        self.catalog.add(Resource::new(
            upload.kind,
            &id,
            json!({
                "cfBundleShortVersionString": version,
                "cfBundleVersion": number.to_string(),
                "platform": "IOS",
                "createdDate": now,
                "uploadedDate": now,
                "state": { "state": upload_state, "errors": [], "warnings": [], "infos": [] },
            }),
        ));
        if uploaded {
            self.catalog.relate(&upload, "build", &build);
        }
        let resource = Resource::new(
            build.kind,
            &id,
            json!({
                "version": number.to_string(),
                "uploadedDate": now,
                "expirationDate": self.later(90),
                "expired": false,
                "minOsVersion": "18.0",
                "processingState": processing,
                "usesNonExemptEncryption": false,
            }),
        );
        let resource = resource.one("app", app).one("preReleaseVersion", &pre_release).many("betaGroups", &[]);
        self.catalog.add(resource.one("buildBetaDetail", &detail).one("buildUpload", &upload));
        let resource = Resource::new(
            detail.kind,
            &detail.id,
            json!({ "autoNotifyEnabled": true, "internalBuildState": internal, "externalBuildState": external }),
        );
        self.catalog.add(resource.one("build", &build));
        by_kind([pre_release, upload, build, detail])
    }

    /// A version that is being prepared, with the build among `subjects`.
    pub(super) fn version(&mut self, app: &Reference, number: &str, subjects: &Subjects) -> Subjects {
        let resource = Resource::new(
            "appStoreVersions",
            self.ids.uuid(),
            json!({
                "platform": "IOS",
                "versionString": number,
                "appStoreState": "PREPARE_FOR_SUBMISSION",
                "appVersionState": "PREPARE_FOR_SUBMISSION",
                "copyright": "2026 Example Ltd",
                "reviewType": "APP_STORE",
                "releaseType": "MANUAL",
                "downloadable": true,
                "createdDate": self.now.to_string(),
            }),
        );
        let build = subjects.get("builds").cloned();
        let resource = build.iter().fold(resource.one("app", app), |resource, build| resource.one("build", build));
        let version = self.catalog.add(resource);
        if let Some(build) = &build {
            self.catalog.relate(build, "appStoreVersion", &version);
        }
        by_kind([version])
    }

    /// What a tester wrote on a screenshot.
    pub(super) fn screenshot(&mut self, build: &Reference, base: &str) -> Reference {
        let mut attributes = self.feedback("The harbour map is cut off on the right when I turn the phone.");
        attributes["screenshots"] = json!([{
            "url": format!("{base}/sandbox/screenshot.png"),
            "width": 1179,
            "height": 2556,
            "expirationDate": self.later(7),
        }]);
        let (id, tester) = (self.ids.feedback_id(), self.tester());
        let resource = Resource::new("betaFeedbackScreenshotSubmissions", id, attributes);
        self.catalog.add(resource.one("build", build).one("tester", &tester))
    }

    /// What a tester wrote about a crash, and its log.
    pub(super) fn crash(&mut self, build: &Reference) -> Reference {
        let attributes = self.feedback("It closed when I tapped on Tides.");
        let (id, tester) = (self.ids.feedback_id(), self.tester());
        let log = Resource::new("betaCrashLogs", &id, json!({ "logText": CRASH_LOG }));
        let log = self.catalog.add(log);
        let resource = Resource::new("betaFeedbackCrashSubmissions", id, attributes);
        self.catalog.add(resource.one("build", build).one("tester", &tester).apart("crashLog", &log))
    }

    /// A package for alternative distribution, with its first version.
    pub(super) fn package(&mut self, app: &Reference) -> Subjects {
        let (package, version) = (self.ids.uuid(), self.ids.uuid());
        let package = Reference::new("alternativeDistributionPackages", package);
        let resource = Resource::new(
            "alternativeDistributionPackageVersions",
            version,
            json!({
                "version": "1",
                "url": format!("https://example.com/packages/{}/1", package.id),
                "urlExpirationDate": self.later(1),
                "fileChecksum": "0".repeat(64),
                "state": "COMPLETED",
            }),
        );
        let version = self.catalog.add(resource.one("alternativeDistributionPackage", &package));
        let checksum = json!({ "sourceFileChecksum": { "file": { "hash": "0".repeat(64) } } });
        let resource = Resource::new(package.kind, &package.id, checksum);
        self.catalog.add(resource.many("versions", std::slice::from_ref(&version)));
        let on_the_store = Reference::new("appStoreVersions", format!("{}-{}", app.id, super::catalog::FIRST_VERSION));
        self.catalog.relate(&on_the_store, "alternativeDistributionPackage", &package);
        by_kind([package, version])
    }

    /// A background asset.
    pub(super) fn asset(&mut self) -> Reference {
        let id = self.ids.uuid();
        self.catalog.add(Resource::new("backgroundAssets", id, json!({ "assetPackIdentifier": "com.example.charts" })))
    }

    /// A version of a background asset, and the three ways in which it is released.
    pub(super) fn asset_version(&mut self, asset: &Reference, number: &str, state: &str) -> Subjects {
        let version = Reference::new("backgroundAssetVersions", self.ids.uuid());
        let mut release = |kind, state| {
            let resource = Resource::new(kind, self.ids.uuid(), json!({ "state": state }));
            self.catalog.add(resource.one("backgroundAssetVersion", &version))
        };
        let internal = release("backgroundAssetVersionInternalBetaReleases", "READY_FOR_TESTING");
        let external = release("backgroundAssetVersionExternalBetaReleases", "PROCESSING_FOR_TESTING");
        let app_store = release("backgroundAssetVersionAppStoreReleases", "PROCESSING_FOR_DISTRIBUTION");
        let details = json!({ "errors": [], "warnings": [], "infos": [] });
        let resource = Resource::new(
            version.kind,
            &version.id,
            json!({
                "version": number,
                "platforms": ["IOS"],
                "state": state,
                "stateDetails": details,
                "createdDate": self.now.to_string(),
            }),
        );
        let resource = resource.one("backgroundAsset", asset).one("internalBetaRelease", &internal);
        self.catalog.add(resource.one("externalBetaRelease", &external).one("appStoreRelease", &app_store));
        by_kind([version, internal, external, app_store])
    }

    fn tester(&mut self) -> Reference {
        let tester = json!({ "firstName": "Robin", "lastName": "Example", "email": "robin@example.com", "inviteType": "EMAIL" });
        let id = self.ids.uuid();
        self.catalog.add(Resource::new("betaTesters", id, tester))
    }

    fn feedback(&self, comment: &str) -> Value {
        json!({
            "createdDate": self.now.to_string(),
            "comment": comment,
            "email": "robin@example.com",
            "deviceModel": "iPhone17_1",
            "osVersion": "26.1",
            "locale": "en-GB",
            "timeZone": "Europe/London",
            "architecture": "arm64e",
            "connectionType": "WIFI",
            "appUptimeInMilliseconds": 48_200,
            "batteryPercentage": 71,
            "screenWidthInPoints": 393,
            "screenHeightInPoints": 852,
            "appPlatform": "IOS",
            "devicePlatform": "IOS",
            "deviceFamily": "IPHONE",
        })
    }

    fn later(&self, days: i64) -> String {
        self.now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(self.now).to_string()
    }
}

/// The state of a version by its older name, which Apple's API still gives beside the new one.
pub(super) fn legacy_state(state: &AppVersionState) -> &str {
    match state {
        AppVersionState::ReadyForDistribution => "READY_FOR_SALE",
        AppVersionState::ProcessingForDistribution => "PROCESSING_FOR_APP_STORE",
        same => same.as_str(),
    }
}

fn by_kind<const N: usize>(references: [Reference; N]) -> Subjects {
    references.into_iter().map(|reference| (reference.kind, reference)).collect()
}

const CRASH_LOG: &str = "\
Incident Identifier: 5E0C1A7E-0000-4000-8000-0000000000CA
Hardware Model:      iPhone17,1
Process:             Harbor [412]
OS Version:          iPhone OS 26.1

Exception Type:  EXC_BREAKPOINT (SIGTRAP)
Triggered by Thread:  0

Thread 0 Crashed:
0   Harbor    0x00000001044c8f10 TideTable.height(at:) + 212
1   Harbor    0x00000001044c9a04 TideView.body.getter + 88
";
