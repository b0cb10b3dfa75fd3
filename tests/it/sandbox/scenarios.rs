//! What each scenario tells, in which order.

use asc_webhooks::{
    event::Event,
    sandbox::{APPS, Drive, MARKETPLACE, Running, Scenario, StepTaken},
    secret::Secret,
};

use super::{HARBOR, Received, SECRET, Scene};

/// Drives a scenario with everything registered that can hear of it.
async fn told(scenario: Scenario) -> (Scene, Vec<StepTaken>, Vec<Event>) {
    let scene = Scene::new().await;
    let secret = Secret::new(SECRET);
    scene.register();
    scene.running.register(MARKETPLACE.id, "market", &scene.receiver.url, &secret).unwrap();
    scene.running.register_marketplace(&scene.receiver.url, &secret);
    let steps = scene.running.drive(scenario).await.unwrap();
    let received = scene.receiver.received();
    assert!(received.iter().all(|received| received.verify(SECRET).is_ok()));
    let events = received.iter().map(Received::event).collect();
    (scene, steps, events)
}

#[track_caller]
fn check(scenario: Scenario, expected: &[&str]) -> impl Future<Output = Vec<Event>> {
    let caller = std::panic::Location::caller();
    async move {
        let (_scene, steps, events) = told(scenario).await;
        let said: Vec<_> = events
            .iter()
            .map(|event| {
                let state = |state: Option<&str>| state.unwrap_or("·").to_owned();
                format!("{} {} {}", event.kind, state(event.previous_state()), state(event.state()))
            })
            .collect();
        assert_eq!(said, expected, "{caller}");
        assert_eq!(
            steps.iter().map(|step| step.event_id.as_str()).collect::<Vec<_>>(),
            events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(),
            "{caller}"
        );
        assert!(steps.iter().all(|step| step.deliveries.len() == 1), "{caller}: {steps:#?}");
        assert_eq!(steps.iter().filter(|step| step.last).count(), 1, "{caller}");
        events
    }
}

#[tokio::test]
async fn release() {
    let events = check(
        Scenario::Release,
        &[
            "buildUploadStateUpdated AWAITING_UPLOAD PROCESSING",
            "buildUploadStateUpdated PROCESSING COMPLETE",
            "appStoreVersionAppVersionStateUpdated PREPARE_FOR_SUBMISSION READY_FOR_REVIEW",
            "appStoreVersionAppVersionStateUpdated READY_FOR_REVIEW WAITING_FOR_REVIEW",
            "appStoreVersionAppVersionStateUpdated WAITING_FOR_REVIEW IN_REVIEW",
            "appStoreVersionAppVersionStateUpdated IN_REVIEW PENDING_DEVELOPER_RELEASE",
            "appStoreVersionAppVersionStateUpdated PENDING_DEVELOPER_RELEASE PROCESSING_FOR_DISTRIBUTION",
            "appStoreVersionAppVersionStateUpdated PROCESSING_FOR_DISTRIBUTION READY_FOR_DISTRIBUTION",
            "appStoreVersionAppVersionStateUpdated READY_FOR_DISTRIBUTION REPLACED_WITH_NEW_VERSION",
        ],
    )
    .await;
    assert_eq!(events[2].subject, events[7].subject, "one version is followed through");
    assert_ne!(events[7].subject, events[8].subject, "the one replaced is another");
}

#[tokio::test]
async fn rejection() {
    check(
        Scenario::Rejection,
        &[
            "buildUploadStateUpdated AWAITING_UPLOAD PROCESSING",
            "buildUploadStateUpdated PROCESSING COMPLETE",
            "appStoreVersionAppVersionStateUpdated PREPARE_FOR_SUBMISSION READY_FOR_REVIEW",
            "appStoreVersionAppVersionStateUpdated READY_FOR_REVIEW WAITING_FOR_REVIEW",
            "appStoreVersionAppVersionStateUpdated WAITING_FOR_REVIEW IN_REVIEW",
            "appStoreVersionAppVersionStateUpdated IN_REVIEW REJECTED",
        ],
    )
    .await;
}

#[tokio::test]
async fn beta() {
    check(
        Scenario::Beta,
        &[
            "buildUploadStateUpdated AWAITING_UPLOAD PROCESSING",
            "buildUploadStateUpdated PROCESSING COMPLETE",
            "buildBetaDetailExternalBuildStateUpdated PROCESSING READY_FOR_BETA_SUBMISSION",
            "buildBetaDetailExternalBuildStateUpdated READY_FOR_BETA_SUBMISSION WAITING_FOR_BETA_REVIEW",
            "buildBetaDetailExternalBuildStateUpdated WAITING_FOR_BETA_REVIEW IN_BETA_REVIEW",
            "buildBetaDetailExternalBuildStateUpdated IN_BETA_REVIEW BETA_APPROVED",
            "buildBetaDetailExternalBuildStateUpdated BETA_APPROVED IN_BETA_TESTING",
        ],
    )
    .await;
}

#[tokio::test]
async fn feedback() {
    check(Scenario::Feedback, &["betaFeedbackScreenshotSubmissionCreated · ·", "betaFeedbackCrashSubmissionCreated · ·"]).await;
}

