//! `betaAppReviewSubmissions`: a build goes into beta review, and webhooks hear of it.

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
    event::{EventKind, ExternalBetaState},
    sandbox::{
        Connect,
        catalog::{Reference, Relationship, Resource},
    },
};

const KIND: &str = "betaAppReviewSubmissions";

pub(super) async fn create(State(connect): State<Arc<Connect>>, call: Call, sent: Sent) -> Answer {
    call.query(Parameters::default())?;
    let document = sent.new_resource(KIND)?;
    let mut attributes = document.attributes(&[], false);
    let build = attributes.also(document.related("build", "builds")).map(str::to_owned);
    attributes.done()?;
    let build = Reference::new("builds", build.ok_or_else(ApiError::unexpected)?);
    let (resource, jobs) = {
        let mut state = connect.state();
        let unknown = || ApiError::relationship_invalid("build", format!("There is no build with id '{}'", build.id));
        let detail = state.catalog.find(&build).ok_or_else(unknown)?.relationships.get("buildBetaDetail").cloned();
        let Some(Relationship::One(detail)) = detail else { return Err(ApiError::unexpected().into()) };
        let is = state.catalog.find(&detail).and_then(|detail| detail.text("externalBuildState")).unwrap_or_default();
        if is != ExternalBetaState::ReadyForBetaSubmission.as_str() {
            return Err(ApiError::unprocessable(format!("The build cannot be submitted: in external testing it is '{is}'")).into());
        }
        let (now, id) = (connect.now(), state.ids.uuid());
        let shown = json!({ "betaReviewState": "WAITING_FOR_REVIEW", "submittedDate": now.to_string() });
        let submission = state.catalog.add(Resource::new(KIND, id.as_str(), shown.clone()).one("build", &build));
        state.catalog.relate(&build, "betaAppReviewSubmission", &submission);
        let to = ExternalBetaState::WaitingForBetaReview.as_str();
        let jobs =
            state.change(&detail, "externalBuildState", to, EventKind::BuildBetaDetailExternalBuildStateUpdated, &build, now);
        let address = call.address(&format!("/v1/{KIND}/{id}"));
        (json!({ "type": KIND, "id": id, "attributes": shown, "links": { "self": address } }), jobs)
    };
    for job in jobs {
        connect.send_later(job);
    }
    Ok(call.one(StatusCode::CREATED, &resource, Vec::new()))
}
