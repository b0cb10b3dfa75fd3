//! What an event says, by family.

use bytes::Bytes;

use super::{
    AlternativeDistribution, AppVersion, BackgroundAsset, BetaFeedback, BuildBetaDetail, BuildUpload, Marketplace, Ping,
    XcodeCloud,
    data::Data,
    kind::{EventKind, FamilyName},
    state::Change,
};

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// The state of an app version changed.
    AppVersion(AppVersion),
    /// The state of an uploaded build changed.
    BuildUpload(BuildUpload),
    /// The state of a build in external testing changed.
    BuildBetaDetail(BuildBetaDetail),
    /// A tester sent feedback.
    BetaFeedback(BetaFeedback),
    /// Something happened to a version of a background asset.
    BackgroundAsset(BackgroundAsset),
    /// Something happened to an app in alternative distribution.
    AlternativeDistribution(AlternativeDistribution),
    /// The older way of telling marketplaces.
    Marketplace(Marketplace),
    /// A test of the webhook.
    Ping(Ping),
    /// Something happened to a build of Xcode Cloud. Nobody signed it.
    XcodeCloud(XcodeCloud),
    /// An event that this version does not know.
    Unknown(Unknown),
}

/// An event of a kind that this version does not know.
///
/// Nothing of it is lost: [`Event::attributes`](super::Event::attributes) gives its attributes, [`data`](Self::data) the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unknown {
    /// The change of state that it tells of, if it does so in one of the ways in which the known kinds do.
    pub change: Change<String>,
    data: Bytes,
}

impl Unknown {
    /// The `data` object of the notification, as JSON text.
    pub fn data(&self) -> &Bytes {
        &self.data
    }
}

/// A family of events: the struct that a typed handler takes.
///
/// It cannot be implemented outside of this crate.
pub trait Family: sealed::Sealed + Clone + Send + Sync + 'static {
    /// The name of the family.
    const NAME: FamilyName;

    /// What the payload says, if it belongs to this family.
    fn of(payload: &Payload) -> Option<&Self>;

    /// Whether events of this kind belong to this family.
    fn covers(kind: &EventKind) -> bool {
        kind.family() == Self::NAME
    }
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! families {
    ($($family:ident)*) => {$(
        impl sealed::Sealed for $family {}

        impl Family for $family {
            const NAME: FamilyName = FamilyName::$family;

            fn of(payload: &Payload) -> Option<&Self> {
                if let Payload::$family(this) = payload { Some(this) } else { None }
            }
        }
    )*};
}

families! { AppVersion BuildUpload BuildBetaDetail BetaFeedback BackgroundAsset AlternativeDistribution Marketplace Ping XcodeCloud Unknown }

impl Payload {
    /// The family that it belongs to.
    pub fn family(&self) -> FamilyName {
        match self {
            Self::AppVersion(_) => FamilyName::AppVersion,
            Self::BuildUpload(_) => FamilyName::BuildUpload,
            Self::BuildBetaDetail(_) => FamilyName::BuildBetaDetail,
            Self::BetaFeedback(_) => FamilyName::BetaFeedback,
            Self::BackgroundAsset(_) => FamilyName::BackgroundAsset,
            Self::AlternativeDistribution(_) => FamilyName::AlternativeDistribution,
            Self::Marketplace(_) => FamilyName::Marketplace,
            Self::Ping(_) => FamilyName::Ping,
            Self::XcodeCloud(_) => FamilyName::XcodeCloud,
            Self::Unknown(_) => FamilyName::Unknown,
        }
    }

    /// The state before and the state now, as Apple writes them, for families that tell of a state.
    pub(super) fn change(&self) -> Change<&str> {
        match self {
            Self::AppVersion(AppVersion { change }) => words(change),
            Self::BuildUpload(BuildUpload { change }) => words(change),
            Self::BuildBetaDetail(BuildBetaDetail { change }) => words(change),
            Self::BackgroundAsset(BackgroundAsset::State(change)) => words(change),
            Self::BackgroundAsset(BackgroundAsset::ExternalBetaState(change)) => words(change),
            Self::BackgroundAsset(BackgroundAsset::AppStoreState(change)) => words(change),
            Self::XcodeCloud(build) => Change { from: None, to: build.state() },
            Self::Unknown(Unknown { change, .. }) => words(change),
            Self::BackgroundAsset(BackgroundAsset::InternalBeta)
            | Self::BetaFeedback(_)
            | Self::AlternativeDistribution(_)
            | Self::Marketplace(_)
            | Self::Ping(_) => Change { from: None, to: None },
        }
    }

