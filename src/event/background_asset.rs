//! Versions of background assets that Apple hosts.

use super::{
    data::Data,
    state::{
        BackgroundAssetVersionAppStoreReleaseState, BackgroundAssetVersionExternalBetaReleaseState, BackgroundAssetVersionState,
        Change,
    },
};

/// Something happened to a version of a background asset
/// ([Apple](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackgroundAsset {
    /// Its state changed: `backgroundAssetVersionStateUpdated`, which Apple sends when the check after the upload fails. The subject
    /// is a `backgroundAssetVersions`.
    State(Change<BackgroundAssetVersionState>),
    /// It passed its check and internal testers have it: `backgroundAssetVersionInternalBetaReleaseCreated`. The subject is a
    /// `backgroundAssetVersionInternalBetaReleases`.
    InternalBeta,
    /// Its state in external testing changed: `backgroundAssetVersionExternalBetaReleaseStateUpdated`. The subject is a
    /// `backgroundAssetVersionExternalBetaReleases`.
    ExternalBetaState(Change<BackgroundAssetVersionExternalBetaReleaseState>),
    /// Its state on the App Store changed: `backgroundAssetVersionAppStoreReleaseStateUpdated`. The subject is a
    /// `backgroundAssetVersionAppStoreReleases`.
    AppStoreState(Change<BackgroundAssetVersionAppStoreReleaseState>),
}

impl BackgroundAsset {
    pub(super) fn state(data: &Data<'_>) -> Self {
        Self::State(data.change("oldState", "newState"))
    }

    pub(super) fn external_beta_state(data: &Data<'_>) -> Self {
        Self::ExternalBetaState(data.change("oldState", "newState"))
    }

    pub(super) fn app_store_state(data: &Data<'_>) -> Self {
        Self::AppStoreState(data.change("oldState", "newState"))
    }
}
