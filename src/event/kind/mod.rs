//! The kinds of event, in both of Apple's spellings, and the families they belong to.

use std::{fmt, str::FromStr, sync::Arc};

/// What kind of event it is.
///
/// Apple spells each kind in two ways: as `data.type` of a notification ([`as_str`](Self::as_str)) and as an event type that a webhook
/// subscribes to ([`subscription`](Self::subscription)). Both are understood everywhere.
///
/// Apple adds kinds without notice. One that this version does not know is kept as it is written, in a variant that cannot be named,
/// so that no program breaks on the day when it becomes known: match the kinds you care for, and compare
/// [`as_str`](Self::as_str) for one that is not here yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EventKind {
    /// The state of an app version changed.
    AppStoreVersionAppVersionStateUpdated,
    /// The state of a build in external TestFlight testing changed.
    BuildBetaDetailExternalBuildStateUpdated,
    /// A tester sent feedback with a screenshot.
    BetaFeedbackScreenshotSubmissionCreated,
    /// A tester sent feedback about a crash.
    BetaFeedbackCrashSubmissionCreated,
    /// The state of an uploaded build changed.
    BuildUploadStateUpdated,
    /// The state of a version of a background asset changed.
    BackgroundAssetVersionStateUpdated,
    /// A version of a background asset became available to internal testers.
    BackgroundAssetVersionInternalBetaReleaseCreated,
    /// The state of a version of a background asset in external TestFlight testing changed.
    BackgroundAssetVersionExternalBetaReleaseStateUpdated,
    /// The state of a version of a background asset on the App Store changed.
    BackgroundAssetVersionAppStoreReleaseStateUpdated,
    /// A package version for alternative distribution was made.
    AlternativeDistributionPackageVersionCreated,
    /// The availability of a package for alternative distribution changed.
    AlternativeDistributionPackageAvailableUpdated,
    /// The territories in which an app is available for alternative distribution changed.
    AlternativeDistributionTerritoryAvailabilityUpdated,
    /// Somebody asked Apple to test the webhook. Cannot be subscribed to.
    WebhookPingCreated,
    /// A package version is available; to a marketplace webhook, the older way of telling marketplaces.
    AlternativeDistributionPackageVersionAvailable,
    /// Package versions are no longer available; to a marketplace webhook.
    AppVersionsUnavailable,
    /// An app is no longer available; to a marketplace webhook.
    AppUnavailable,
    /// Xcode Cloud created a build; to a webhook of Xcode Cloud, which nobody signs.
    XcodeCloudBuildCreated,
    /// Xcode Cloud started a build.
    XcodeCloudBuildStarted,
    /// Xcode Cloud completed a build, well or not.
    XcodeCloudBuildCompleted,
    #[doc(hidden)]
    _Custom(Custom),
}

/// What the name of every kind begins with that Xcode Cloud tells of.
pub(super) const XCODE_CLOUD: &str = "xcodeCloud";

/// A word of Apple's that this version does not know.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Custom(Arc<str>);

