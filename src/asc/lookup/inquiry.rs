//! Which requests bring what: a family of resources after the other.
//!
//! How requests are made is not said here, but in `lookup`; what they ask for is in `fields`, what an answer means in `reading`.

use std::sync::Arc;

use super::{
    Found, Lookup,
    fields::{APP, ASSET, BUILD, CRASH_LOG, FEEDBACK, PACKAGE, PACKAGE_VERSION, UPLOAD, VERSION},
    reading,
    resource::{Answered, LONGEST_TEXT, cut},
};
use crate::{
    asc::Error,
    event::{
        Event, MarketplaceChange, Payload,
        details::{App, Build, CrashLog, Details, File, Gap, Package, Why},
    },
};

/// The most pictures that are fetched for one event.
const MOST_PICTURES: usize = 10;

/// The most bytes of a crash log that are kept.
const LONGEST_LOG: usize = 16 * LONGEST_TEXT;

/// One lookup under way.
pub(super) struct Inquiry<'l> {
    lookup: &'l Lookup,
    event: &'l Event,
    so_far: &'l (dyn Fn(&Details) + Send + Sync),
    found: Found,
}

impl<'l> Inquiry<'l> {
    pub(super) fn new(lookup: &'l Lookup, event: &'l Event, so_far: &'l (dyn Fn(&Details) + Send + Sync)) -> Self {
        Self { lookup, event, so_far, found: Found::default() }
    }

    pub(super) fn end(mut self) -> Found {
        self.found.details.link = self.found.details.link_to(self.event);
        self.found
    }

    /// Asks by the type and the id that the event names.
    pub(super) async fn about_the_subject(&mut self) {
        let Some(subject) = &self.event.subject else {
            return self.take_marketplace();
        };
        let id = subject.id.as_str();
        match subject.kind.as_str() {
            "appStoreVersions" => self.version(id).await,
            "buildUploads" => self.upload(id).await,
            "builds" => self.build(&["v1", "builds", id]).await,
            "buildBetaDetails" => self.build(&["v1", "buildBetaDetails", id, "build"]).await,
            "betaFeedbackScreenshotSubmissions" => self.feedback("betaFeedbackScreenshotSubmissions", id).await,
            "betaFeedbackCrashSubmissions" => self.feedback("betaFeedbackCrashSubmissions", id).await,
            "backgroundAssetVersions" => self.asset(id).await,
            "backgroundAssetVersionInternalBetaReleases" => {
                self.asset_release("backgroundAssetVersionInternalBetaReleases", id).await;
            }
            "backgroundAssetVersionExternalBetaReleases" => {
                self.asset_release("backgroundAssetVersionExternalBetaReleases", id).await;
            }
            "backgroundAssetVersionAppStoreReleases" => self.asset_release("backgroundAssetVersionAppStoreReleases", id).await,
            "alternativeDistributionPackageVersions" => self.package_version(id).await,
            "alternativeDistributionPackages" => self.package(id).await,
            _ => {}
        }
    }

    /// Asks for the app, unless an answer has brought it along.
    pub(super) async fn about_the_app(&mut self, otherwise: Option<&str>) {
        let known = self.found.details.app.as_ref();
        if known.is_some_and(|app| app.name.is_some()) {
            return;
        }
        let id = known.map(|app| app.id.as_str()).or_else(|| self.event.app_id()).or(otherwise).map(str::to_owned);
        let Some(id) = id else { return };
        let lookup = self.lookup;
        let asked = lookup.apps.recall(&id, async {
            let answered = lookup.ask(&["v1", "apps", &id], APP).await?;
            Ok(answered.map(|answered| reading::app(&answered.data)))
        });
        let app = self.note("app", asked.await);
        self.found.details.app = Some(app.unwrap_or(App { id, ..App::default() }));
        self.tell();
    }

