//! What is said about each kind of event and each state: how loud, and in which sentence.
//!
//! A state or a kind that this version does not know is told quietly, in Apple's own word.

use super::{
    Severity::{self, Good, Loud, Quiet},
    Told,
    text::{capitalized, clean, row, words_of},
    what::What,
    xcode_cloud,
};
use crate::event::{
    AlternativeDistribution, AppVersionState, Availability, BackgroundAsset,
    BackgroundAssetVersionAppStoreReleaseState as AssetOnStore, BackgroundAssetVersionExternalBetaReleaseState as AssetInBeta,
    BackgroundAssetVersionState as AssetState, BetaFeedback, BuildUploadState, DistributionChange, Event, EventKind,
    ExternalBetaState, MarketplaceChange, Payload,
};

/// What is said about an event.
pub(super) struct Saying {
    pub(super) severity: Severity,
    /// The end of the title.
    pub(super) news: String,
    /// The whole sentence.
    pub(super) sentence: String,
}

impl Saying {
    pub(super) fn of(told: &Told<'_>, what: &What) -> Self {
        match &told.event.payload {
            Payload::BetaFeedback(feedback) => of_feedback(*feedback, told, what),
            Payload::AlternativeDistribution(distribution) => of_distribution(distribution, what),
            Payload::Marketplace(marketplace) => of_marketplace(&marketplace.change, what),
            Payload::Ping(_) => {
                Self::new(Quiet, "ping", format!("The webhook of endpoint “{}” reaches this server.", clean(told.endpoint)))
            }
            Payload::BackgroundAsset(BackgroundAsset::InternalBeta) => {
                Self::new(Good, "Ready for Testing", format!("{} is ready for internal testers.", what.first()))
            }
            payload => {
                let known = of_state(&told.event.kind, payload, what);
                let (severity, sentence) = known.unwrap_or_else(|| (Quiet, of_unknown(told.event, what)));
                Self::new(severity, change(told.event), sentence)
            }
        }
    }

    fn new(severity: Severity, news: impl Into<String>, sentence: String) -> Self {
        Self { severity, news: news.into(), sentence }
    }
}

/// `In Review → Rejected`, as far as both are known.
fn change(event: &Event) -> String {
    match (event.previous_state(), event.state()) {
        (Some(from), Some(to)) => format!("{} → {}", words_of(from), words_of(to)),
        (None, Some(to)) => words_of(to),
        (Some(from), None) => format!("no longer {}", words_of(from)),
        (None, None) => words_of_kind(event),
    }
}

fn of_unknown(event: &Event, what: &What) -> String {
    match event.state() {
        Some(state) => format!("{} is now in the state “{}”.", what.first(), words_of(state)),
        None => format!("{}: App Store Connect says “{}”.", what.first(), words_of_kind(event)),
    }
}