impl Custom {
    pub(super) fn new(word: &str) -> Self {
        Self(word.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventKind {
    /// Every kind that this version knows, in the order of Apple's documentation.
    pub const ALL: &'static [Self] = &[
        Self::AppStoreVersionAppVersionStateUpdated,
        Self::BuildBetaDetailExternalBuildStateUpdated,
        Self::BetaFeedbackScreenshotSubmissionCreated,
        Self::BetaFeedbackCrashSubmissionCreated,
        Self::BuildUploadStateUpdated,
        Self::BackgroundAssetVersionStateUpdated,
        Self::BackgroundAssetVersionInternalBetaReleaseCreated,
        Self::BackgroundAssetVersionExternalBetaReleaseStateUpdated,
        Self::BackgroundAssetVersionAppStoreReleaseStateUpdated,
        Self::AlternativeDistributionPackageVersionCreated,
        Self::AlternativeDistributionPackageAvailableUpdated,
        Self::AlternativeDistributionTerritoryAvailabilityUpdated,
        Self::WebhookPingCreated,
        Self::AlternativeDistributionPackageVersionAvailable,
        Self::AppVersionsUnavailable,
        Self::AppUnavailable,
        Self::XcodeCloudBuildCreated,
        Self::XcodeCloudBuildStarted,
        Self::XcodeCloudBuildCompleted,
    ];

    /// The kind as it stands in `data.type` of a notification. Xcode Cloud's have a name of ours: its `BUILD_CREATED` is
    /// `xcodeCloudBuildCreated`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AppStoreVersionAppVersionStateUpdated => "appStoreVersionAppVersionStateUpdated",
            Self::BuildBetaDetailExternalBuildStateUpdated => "buildBetaDetailExternalBuildStateUpdated",
            Self::BetaFeedbackScreenshotSubmissionCreated => "betaFeedbackScreenshotSubmissionCreated",
            Self::BetaFeedbackCrashSubmissionCreated => "betaFeedbackCrashSubmissionCreated",
            Self::BuildUploadStateUpdated => "buildUploadStateUpdated",
            Self::BackgroundAssetVersionStateUpdated => "backgroundAssetVersionStateUpdated",
            Self::BackgroundAssetVersionInternalBetaReleaseCreated => "backgroundAssetVersionInternalBetaReleaseCreated",
            Self::BackgroundAssetVersionExternalBetaReleaseStateUpdated => "backgroundAssetVersionExternalBetaReleaseStateUpdated",
            Self::BackgroundAssetVersionAppStoreReleaseStateUpdated => "backgroundAssetVersionAppStoreReleaseStateUpdated",
            Self::AlternativeDistributionPackageVersionCreated => "alternativeDistributionPackageVersionCreated",
            Self::AlternativeDistributionPackageAvailableUpdated => "alternativeDistributionPackageAvailableUpdated",
            Self::AlternativeDistributionTerritoryAvailabilityUpdated => "alternativeDistributionTerritoryAvailabilityUpdated",
            Self::WebhookPingCreated => "webhookPingCreated",
            Self::AlternativeDistributionPackageVersionAvailable => "AlternativeDistributionPackageVersionAvailable",
            Self::AppVersionsUnavailable => "AppVersionsUnavailable",
            Self::AppUnavailable => "AppUnavailable",
            Self::XcodeCloudBuildCreated => "xcodeCloudBuildCreated",
            Self::XcodeCloudBuildStarted => "xcodeCloudBuildStarted",
            Self::XcodeCloudBuildCompleted => "xcodeCloudBuildCompleted",
            Self::_Custom(word) => word.as_str(),
        }
    }

    /// The event type that a webhook subscribes to for this kind, as it stands in `eventTypes`
    /// ([`WebhookEventType`](https://developer.apple.com/documentation/appstoreconnectapi/webhookeventtype)). None for kinds that
    /// come without a subscription, and for unknown ones.
    pub fn subscription(&self) -> Option<&'static str> {
        Some(match self {
            Self::AppStoreVersionAppVersionStateUpdated => "APP_STORE_VERSION_APP_VERSION_STATE_UPDATED",
            Self::BuildBetaDetailExternalBuildStateUpdated => "BUILD_BETA_DETAIL_EXTERNAL_BUILD_STATE_UPDATED",
            Self::BetaFeedbackScreenshotSubmissionCreated => "BETA_FEEDBACK_SCREENSHOT_SUBMISSION_CREATED",
            Self::BetaFeedbackCrashSubmissionCreated => "BETA_FEEDBACK_CRASH_SUBMISSION_CREATED",
            Self::BuildUploadStateUpdated => "BUILD_UPLOAD_STATE_UPDATED",
            Self::BackgroundAssetVersionStateUpdated => "BACKGROUND_ASSET_VERSION_STATE_UPDATED",
            Self::BackgroundAssetVersionInternalBetaReleaseCreated => "BACKGROUND_ASSET_VERSION_INTERNAL_BETA_RELEASE_CREATED",
            Self::BackgroundAssetVersionExternalBetaReleaseStateUpdated => {
                "BACKGROUND_ASSET_VERSION_EXTERNAL_BETA_RELEASE_STATE_UPDATED"
            }
            Self::BackgroundAssetVersionAppStoreReleaseStateUpdated => "BACKGROUND_ASSET_VERSION_APP_STORE_RELEASE_STATE_UPDATED",
            Self::AlternativeDistributionPackageVersionCreated => "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED",
            Self::AlternativeDistributionPackageAvailableUpdated => "ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED",
            Self::AlternativeDistributionTerritoryAvailabilityUpdated => "ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED",
            Self::WebhookPingCreated
            | Self::AlternativeDistributionPackageVersionAvailable
            | Self::AppVersionsUnavailable
            | Self::AppUnavailable
            | Self::XcodeCloudBuildCreated
            | Self::XcodeCloudBuildStarted
            | Self::XcodeCloudBuildCompleted
            | Self::_Custom(_) => return None,
        })
    }

    /// The family that the kind belongs to. A kind whose name starts with `webhookPing` is a ping even if it is not known, because
    /// Apple does not document what a ping is called; one that Xcode Cloud alone can tell of is Xcode Cloud's.
    pub fn family(&self) -> FamilyName {
        match self {
            Self::AppStoreVersionAppVersionStateUpdated => FamilyName::AppVersion,
            Self::BuildUploadStateUpdated => FamilyName::BuildUpload,
            Self::BuildBetaDetailExternalBuildStateUpdated => FamilyName::BuildBetaDetail,
            Self::BetaFeedbackScreenshotSubmissionCreated | Self::BetaFeedbackCrashSubmissionCreated => FamilyName::BetaFeedback,
            Self::BackgroundAssetVersionStateUpdated
            | Self::BackgroundAssetVersionInternalBetaReleaseCreated
            | Self::BackgroundAssetVersionExternalBetaReleaseStateUpdated
            | Self::BackgroundAssetVersionAppStoreReleaseStateUpdated => FamilyName::BackgroundAsset,
            Self::AlternativeDistributionPackageVersionCreated
            | Self::AlternativeDistributionPackageAvailableUpdated
            | Self::AlternativeDistributionTerritoryAvailabilityUpdated => FamilyName::AlternativeDistribution,
            Self::AlternativeDistributionPackageVersionAvailable | Self::AppVersionsUnavailable | Self::AppUnavailable => {
                FamilyName::Marketplace
            }
            Self::WebhookPingCreated => FamilyName::Ping,
            Self::XcodeCloudBuildCreated | Self::XcodeCloudBuildStarted | Self::XcodeCloudBuildCompleted => FamilyName::XcodeCloud,
            Self::_Custom(word) if word.as_str().starts_with("webhookPing") => FamilyName::Ping,
            Self::_Custom(word) if word.as_str().starts_with(XCODE_CLOUD) => FamilyName::XcodeCloud,
            Self::_Custom(_) => FamilyName::Unknown,
        }
    }

    /// Whether this version knows the kind.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::_Custom(_))
    }
}

