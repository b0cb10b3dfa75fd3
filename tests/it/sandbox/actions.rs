//! What can be done to builds and versions, and what is refused.

use asc_webhooks::sandbox::Scenario;
use serde_json::{Value, json};

use super::{HARBOR, Scene, to_one};

/// Takes so many steps, and says what the last was about.
async fn subject_after(scene: &Scene, scenario: Scenario, steps: usize) -> String {
    for _ in 0..steps {
        scene.running.step(scenario, HARBOR).await.unwrap();
    }
    scene.receiver.received().last().unwrap().event().subject.unwrap().id
}

#[tokio::test]
async fn a_version_is_released_once() {
    let scene = Scene::new().await;
    scene.register();
    let version = subject_after(&scene, Scenario::Release, 5).await;
    let request = to_one("appStoreVersionReleaseRequests", "appStoreVersion", "appStoreVersions", &version);
    let early = scene.call("POST", "/v1/appStoreVersionReleaseRequests", Some(request.clone())).await;
    assert_eq!((early.status, early.errors()[0].0.as_str()), (409, "STATE_ERROR"));
    subject_after(&scene, Scenario::Release, 1).await;
    assert_eq!(scene.call("POST", "/v1/appStoreVersionReleaseRequests", Some(request.clone())).await.status, 201);
    scene.running.settled().await;
    let told = scene.receiver.received().last().unwrap().event();
    assert_eq!((told.previous_state(), told.state()), (Some("PENDING_DEVELOPER_RELEASE"), Some("PROCESSING_FOR_DISTRIBUTION")));
    let read = scene.get(&format!("/v1/appStoreVersions/{version}")).await;
    assert_eq!(read.at("/data/attributes/appVersionState"), "PROCESSING_FOR_DISTRIBUTION");
    assert_eq!(scene.call("POST", "/v1/appStoreVersionReleaseRequests", Some(request)).await.status, 409);
    let nobody = to_one("appStoreVersionReleaseRequests", "appStoreVersion", "appStoreVersions", "none");
    assert_eq!(scene.call("POST", "/v1/appStoreVersionReleaseRequests", Some(nobody)).await.status, 409);
}

#[tokio::test]
async fn a_build_is_submitted_once() {
    let scene = Scene::new().await;
    scene.register();
    let build = subject_after(&scene, Scenario::Beta, 2).await;
    let request = to_one("betaAppReviewSubmissions", "build", "builds", &build);
    assert_eq!(scene.call("POST", "/v1/betaAppReviewSubmissions", Some(request.clone())).await.status, 422);
    subject_after(&scene, Scenario::Beta, 1).await;
    let submitted = scene.call("POST", "/v1/betaAppReviewSubmissions", Some(request.clone())).await;
    assert_eq!((submitted.status, submitted.at("/data/attributes/betaReviewState")), (201, json!("WAITING_FOR_REVIEW")));
    scene.running.settled().await;
    assert_eq!(scene.receiver.received().last().unwrap().event().state(), Some("WAITING_FOR_BETA_REVIEW"));
    assert_eq!(scene.call("POST", "/v1/betaAppReviewSubmissions", Some(request)).await.status, 422);
}

#[tokio::test]
async fn a_build_is_given_to_groups() {
    let scene = Scene::new().await;
    scene.register();
    let groups = scene.get(&format!("/v1/apps/{HARBOR}/betaGroups?fields[betaGroups]=name,hasAccessToAllBuilds&limit=200")).await;
    assert_eq!(groups.at("/data/0/attributes"), json!({ "name": "Team", "hasAccessToAllBuilds": true }));
    let (team, friends) = (groups.at("/data/0/id"), groups.at("/data/1/id"));
    let build = subject_after(&scene, Scenario::Beta, 2).await;
    let path = format!("/v1/builds/{build}/relationships/betaGroups");
    let give = |id: Value| json!({ "data": [{ "type": "betaGroups", "id": id }] });
    assert_eq!(scene.call("POST", &path, Some(give(team))).await.status, 422, "it has every build");
    assert_eq!(scene.call("POST", &path, Some(give(json!("none")))).await.status, 404);
    assert_eq!(scene.call("POST", &path, Some(give(json!("6700000002-friends")))).await.status, 422, "it is another app's");
    assert_eq!(scene.call("POST", &path, Some(json!({ "data": {} }))).await.status, 422);
    for _ in 0..2 {
        assert_eq!(scene.call("POST", &path, Some(give(friends.clone()))).await.status, 204);
    }
    let read = scene.get(&format!("/v1/builds/{build}?include=betaGroups&limit[betaGroups]=50")).await;
    assert_eq!(read.at("/data/relationships/betaGroups/data"), json!([{ "type": "betaGroups", "id": friends }]));
    assert_eq!(scene.get(&format!("/v1/builds/{build}?limit[betaGroups]=51")).await.status, 400);
}