/// The name of a kind as words: `buildUploadStateUpdated` is *build upload state updated*.
fn words_of_kind(event: &Event) -> String {
    let mut words = String::new();
    for letter in clean(event.kind.as_str()).chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn of_state(kind: &EventKind, payload: &Payload, what: &What) -> Option<(Severity, String)> {
    match payload {
        Payload::AppVersion(version) => app_version(version.change.to.as_ref()?, what),
        Payload::BuildUpload(upload) => build_upload(upload.change.to.as_ref()?, what),
        Payload::BuildBetaDetail(build) => external_beta(build.change.to.as_ref()?, what),
        Payload::BackgroundAsset(BackgroundAsset::State(change)) => asset(change.to.as_ref()?, what),
        Payload::BackgroundAsset(BackgroundAsset::ExternalBetaState(change)) => asset_in_beta(change.to.as_ref()?, what),
        Payload::BackgroundAsset(BackgroundAsset::AppStoreState(change)) => asset_on_store(change.to.as_ref()?, what),
        Payload::XcodeCloud(build) => xcode_cloud::saying(build, kind, &what.first(), &what.within()),
        _ => None,
    }
}

fn app_version(state: &AppVersionState, what: &What) -> Option<(Severity, String)> {
    let (first, within) = (what.first(), what.within());
    Some(match state {
        AppVersionState::PrepareForSubmission => (Quiet, format!("{first} is being prepared for submission.")),
        AppVersionState::ReadyForReview => (Quiet, format!("{first} can be submitted to App Review.")),
        AppVersionState::WaitingForExportCompliance => {
            (Quiet, format!("{first} waits for Apple to look at its export compliance."))
        }
        AppVersionState::WaitingForReview => (Quiet, format!("{first} waits for App Review.")),
        AppVersionState::InReview => (Quiet, format!("App Review is looking at {within}.")),
        AppVersionState::Accepted => (Good, format!("App Review accepted {within}.")),
        AppVersionState::PendingAppleRelease => (Good, format!("{first} is approved, and Apple will release it.")),
        AppVersionState::PendingDeveloperRelease => (Good, format!("{first} is approved and waits for you to release it.")),
        AppVersionState::ProcessingForDistribution => (Good, format!("Apple is getting {within} ready for the store.")),
        AppVersionState::ReadyForDistribution => (Good, format!("{first} is out.")),
        AppVersionState::ReplacedWithNewVersion => (Quiet, format!("A newer version took the place of {within}.")),
        AppVersionState::DeveloperRejected => (Quiet, format!("Your team took {within} out of review.")),
        AppVersionState::Rejected => (Loud, format!("App Review rejected {within}.")),
        AppVersionState::MetadataRejected => {
            (Loud, format!("App Review rejected the metadata of {within}; the build is not at fault."))
        }
        AppVersionState::InvalidBinary => (Loud, format!("Apple cannot use the build of {within}: a new one must be uploaded.")),
        AppVersionState::_Custom(_) => return None,
    })
}

fn build_upload(state: &BuildUploadState, what: &What) -> Option<(Severity, String)> {
    Some(match state {
        BuildUploadState::AwaitingUpload => (Quiet, format!("App Store Connect waits for the files of {}.", what.within())),
        BuildUploadState::Processing => (Quiet, format!("App Store Connect is processing {}.", what.within())),
        BuildUploadState::Complete => (Good, format!("{} is processed and can be tested.", what.first())),
        BuildUploadState::Failed => (Loud, format!("App Store Connect could not process {}.", what.within())),
        BuildUploadState::_Custom(_) => return None,
    })
}

fn external_beta(state: &ExternalBetaState, what: &What) -> Option<(Severity, String)> {
    let (first, within) = (what.first(), what.within());
    Some(match state {
        ExternalBetaState::Processing => (Quiet, format!("TestFlight is processing {within}.")),
        ExternalBetaState::ProcessingException => (Loud, format!("TestFlight could not process {within}.")),
        ExternalBetaState::MissingExportCompliance => {
            (Loud, format!("{first} cannot be tested before the questions of export compliance are answered."))
        }
        ExternalBetaState::InExportComplianceReview => (Quiet, format!("Apple is looking at the export compliance of {within}.")),
        ExternalBetaState::ReadyForBetaSubmission => (Quiet, format!("{first} can be submitted to Beta App Review.")),
        ExternalBetaState::WaitingForBetaReview => (Quiet, format!("{first} waits for Beta App Review.")),
        ExternalBetaState::InBetaReview => (Quiet, format!("Beta App Review is looking at {within}.")),
        ExternalBetaState::BetaApproved => (Good, format!("Beta App Review approved {within}.")),
        ExternalBetaState::BetaRejected => (Loud, format!("Beta App Review rejected {within}.")),
        ExternalBetaState::ReadyForBetaTesting => (Good, format!("{first} is ready for external testers.")),
        ExternalBetaState::InBetaTesting => (Good, format!("External testers have {within}.")),
        ExternalBetaState::Expired => (Quiet, format!("Testing of {within} has expired.")),
        ExternalBetaState::NotApplicable => (Quiet, format!("{first} is not for external testers.")),
        ExternalBetaState::_Custom(_) => return None,
    })
}

fn asset(state: &AssetState, what: &What) -> Option<(Severity, String)> {
    Some(match state {
        AssetState::AwaitingUpload => (Quiet, format!("App Store Connect waits for the files of {}.", what.within())),
        AssetState::Processing => (Quiet, format!("App Store Connect is checking {}.", what.within())),
        AssetState::Complete => (Good, format!("{} passed its check.", what.first())),
        AssetState::Failed => (Loud, format!("{} did not pass its check.", what.first())),
        AssetState::_Custom(_) => return None,
    })
}

fn asset_in_beta(state: &AssetInBeta, what: &What) -> Option<(Severity, String)> {
    let (first, within) = (what.first(), what.within());
    Some(match state {
        AssetInBeta::ReadyForBetaSubmission => (Quiet, format!("{first} can be submitted to Beta App Review.")),
        AssetInBeta::WaitingForReview => (Quiet, format!("{first} waits for Beta App Review.")),
        AssetInBeta::InReview => (Quiet, format!("Beta App Review is looking at {within}.")),
        AssetInBeta::Rejected => (Loud, format!("Beta App Review rejected {within}.")),
        AssetInBeta::ProcessingForTesting => (Good, format!("Apple is getting {within} ready for external testers.")),
        AssetInBeta::ReadyForTesting => (Good, format!("{first} is ready for external testers.")),
        AssetInBeta::Superseded => (Quiet, format!("A newer version took the place of {within} in testing.")),
        AssetInBeta::_Custom(_) => return None,
    })
}

fn asset_on_store(state: &AssetOnStore, what: &What) -> Option<(Severity, String)> {
    let (first, within) = (what.first(), what.within());
    Some(match state {
        AssetOnStore::PrepareForSubmission => (Quiet, format!("{first} is being prepared for submission.")),
        AssetOnStore::ReadyForReview => (Quiet, format!("{first} can be submitted to App Review.")),
        AssetOnStore::WaitingForReview => (Quiet, format!("{first} waits for App Review.")),
        AssetOnStore::InReview => (Quiet, format!("App Review is looking at {within}.")),
        AssetOnStore::Accepted => (Good, format!("App Review accepted {within}.")),
        AssetOnStore::Rejected => (Loud, format!("App Review rejected {within}.")),
        AssetOnStore::ProcessingForDistribution => (Good, format!("Apple is getting {within} ready for the store.")),
        AssetOnStore::ReadyForDistribution => (Good, format!("{first} is out.")),
        AssetOnStore::Superseded => (Quiet, format!("A newer version took the place of {within}.")),
        AssetOnStore::_Custom(_) => return None,
    })
}

fn of_feedback(feedback: BetaFeedback, told: &Told<'_>, what: &What) -> Saying {
    let device = told.details.feedback.as_ref().and_then(|feedback| feedback.device_model.as_deref());
    let on = device.map(|device| format!(" on {}", clean(device))).unwrap_or_default();
    match feedback {
        BetaFeedback::Screenshot => {
            Saying::new(Quiet, "feedback from a tester", format!("A tester sent feedback about {}{on}.", what.within()))
        }
        BetaFeedback::Crash => Saying::new(Loud, "crash", format!("{} crashed{on}, and the tester sent a report.", what.first())),
    }
}

fn of_distribution(distribution: &AlternativeDistribution, what: &What) -> Saying {
    let (first, within) = (what.first(), what.within());
    match &distribution.change {
        DistributionChange::PackageVersion => Saying::new(
            Good,
            "new package version",
            format!("There is a new package version of {within} for alternative distribution."),
        ),
        DistributionChange::PackageAvailability(availability) => of_availability(availability, &format!("The package of {within}")),
        DistributionChange::TerritoryAvailability(availability) => of_availability(availability, &first),
    }
}

fn of_availability(Availability { available, territories, .. }: &Availability, first: &str) -> Saying {
    let names: Vec<String> = territories.iter().map(|territory| clean(territory)).collect();
    let places = if names.is_empty() { String::new() } else { format!(" in {}", row(&names)) };
    match available {
        Some(true) => Saying::new(Good, "available", format!("{first} is now available through alternative distribution{places}.")),
        Some(false) => Saying::new(
            Loud,
            "no longer available",
            format!("{first} is no longer available through alternative distribution{places}."),
        ),
        None => {
            Saying::new(Quiet, "availability changed", format!("The availability of {} has changed{places}.", lower_the(first)))
        }
    }
}

fn of_marketplace(change: &MarketplaceChange, what: &What) -> Saying {
    match change {
        MarketplaceChange::VersionAvailable { version_number, .. } => {
            let number = version_number.as_ref().map(|number| format!(" {}", clean(number))).unwrap_or_default();
            let sentence = format!("Package version{number} of {} is available.", what.within());
            Saying::new(Good, format!("package version{number} available"), sentence)
        }
        MarketplaceChange::VersionsUnavailable { package_ids } => {
            let number = package_ids.len();
            let packages = if number == 1 { "1 package".to_owned() } else { format!("{number} packages") };
            let sentence = capitalized(&format!("versions of {} in {packages} are no longer available.", what.within()));
            Saying::new(Loud, "versions no longer available", sentence)
        }
        MarketplaceChange::AppUnavailable => {
            Saying::new(Loud, "no longer available", format!("{} is no longer available.", what.first()))
        }
    }
}

fn lower_the(first: &str) -> String {
    first.strip_prefix("The ").map_or_else(|| first.to_owned(), |rest| format!("the {rest}"))
}
