//! Whatever a notification names can be read, in the state that it told of.

use asc_webhooks::sandbox::{APPS, MARKETPLACE, Scenario};
use serde_json::{Value, json};

use super::{HARBOR, Received, Scene};

/// The subject of every event of a scenario, in order.
async fn subjects(scene: &Scene, scenario: Scenario) -> Vec<(String, String)> {
    scene.register();
    scene
        .running
        .register(MARKETPLACE.id, "market", &scene.receiver.url, &asc_webhooks::secret::Secret::new(super::SECRET))
        .unwrap();
    scene.running.drive(scenario).await.unwrap();
    let subjects = scene.receiver.received().iter().map(Received::event).filter_map(|event| event.subject).collect::<Vec<_>>();
    subjects.into_iter().map(|subject| (subject.kind, subject.id)).collect()
}

#[tokio::test]
async fn apps() {
    let scene = Scene::new().await;
    let all = scene.get("/v1/apps?fields[apps]=name,bundleId&limit=200").await;
    assert_eq!(all.at("/meta/paging/total"), json!(APPS.len() + 1));
    assert_eq!(all.at("/data/0/attributes"), json!({ "name": "Harbor", "bundleId": "com.example.harbor" }));
    let chosen = scene.get("/v1/apps?filter[bundleId]=com.example.lantern,com.example.none").await;
    assert_eq!(chosen.at("/data/0/id"), APPS[1].id);
    assert_eq!(chosen.at("/data").as_array().unwrap().len(), 1);
    assert_eq!(scene.get(&format!("/v1/apps/{HARBOR}")).await.at("/data/attributes/sku"), "harbor");
    assert_eq!(scene.get("/v1/apps/1").await.status, 404);
}

