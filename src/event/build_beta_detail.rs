//! Builds in external TestFlight testing.

use super::{
    data::Data,
    state::{Change, ExternalBetaState},
};

/// The state of a build in external testing changed: `buildBetaDetailExternalBuildStateUpdated`
/// ([Apple](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)). The subject is a `buildBetaDetails`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildBetaDetail {
    /// The state before and now.
    pub change: Change<ExternalBetaState>,
}

impl BuildBetaDetail {
    pub(super) fn read(data: &Data<'_>) -> Self {
        Self { change: data.change("oldExternalBuildState", "newExternalBuildState") }
    }
}