/// Reads a kind in either spelling. Any other text is an unknown kind.
impl From<&str> for EventKind {
    fn from(text: &str) -> Self {
        // A table of Apple's own page calls it so.
        if text == "AppVersionUnavailable" {
            return Self::AppVersionsUnavailable;
        }
        let known = Self::ALL.iter().find(|kind| kind.as_str() == text || kind.subscription() == Some(text));
        known.cloned().unwrap_or_else(|| Self::_Custom(Custom::new(text)))
    }
}

impl FromStr for EventKind {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The name of a family of kinds: those that say the same sort of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FamilyName {
    /// [`AppVersion`](super::AppVersion).
    AppVersion,
    /// [`BuildUpload`](super::BuildUpload).
    BuildUpload,
    /// [`BuildBetaDetail`](super::BuildBetaDetail).
    BuildBetaDetail,
    /// [`BetaFeedback`](super::BetaFeedback).
    BetaFeedback,
    /// [`BackgroundAsset`](super::BackgroundAsset).
    BackgroundAsset,
    /// [`AlternativeDistribution`](super::AlternativeDistribution).
    AlternativeDistribution,
    /// [`Marketplace`](super::Marketplace).
    Marketplace,
    /// [`Ping`](super::Ping).
    Ping,
    /// [`XcodeCloud`](super::XcodeCloud).
    XcodeCloud,
    /// [`Unknown`](super::Unknown).
    Unknown,
}

impl FamilyName {
    /// Every family.
    pub const ALL: [Self; 10] = [
        Self::AppVersion,
        Self::BuildUpload,
        Self::BuildBetaDetail,
        Self::BetaFeedback,
        Self::BackgroundAsset,
        Self::AlternativeDistribution,
        Self::Marketplace,
        Self::Ping,
        Self::XcodeCloud,
        Self::Unknown,
    ];

    /// The name as it is written in configuration and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AppVersion => "app_version",
            Self::BuildUpload => "build_upload",
            Self::BuildBetaDetail => "build_beta_detail",
            Self::BetaFeedback => "beta_feedback",
            Self::BackgroundAsset => "background_asset",
            Self::AlternativeDistribution => "alternative_distribution",
            Self::Marketplace => "marketplace",
            Self::Ping => "ping",
            Self::XcodeCloud => "xcode_cloud",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nobody signs events of this family: their receipts are marked *unsigned*, and a handler gets them only if it asks.
    pub fn is_unsigned(self) -> bool {
        self == Self::XcodeCloud
    }
}

impl fmt::Display for FamilyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