#[tokio::test]
async fn a_version_and_its_build() {
    let scene = Scene::new().await;
    let subjects = subjects(&scene, Scenario::Rejection).await;
    let (kind, id) = &subjects[5];
    assert_eq!(kind, "appStoreVersions");
    let version = scene.get(&format!("/v1/appStoreVersions/{id}?include=app,build")).await;
    let attributes = version.at("/data/attributes");
    assert_eq!((&attributes["versionString"], &attributes["appVersionState"]), (&json!("2.3"), &json!("REJECTED")));
    assert_eq!(version.at("/data/relationships/app/data/id"), HARBOR);
    assert_eq!(version.at("/included/0/attributes/name"), "Harbor");
    assert_eq!(version.at("/included/1/attributes/version"), "45");
    let bare = scene.get(&format!("/v1/appStoreVersions/{id}")).await;
    assert_eq!((bare.at("/data/relationships/app"), bare.at("/included")), (Value::Null, Value::Null));

    let (kind, upload) = &subjects[0];
    assert_eq!(kind, "buildUploads");
    let upload = scene.get(&format!("/v1/buildUploads/{upload}?include=build")).await;
    assert_eq!(upload.at("/data/attributes/state/state"), "COMPLETE");
    assert_eq!(upload.at("/data/attributes/cfBundleVersion"), "45");
    let build = upload.at("/data/relationships/build/data/id");
    assert_eq!(build, upload.at("/data/id"), "an upload and its build have one id");
    let path = format!("/v1/builds/{}?include=app,preReleaseVersion,buildBetaDetail,appStoreVersion", build.as_str().unwrap());
    let build = scene.get(&path).await;
    let included = build.at("/included");
    let kinds: Vec<_> = included.as_array().unwrap().iter().map(|resource| resource["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["apps", "appStoreVersions", "buildBetaDetails", "preReleaseVersions"]);
    let pre_release = build.at("/data/relationships/preReleaseVersion/data/id");
    let token = super::token(scene.running.team_key(), &json!({}));
    let path = format!("/v1/preReleaseVersions/{}?include=app", pre_release.as_str().unwrap());
    let pre_release = scene.request("GET", &path, Some(&token), None).await;
    assert_eq!(pre_release.at("/data/attributes"), json!({ "version": "2.3", "platform": "IOS" }));
    assert_eq!(pre_release.at("/included/0/id"), HARBOR);
}

#[tokio::test]
async fn a_build_in_testing() {
    let scene = Scene::new().await;
    let subjects = subjects(&scene, Scenario::Beta).await;
    let (kind, id) = subjects.last().unwrap();
    assert_eq!(kind, "buildBetaDetails");
    let detail = scene.get(&format!("/v1/buildBetaDetails/{id}?include=build&fields[builds]=version")).await;
    assert_eq!(detail.at("/data/attributes/externalBuildState"), "IN_BETA_TESTING");
    assert_eq!(detail.at("/included/0/attributes"), json!({ "version": "45" }));
    assert_ne!(detail.at("/included/0/id"), json!(id));
    let build = scene.get(&format!("/v1/buildBetaDetails/{id}/build?include=app,preReleaseVersion")).await;
    assert_eq!(build.at("/data/attributes/processingState"), "VALID");
    assert_eq!(build.at("/included/1/attributes/version"), "2.3");
}

#[tokio::test]
async fn feedback() {
    let scene = Scene::new().await;
    let [screenshot, crash] = subjects(&scene, Scenario::Feedback).await.try_into().unwrap();
    let shot = scene.get(&format!("/v1/{}/{}?include=build,tester", screenshot.0, screenshot.1)).await;
    assert_eq!(shot.at("/data/attributes/deviceModel"), "iPhone17_1");
    assert!(shot.at("/data/attributes/comment").as_str().unwrap().len() > 10);
    assert_eq!(shot.at("/included").as_array().unwrap().len(), 2);
    let picture = shot.at("/data/attributes/screenshots/0/url");
    let picture = scene.http.get(picture.as_str().unwrap()).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    assert!(picture.bytes().await.unwrap().starts_with(b"\x89PNG"));

    let told = scene.get(&format!("/v1/{}/{}", crash.0, crash.1)).await;
    assert!(told.at("/data/relationships/crashLog/links/related").as_str().unwrap().ends_with("/crashLog"));
    let log = scene.get(&format!("/v1/{}/{}/crashLog?fields[betaCrashLogs]=logText", crash.0, crash.1)).await;
    assert!(log.at("/data/attributes/logText").as_str().unwrap().contains("Thread 0 Crashed:"));
}

#[tokio::test]
async fn packages() {
    let scene = Scene::new().await;
    let subjects = subjects(&scene, Scenario::Marketplace).await;
    let (version, package) = (&subjects[0], &subjects[1]);
    let read = scene.get(&format!("/v1/{}/{}?include=alternativeDistributionPackage", version.0, version.1)).await;
    assert_eq!(read.at("/data/attributes/version"), "1");
    assert_eq!(read.at("/included/0/id"), json!(package.1));
    let read = scene.get(&format!("/v1/{}/{}?include=versions", package.0, package.1)).await;
    assert_eq!(read.at("/included/0/id"), json!(version.1));
    let listed = scene.get(&format!("/v1/{}/{}/versions", package.0, package.1)).await;
    assert_eq!(listed.at("/data/0/id"), json!(version.1));
}

#[tokio::test]
async fn background_assets() {
    let scene = Scene::new().await;
    let subjects = subjects(&scene, Scenario::BackgroundAssets).await;
    let state = async |(kind, id): &(String, String), include: &str| {
        let read = scene.get(&format!("/v1/{kind}/{id}?include={include}")).await;
        assert_eq!(read.at("/included").as_array().unwrap().len(), include.split(',').count());
        read.at("/data/attributes/state")
    };
    assert_eq!(state(&subjects[0], "internalBetaRelease,externalBetaRelease,appStoreRelease").await, "FAILED");
    assert_eq!(state(&subjects[1], "backgroundAssetVersion").await, "READY_FOR_TESTING");
    assert_eq!(state(&subjects[2], "backgroundAssetVersion").await, "READY_FOR_TESTING");
    assert_eq!(state(&subjects[3], "backgroundAssetVersion").await, "READY_FOR_DISTRIBUTION");
}