    async fn version(&mut self, id: &str) {
        let Some(answered) = self.ask("version", &["v1", "appStoreVersions", id], VERSION).await else { return };
        let version = reading::version(&answered.data);
        if let Some(build) = answered.included("builds") {
            let (number, platform) = (version.string.clone(), version.platform.clone());
            self.found.details.build = Some(Build { version: number, platform, ..reading::build(build) });
        }
        self.found.details.version = Some(version);
        self.take_app(&answered);
        self.tell();
    }

    async fn upload(&mut self, id: &str) {
        let Some(answered) = self.ask("build", &["v1", "buildUploads", id], UPLOAD).await else { return };
        let upload = reading::upload(&answered.data);
        self.found.details.build = Some(upload.clone());
        self.tell();
        let Some(build) = answered.data.related("build", "builds") else { return };
        let path = ["v1", "builds", build];
        let Some(answered) = self.ask("build", &path, BUILD).await else { return };
        self.take_build(&answered);
        if let Some(build) = &mut self.found.details.build {
            let Build { upload_state, errors, warnings, .. } = upload;
            *build = Build {
                version: build.version.take().or(upload.version),
                platform: build.platform.take().or(upload.platform),
                upload_state,
                errors,
                warnings,
                ..std::mem::take(build)
            };
        }
        self.tell();
    }

    async fn build(&mut self, path: &[&str]) {
        if let Some(answered) = self.ask("build", path, BUILD).await {
            self.take_build(&answered);
            self.tell();
        }
    }

    async fn feedback(&mut self, kind: &'static str, id: &str) {
        let is_crash = kind == "betaFeedbackCrashSubmissions";
        let more = if is_crash { "" } else { ",screenshots" };
        let email = if self.lookup.tester_email { ",email" } else { "" };
        let (name, fields) = (format!("fields[{kind}]"), format!("{FEEDBACK}{more}{email}"));
        let query = [("include", "build"), (name.as_str(), fields.as_str()), ("fields[builds]", "version")];
        let Some(answered) = self.ask("feedback", &["v1", kind, id], &query).await else { return };
        self.found.details.feedback = Some(reading::feedback(&answered.data));
        self.tell();
        if let Some(build) = answered.data.related("build", "builds") {
            self.remembered_build(build).await;
        }
        if is_crash {
            self.crash_log(kind, id).await;
        } else {
            self.pictures().await;
        }
    }

    /// The build behind feedback: many testers write about one.
    async fn remembered_build(&mut self, id: &str) {
        let lookup = self.lookup;
        let asked = lookup.builds.recall(id, async { Ok(lookup.ask(&["v1", "builds", id], BUILD).await?.map(Arc::new)) });
        if let Some(answered) = self.note("build", asked.await) {
            self.take_build(&answered);
            self.tell();
        }
    }

    async fn crash_log(&mut self, kind: &str, id: &str) {
        let answered = self.ask("crash_log", &["v1", kind, id, "crashLog"], CRASH_LOG).await;
        let log: Option<String> = answered.and_then(|answered| answered.data.read("logText"));
        if let (Some(feedback), Some(log)) = (&mut self.found.details.feedback, log) {
            let text = cut(&log, LONGEST_LOG).to_owned();
            feedback.crash_log = Some(CrashLog { is_cut: text.len() < log.len(), text });
            self.tell();
        }
    }

    async fn pictures(&mut self) {
        let shots = self.found.details.feedback.as_ref().map(|feedback| feedback.screenshots.clone()).unwrap_or_default();
        for (number, shot) in (1_usize..).zip(&shots).take(MOST_PICTURES) {
            let Some(url) = &shot.url else { continue };
            let Some(picture) = self.lookup.pictures.fetch(url).await else {
                self.gap("screenshot", Why::Unavailable);
                continue;
            };
            let name = format!("screenshot-{number}.{}", picture.format.ending());
            let media_type = picture.format.media_type().to_owned();
            let file = File { name: name.clone(), media_type, size: picture.bytes.len() as u64 };
            let places = self.found.details.feedback.as_mut().map(|feedback| &mut feedback.screenshots);
            if let Some(place) = places.and_then(|places| places.get_mut(number - 1)) {
                place.file = Some(file);
            }
            self.found.files.push((name, picture.bytes));
        }
    }

