//! App versions on their way to the App Store.

use super::{
    data::Data,
    state::{AppVersionState, Change},
};

/// The state of an app version changed: `appStoreVersionAppVersionStateUpdated`
/// ([Apple](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)). The subject is an `appStoreVersions`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppVersion {
    /// The state before and now.
    pub change: Change<AppVersionState>,
}

impl AppVersion {
    pub(super) fn read(data: &Data<'_>) -> Self {
        Self { change: data.change("oldValue", "newValue") }
    }
}
