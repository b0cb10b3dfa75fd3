//! Versions on the App Store: where one stands, and having one released
//! ([App Store Versions](https://developer.apple.com/documentation/appstoreconnectapi/app-store-versions)).
//!
//! This is what has to be known before a version is released. What there is to tell of one is read in `lookup`.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    Client, Error, Order, Request,
    document::{Nothing, One, Resource},
};
use crate::event::AppVersionState;

/// Where a version stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppStoreVersion {
    /// Apple's id of it.
    pub id: String,
    /// Its number, such as `2.3`.
    pub number: Option<String>,
    /// Its state.
    pub state: Option<AppVersionState>,
}

/// A release that Apple has agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseRequest {
    /// Apple's id of it.
    pub id: String,
}

impl Client {
    /// One version.
    pub async fn app_store_version(&self, id: &str) -> Result<AppStoreVersion, Error> {
        let mut url = self.url(&["v1", "appStoreVersions", id])?;
        url.query_pairs_mut().append_pair("fields[appStoreVersions]", "versionString,appVersionState");
        let one: One<Resource<Attributes>> = self.ask(Request::get(url).briefly()).await?.json()?;
        let Attributes { version_string, app_version_state } = one.data.attributes.unwrap_or_default();
        let state = app_version_state.map(|state| state.as_str().into());
        Ok(AppStoreVersion { id: one.data.id, number: version_string, state })
    }

    /// Releases a version that App Review has approved and that waits for its developer.
    pub fn release_version(&self, version_id: &str) -> Order<'_, ReleaseRequest> {
        let body = json!({ "data": {
            "type": "appStoreVersionReleaseRequests",
            "relationships": { "appStoreVersion": { "data": { "type": "appStoreVersions", "id": version_id } } },
        } });
        let url = self.url(&["v1", "appStoreVersionReleaseRequests"]);
        let request = url.map(|url| Request::new(Method::POST, url).json(&body));
        Order::new(self, request, |answer| {
            let one: One<Resource<Nothing>> = answer.json()?;
            Ok(ReleaseRequest { id: one.data.id })
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    version_string: Option<String>,
    app_version_state: Option<String>,
}