    async fn asset_release(&mut self, kind: &str, id: &str) {
        let query = [("include", "backgroundAssetVersion")];
        let Some(answered) = self.ask("asset", &["v1", kind, id], &query).await else { return };
        if let Some(version) = answered.data.related("backgroundAssetVersion", "backgroundAssetVersions") {
            self.asset(version).await;
        }
    }

    async fn asset(&mut self, id: &str) {
        let Some(answered) = self.ask("asset", &["v1", "backgroundAssetVersions", id], ASSET).await else { return };
        let pack = answered.included("backgroundAssets");
        self.found.details.asset = Some(reading::asset(&answered));
        if let Some(app) = pack.and_then(|pack| pack.related("app", "apps")) {
            self.found.details.app = Some(App { id: app.to_owned(), ..App::default() });
        }
        self.tell();
    }

    async fn package_version(&mut self, id: &str) {
        let path = ["v1", "alternativeDistributionPackageVersions", id];
        let Some(answered) = self.ask("package", &path, PACKAGE_VERSION).await else { return };
        let package = answered.data.related("alternativeDistributionPackage", "alternativeDistributionPackages");
        self.found.details.package = Some(Package { id: package.map(str::to_owned), ..reading::package(&answered.data) });
        self.tell();
    }

    async fn package(&mut self, id: &str) {
        let Some(answered) = self.ask("package", &["v1", "alternativeDistributionPackages", id], PACKAGE).await else { return };
        let mut versions = answered.all_included("alternativeDistributionPackageVersions").map(reading::package);
        // Apple documents no order. The one that counts is the one that none has replaced.
        let current = versions.find(|version| version.state.as_deref() == Some("COMPLETED")).unwrap_or_default();
        self.found.details.package = Some(Package { id: Some(answered.data.id.clone()), ..current });
        self.tell();
    }

    /// Marketplaces' older notifications have no subject; what they say themselves is all that can be known of the package.
    fn take_marketplace(&mut self) {
        let Payload::Marketplace(marketplace) = &self.event.payload else { return };
        if let MarketplaceChange::VersionAvailable { package_id, version_id, version_number } = &marketplace.change {
            let (id, version_id, version) = (package_id.clone(), version_id.clone(), version_number.clone());
            self.found.details.package = Some(Package { id, version_id, version, state: None });
        }
    }

    fn take_build(&mut self, answered: &Answered) {
        self.found.details.build = Some(reading::whole_build(answered));
        self.found.details.beta = Some(reading::beta(answered));
        self.take_app(answered);
    }

    fn take_app(&mut self, answered: &Answered) {
        if let Some(app) = answered.included("apps").map(reading::app) {
            self.lookup.apps.learn(&app.id, Some(app.clone()));
            self.found.details.app = Some(app);
        } else if let Some(id) = answered.data.related("app", "apps") {
            self.found.details.app = Some(App { id: id.to_owned(), ..App::default() });
        }
    }

    async fn ask(&mut self, what: &str, path: &[&str], query: &[(&str, &str)]) -> Option<Answered> {
        let asked = self.lookup.ask(path, query).await;
        self.note(what, asked)
    }

    /// What was asked for, or a gap.
    fn note<T>(&mut self, what: &str, asked: Result<Option<T>, Error>) -> Option<T> {
        match asked {
            Ok(None) => self.gap(what, Why::Gone),
            Ok(found) => return found,
            Err(error) => {
                let is_refused = matches!(error.status(), Some(401 | 403));
                self.gap(what, if is_refused { Why::Refused } else { Why::Unavailable });
                self.found.error.get_or_insert(error);
            }
        }
        None
    }

    fn gap(&mut self, what: &str, why: Why) {
        let gap = Gap { what: what.to_owned(), why };
        if !self.found.details.gaps.contains(&gap) {
            self.found.details.gaps.push(gap);
        }
    }

    fn tell(&mut self) {
        self.found.details.link = self.found.details.link_to(self.event);
        (self.so_far)(&self.found.details);
    }
}