    /// Reads what an event says. `raw` is the text that `data` was read from.
    pub(super) fn read(kind: &EventKind, data: &Data<'_>, raw: &Bytes) -> Self {
        match kind {
            EventKind::AppStoreVersionAppVersionStateUpdated => Self::AppVersion(AppVersion::read(data)),
            EventKind::BuildUploadStateUpdated => Self::BuildUpload(BuildUpload::read(data)),
            EventKind::BuildBetaDetailExternalBuildStateUpdated => Self::BuildBetaDetail(BuildBetaDetail::read(data)),
            EventKind::BetaFeedbackScreenshotSubmissionCreated => Self::BetaFeedback(BetaFeedback::Screenshot),
            EventKind::BetaFeedbackCrashSubmissionCreated => Self::BetaFeedback(BetaFeedback::Crash),
            EventKind::BackgroundAssetVersionStateUpdated => Self::BackgroundAsset(BackgroundAsset::state(data)),
            EventKind::BackgroundAssetVersionInternalBetaReleaseCreated => Self::BackgroundAsset(BackgroundAsset::InternalBeta),
            EventKind::BackgroundAssetVersionExternalBetaReleaseStateUpdated => {
                Self::BackgroundAsset(BackgroundAsset::external_beta_state(data))
            }
            EventKind::BackgroundAssetVersionAppStoreReleaseStateUpdated => {
                Self::BackgroundAsset(BackgroundAsset::app_store_state(data))
            }
            EventKind::AlternativeDistributionPackageVersionCreated => {
                Self::AlternativeDistribution(AlternativeDistribution::package_version(data))
            }
            EventKind::AlternativeDistributionPackageAvailableUpdated => {
                Self::AlternativeDistribution(AlternativeDistribution::package_availability(data))
            }
            EventKind::AlternativeDistributionTerritoryAvailabilityUpdated => {
                Self::AlternativeDistribution(AlternativeDistribution::territory_availability(data))
            }
            EventKind::AlternativeDistributionPackageVersionAvailable => Self::Marketplace(Marketplace::version_available(data)),
            EventKind::AppVersionsUnavailable => Self::Marketplace(Marketplace::versions_unavailable(data)),
            EventKind::AppUnavailable => Self::Marketplace(Marketplace::app_unavailable(data)),
            EventKind::WebhookPingCreated => Self::Ping(Ping {}),
            // App Store Connect tells of no such kind; if it ever should, it says as much of the build as can be read.
            EventKind::XcodeCloudBuildCreated | EventKind::XcodeCloudBuildStarted | EventKind::XcodeCloudBuildCompleted => {
                Self::XcodeCloud(XcodeCloud::read(data.value))
            }
            EventKind::_Custom(_) if kind.family() == FamilyName::XcodeCloud => Self::XcodeCloud(XcodeCloud::read(data.value)),
            EventKind::_Custom(_) if Ping::is_told_by(kind, data) => Self::Ping(Ping {}),
            EventKind::_Custom(_) => Self::Unknown(Unknown { change: any_change(data), data: raw.slice(data.value.range()) }),
        }
    }
}

fn words<S: AsRef<str>>(Change { from, to }: &Change<S>) -> Change<&str> {
    Change { from: from.as_ref().map(AsRef::as_ref), to: to.as_ref().map(AsRef::as_ref) }
}

/// The change of state, by whichever of Apple's three pairs of names it is told.
fn any_change(data: &Data<'_>) -> Change<String> {
    let pairs = [("oldValue", "newValue"), ("oldState", "newState"), ("oldExternalBuildState", "newExternalBuildState")];
    let told = pairs.map(|(from, to)| data.change(from, to));
    told.into_iter().find(|change| change.to.is_some() || change.from.is_some()).unwrap_or(Change { from: None, to: None })
}
