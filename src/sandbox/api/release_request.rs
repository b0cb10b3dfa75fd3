//! `appStoreVersionReleaseRequests`: an approved version goes out, and webhooks hear of it.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::{
    answer::Call,
    document::Sent,
    error::{Answer, ApiError},
    query::Parameters,
};
use crate::{
    event::{AppVersionState, EventKind},
    sandbox::{Connect, catalog::Reference, stock},
};

const KIND: &str = "appStoreVersionReleaseRequests";

pub(super) async fn create(State(connect): State<Arc<Connect>>, call: Call, sent: Sent) -> Answer {
    call.query(Parameters::default())?;
    let document = sent.new_resource(KIND)?;
    let mut attributes = document.attributes(&[], false);
    let version = attributes.also(document.related("appStoreVersion", "appStoreVersions")).map(str::to_owned);
    attributes.done()?;
    let version = Reference::new("appStoreVersions", version.ok_or_else(ApiError::unexpected)?);
    let (id, jobs) = {
        let mut state = connect.state();
        let unknown = || ApiError::relationship_invalid("appStoreVersion", format!("There is no version with id '{}'", version.id));
        let is = state.catalog.find(&version).ok_or_else(unknown)?.text("appVersionState").unwrap_or_default();
        if is != AppVersionState::PendingDeveloperRelease.as_str() {
            return Err(ApiError::wrong_state(format!("The version cannot be released: it is '{is}'")).into());
        }
        let (now, to) = (connect.now(), AppVersionState::ProcessingForDistribution);
        state.catalog.set(&version, "appStoreState", stock::legacy_state(&to));
        let kind = EventKind::AppStoreVersionAppVersionStateUpdated;
        let jobs = state.change(&version, "appVersionState", to.as_str(), kind, &version, now);
        (state.ids.uuid(), jobs)
    };
    for job in jobs {
        connect.send_later(job);
    }
    let address = call.address(&format!("/v1/{KIND}/{id}"));
    Ok(call.one(StatusCode::CREATED, &json!({ "type": KIND, "id": id, "links": { "self": address } }), Vec::new()))
}
