//! The groups of a build: who tests it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;

use super::{
    answer::Call,
    document::Sent,
    error::{Answer, ApiError},
    query::Parameters,
};
use crate::sandbox::{
    Connect,
    catalog::{Reference, Relationship},
};

const KIND: &str = "betaGroups";

pub(super) async fn add_build(State(connect): State<Arc<Connect>>, Path(build): Path<String>, call: Call, sent: Sent) -> Answer {
    call.query(Parameters::default())?;
    let mut state = connect.state();
    let build = Reference::new("builds", build);
    let known = state.catalog.find(&build).ok_or_else(|| ApiError::not_found(build.kind, &build.id))?;
    let app = known.relationships.get("app").cloned();
    let groups: Vec<_> = sent.linkages(KIND)?.into_iter().map(|id| Reference::new(KIND, id)).collect();
    for group in &groups {
        let found = state.catalog.find(group).ok_or_else(|| ApiError::not_found(KIND, &group.id))?;
        let same_app = match (&app, found.relationships.get("app")) {
            (Some(Relationship::One(of_build)), Some(Relationship::One(of_group))) => of_build == of_group,
            _ => false,
        };
        if !same_app {
            return Err(ApiError::unprocessable(format!("The group '{}' is one of another app", group.id)).into());
        }
        if found.attributes.get("hasAccessToAllBuilds") == Some(&true.into()) {
            return Err(ApiError::unprocessable(format!("The group '{}' has every build already", group.id)).into());
        }
    }
    for group in &groups {
        state.catalog.join(&build, KIND, group);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