#[tokio::test]
async fn marketplace() {
    let events = check(
        Scenario::Marketplace,
        &[
            "alternativeDistributionPackageVersionCreated · ·",
            "AlternativeDistributionPackageVersionAvailable · ·",
            "alternativeDistributionPackageAvailableUpdated · ·",
            "alternativeDistributionTerritoryAvailabilityUpdated · ·",
            "alternativeDistributionPackageAvailableUpdated · ·",
            "AppVersionsUnavailable · ·",
            "alternativeDistributionTerritoryAvailabilityUpdated · ·",
            "AppUnavailable · ·",
        ],
    )
    .await;
    assert!(events.iter().all(|event| event.app_id() == Some(HARBOR)));
}

#[tokio::test]
async fn the_older_marketplace_webhook_can_be_told_again() {
    let (scene, _, events) = told(Scenario::Marketplace).await;
    let older = scene.running.deliveries().into_iter().find(|delivery| delivery.event_id == events[1].id).unwrap();
    assert!(scene.running.redeliver(&older.id).await);
    assert_eq!(scene.receiver.received().last().map(|received| received.event().id), Some(events[1].id.clone()));
}

#[tokio::test]
async fn background_assets() {
    check(
        Scenario::BackgroundAssets,
        &[
            "backgroundAssetVersionStateUpdated PROCESSING FAILED",
            "backgroundAssetVersionInternalBetaReleaseCreated · ·",
            "backgroundAssetVersionExternalBetaReleaseStateUpdated PROCESSING_FOR_TESTING READY_FOR_TESTING",
            "backgroundAssetVersionAppStoreReleaseStateUpdated PROCESSING_FOR_DISTRIBUTION READY_FOR_DISTRIBUTION",
        ],
    )
    .await;
}

#[tokio::test]
async fn together_they_tell_of_everything_that_can_be_subscribed_to() {
    let mut kinds = std::collections::BTreeSet::new();
    for scenario in Scenario::ALL {
        let (_scene, _, events) = told(scenario).await;
        kinds.extend(events.into_iter().filter_map(|event| event.kind.subscription()));
    }
    assert_eq!(kinds.len(), 12, "{kinds:?}");
}

#[tokio::test]
async fn step_by_step_is_the_same_as_to_the_end() {
    let scene = Scene::new().await;
    scene.register();
    let mut steps = Vec::new();
    for _ in 0..3 {
        steps.push(scene.running.step(Scenario::Release, HARBOR).await.unwrap());
    }
    scene.running.step(Scenario::Beta, HARBOR).await.unwrap();
    steps.extend(scene.running.drive(Scenario::Release).await.unwrap());
    let summaries: Vec<_> = steps.iter().map(|step| step.summary.as_str()).collect();
    assert_eq!(
        summaries,
        [
            "build upload: AWAITING_UPLOAD → PROCESSING",
            "build upload: PROCESSING → COMPLETE",
            "version 2.3: PREPARE_FOR_SUBMISSION → READY_FOR_REVIEW",
            "version 2.3: READY_FOR_REVIEW → WAITING_FOR_REVIEW",
            "version 2.3: WAITING_FOR_REVIEW → IN_REVIEW",
            "version 2.3: IN_REVIEW → PENDING_DEVELOPER_RELEASE",
            "version 2.3: PENDING_DEVELOPER_RELEASE → PROCESSING_FOR_DISTRIBUTION",
            "version 2.3: PROCESSING_FOR_DISTRIBUTION → READY_FOR_DISTRIBUTION",
            "version 2.2: READY_FOR_DISTRIBUTION → REPLACED_WITH_NEW_VERSION",
        ]
    );
    let again = scene.running.drive(Scenario::Release).await.unwrap();
    assert_eq!(again.last().unwrap().summary, "version 2.3: READY_FOR_DISTRIBUTION → REPLACED_WITH_NEW_VERSION");
}

#[tokio::test]
async fn apps_do_not_mix() {
    let scene = Scene::new().await;
    scene.register();
    let [_, lantern] = APPS;
    let steps = scene.running.drive(Drive::from(Scenario::Rejection).with_app(lantern.id)).await.unwrap();
    assert!(steps.iter().all(|step| step.deliveries.is_empty()));
    assert_eq!(scene.receiver.received().len(), 0);
    let unknown = scene.running.step(Scenario::Beta, "1").await.unwrap_err();
    assert_eq!(unknown.to_string(), "the sandbox has no app `1`; it has `6700000001` (Harbor), `6700000002` (Lantern)");
}

#[tokio::test]
async fn the_same_seed_tells_the_same() {
    let ids = async |running: &Running| {
        let steps = running.drive(Scenario::Release).await.unwrap();
        steps.into_iter().map(|step| step.event_id).collect::<Vec<_>>()
    };
    let (one, two, other) = (Scene::new().await, Scene::new().await, Scene::with(|settings| settings.seed = 2).await);
    assert_eq!(ids(&one.running).await, ids(&two.running).await);
    assert_ne!(ids(&one.running).await, ids(&other.running).await);
}
