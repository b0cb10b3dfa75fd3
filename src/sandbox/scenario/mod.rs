//! The stories that can be told: which app goes through which states, in the order in which Apple's side goes through them.
//!
//! A [`Scenario`] is a list of steps. A [`Journey`] is one telling of it: its own version, build or package, made when it begins, and
//! how far it has come. Taking a step changes the catalogue first and then says what is to be announced, so that whoever hears of a
//! state and looks it up finds it.

mod journey;

use std::{fmt, str::FromStr};

pub(super) use self::journey::{Journey, Told};
use crate::event::{
    AppVersionState, BackgroundAssetVersionAppStoreReleaseState as AppStoreState,
    BackgroundAssetVersionExternalBetaReleaseState as BetaState, BuildUploadState, ExternalBetaState,
};

/// A story that the sandbox can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scenario {
    /// A build is uploaded, its version goes through review and out, and the version before it is replaced.
    Release,
    /// A build is uploaded, and App Review rejects its version.
    Rejection,
    /// A build is uploaded, goes through beta review and to external testers.
    Beta,
    /// A tester sends a screenshot, and then a crash.
    Feedback,
    /// A package becomes available to an alternative marketplace and goes away again, told in both of Apple's ways.
    Marketplace,
    /// A background asset fails validation, is mended, goes to testers and to the App Store.
    BackgroundAssets,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Release, Self::Rejection, Self::Beta, Self::Feedback, Self::Marketplace, Self::BackgroundAssets];

    /// Its name, as it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Rejection => "rejection",
            Self::Beta => "beta",
            Self::Feedback => "feedback",
            Self::Marketplace => "marketplace",
            Self::BackgroundAssets => "background-assets",
        }
    }

    /// What it tells, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Release => "a build is uploaded, and its version goes through review and out",
            Self::Rejection => "a build is uploaded, and App Review rejects its version",
            Self::Beta => "a build is uploaded, and goes through beta review to external testers",
            Self::Feedback => "a tester sends a screenshot, and then a crash",
            Self::Marketplace => "a package comes to an alternative marketplace, and goes away again",
            Self::BackgroundAssets => "a background asset fails, is mended, and goes to testers and out",
        }
    }

    pub(super) fn steps(self) -> &'static [Step] {
        match self {
            Self::Release => RELEASE,
            Self::Rejection => REJECTION,
            Self::Beta => BETA,
            Self::Feedback => FEEDBACK,
            Self::Marketplace => MARKETPLACE,
            Self::BackgroundAssets => BACKGROUND_ASSETS,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scenario| scenario.as_str() == text).ok_or_else(|| UnknownScenario(text.to_owned()))
    }
}

/// No scenario has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownScenario(String);

impl std::error::Error for UnknownScenario {}

impl fmt::Display for UnknownScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Scenario::ALL.map(Scenario::as_str).join("`, `");
        write!(f, "found `{}`, expected one of the scenarios `{names}`", self.0)
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The build's upload goes into a state.
    Upload(BuildUploadState),
    /// The version goes into a state.
    Version(AppVersionState),
    /// The version that was on the store until now goes into a state.
    FormerVersion(AppVersionState),
    /// The build's external testing goes into a state.
    Beta(ExternalBetaState),
    Screenshot,
    Crash,
    /// The import of an asset version fails. Apple tells of no other state of one.
    AssetFails,
    /// A new asset version, the import of which succeeded, goes to internal testers.
    AssetInternalBeta,
    AssetExternalBeta(BetaState),
    AssetAppStore(AppStoreState),
    PackageVersion,
    PackageAvailable(bool),
    TerritoriesAvailable(bool),
    /// The older way of saying the same, to a marketplace webhook.
    MarketplaceVersionAvailable,
    MarketplaceVersionsUnavailable,
    MarketplaceAppUnavailable,
}

const RELEASE: &[Step] = &[
    Step::Upload(BuildUploadState::Processing),
    Step::Upload(BuildUploadState::Complete),
    Step::Version(AppVersionState::ReadyForReview),
    Step::Version(AppVersionState::WaitingForReview),
    Step::Version(AppVersionState::InReview),
    Step::Version(AppVersionState::PendingDeveloperRelease),
    Step::Version(AppVersionState::ProcessingForDistribution),
    Step::Version(AppVersionState::ReadyForDistribution),
    Step::FormerVersion(AppVersionState::ReplacedWithNewVersion),
];

const REJECTION: &[Step] = &[
    Step::Upload(BuildUploadState::Processing),
    Step::Upload(BuildUploadState::Complete),
    Step::Version(AppVersionState::ReadyForReview),
    Step::Version(AppVersionState::WaitingForReview),
    Step::Version(AppVersionState::InReview),
    Step::Version(AppVersionState::Rejected),
];

const BETA: &[Step] = &[
    Step::Upload(BuildUploadState::Processing),
    Step::Upload(BuildUploadState::Complete),
    Step::Beta(ExternalBetaState::ReadyForBetaSubmission),
    Step::Beta(ExternalBetaState::WaitingForBetaReview),
    Step::Beta(ExternalBetaState::InBetaReview),
    Step::Beta(ExternalBetaState::BetaApproved),
    Step::Beta(ExternalBetaState::InBetaTesting),
];

const FEEDBACK: &[Step] = &[Step::Screenshot, Step::Crash];

const MARKETPLACE: &[Step] = &[
    Step::PackageVersion,
    Step::MarketplaceVersionAvailable,
    Step::PackageAvailable(true),
    Step::TerritoriesAvailable(true),
    Step::PackageAvailable(false),
    Step::MarketplaceVersionsUnavailable,
    Step::TerritoriesAvailable(false),
    Step::MarketplaceAppUnavailable,
];

const BACKGROUND_ASSETS: &[Step] = &[
    Step::AssetFails,
    Step::AssetInternalBeta,
    Step::AssetExternalBeta(BetaState::ReadyForTesting),
    Step::AssetAppStore(AppStoreState::ReadyForDistribution),
];
