//! Builds on their way into App Store Connect.

use super::{
    data::Data,
    state::{BuildUploadState, Change},
};

/// The state of an uploaded build changed: `buildUploadStateUpdated`
/// ([Apple](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)). The subject is a `buildUploads`.
///
/// Apple tells no time for these, and documents no state before; it has been seen to send one all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildUpload {
    /// The state before and now.
    pub change: Change<BuildUploadState>,
}

impl BuildUpload {
    pub(super) fn read(data: &Data<'_>) -> Self {
        Self { change: data.change("oldState", "newState") }
    }
}
