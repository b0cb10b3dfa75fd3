//! What is read before something is done at Apple's side.

use asc_webhooks::{
    asc::{app_store_version::AppStoreVersion, build::Build},
    event::{AppVersionState, ExternalBetaState},
};
use wiremock::MockServer;

use super::{client, json, on, requests};
use crate::support::schema::Schema;

const BUILD: &str = r#"{
    "data": {
        "type": "builds", "id": "b-1",
        "attributes": { "version": "45", "processingState": "VALID", "expired": false },
        "relationships": {
            "app": { "data": { "type": "apps", "id": "6450000001" } },
            "betaGroups": { "data": [{ "type": "betaGroups", "id": "g-1" }, { "type": "betaGroups", "id": "g-2" }] },
            "buildBetaDetail": { "data": { "type": "buildBetaDetails", "id": "d-1" } }
        }
    },
    "included": [
        { "type": "buildBetaDetails", "id": "d-0", "attributes": { "externalBuildState": "EXPIRED" } },
        { "type": "apps", "id": "6450000001", "attributes": { "name": "Harbor" } },
        { "type": "buildBetaDetails", "id": "d-1", "attributes": { "externalBuildState": "IN_BETA_TESTING" } }
    ]
}"#;

#[tokio::test]
async fn every_look_is_as_apple_documents_it() {
    let server = MockServer::start().await;
    on(&server, "GET", "/v1/builds/b-1", json(200, BUILD)).await;
    on(&server, "GET", "/v1/builds/b-2", json(200, r#"{ "data": { "type": "builds", "id": "b-2" } }"#)).await;
    let upload = |build: &str| {
        format!(r#"{{ "data": {{ "type": "buildUploads", "id": "u", "relationships": {{ "build": {{ "data": {build} }} }} }} }}"#)
    };
    on(&server, "GET", "/v1/buildUploads/u-1", json(200, upload(r#"{ "type": "builds", "id": "b-1" }"#))).await;
    on(&server, "GET", "/v1/buildUploads/u-2", json(200, upload("null"))).await;
    on(&server, "GET", "/v1/buildBetaDetails/d-1/build", json(200, r#"{ "data": { "type": "builds", "id": "b-1" } }"#)).await;
    let version = r#"{ "data": {
        "type": "appStoreVersions", "id": "v-1", "attributes": { "versionString": "2.3", "appVersionState": "IN_REVIEW" }
    } }"#;
    on(&server, "GET", "/v1/appStoreVersions/v-1", json(200, version)).await;

    let client = client(&server);
    let Build { app_id, number, processing_state, expired, external_state, groups, .. } = client.build("b-1").await.unwrap();
    assert_eq!((app_id.as_deref(), number.as_deref()), (Some("6450000001"), Some("45")));
    assert_eq!((processing_state.as_deref(), expired), (Some("VALID"), Some(false)));
    assert_eq!(external_state, Some(ExternalBetaState::InBetaTesting), "of the right detail");
    assert_eq!(groups, ["g-1", "g-2"]);
    let bare = client.build("b-2").await.unwrap();
    assert_eq!((bare.app_id, bare.external_state, bare.groups), (None, None, Vec::new()));
    assert_eq!(client.build_of_upload("u-1").await.unwrap().as_deref(), Some("b-1"));
    assert_eq!(client.build_of_upload("u-2").await.unwrap(), None);
    assert_eq!(client.build_of_beta_detail("d-1").await.unwrap(), "b-1");
    let AppStoreVersion { number, state, .. } = client.app_store_version("v-1").await.unwrap();
    assert_eq!((number.as_deref(), state), (Some("2.3"), Some(AppVersionState::InReview)));

    for request in requests(&server).await {
        let problems = Schema::of_lookups().problems_of_request(request.method.as_str(), &request.url, &request.body);
        assert_eq!(problems, [""; 0], "{}", request.url);
    }
}
