//! Each mishap, as the receiver and the API's client see it.

use std::time::Duration;

use asc_webhooks::{
    event::EventKind,
    sandbox::{Fault, Mishap, Scenario},
    signature::Refusal,
};
use serde_json::json;

use super::{HARBOR, Received, SECRET, Scene};

/// The states of all deliveries in the order of their events.
fn states(scene: &Scene) -> Vec<&'static str> {
    scene.running.deliveries().into_iter().map(|delivery| delivery.state).collect()
}

async fn with(fault: Fault) -> (Scene, String) {
    let scene = Scene::new().await;
    let webhook = scene.register();
    scene.running.fault(fault);
    (scene, webhook)
}

#[tokio::test]
async fn dropped() {
    let (scene, webhook) = with(Fault::next(Mishap::Drop, 2)).await;
    for _ in 0..3 {
        scene.running.ping(&webhook).await;
    }
    assert_eq!(scene.receiver.received().len(), 1);
    assert_eq!(states(&scene), ["FAILED", "FAILED", "SUCCEEDED"]);
    let deliveries = scene.running.deliveries();
    assert_eq!(deliveries[0].error.as_deref(), Some("the request was lost on the way"));
    let listed = scene.get(&format!("/v1/webhooks/{webhook}/deliveries?include=event")).await;
    assert_eq!(listed.at("/included").as_array().unwrap().len(), 3, "what was lost can be recovered");
}

#[tokio::test]
async fn delayed() {
    let (scene, webhook) = with(Fault::next(Mishap::Delay(Duration::from_millis(200)), 1)).await;
    scene.running.ping(&webhook).await;
    scene.running.ping(&webhook).await;
    assert_eq!(states(&scene), ["PENDING", "SUCCEEDED"], "the second overtakes the first");
    let listed = scene.get(&format!("/v1/webhooks/{webhook}/deliveries?filter[deliveryState]=PENDING")).await;
    assert_eq!(listed.at("/data/0/attributes/sentDate"), json!(null));
    scene.running.settled().await;
    assert_eq!(states(&scene), ["SUCCEEDED", "SUCCEEDED"]);
    let ids: Vec<_> = scene.receiver.received().iter().map(|received| received.event().id).collect();
    let deliveries = scene.running.deliveries();
    assert_eq!(ids, [deliveries[1].event_id.clone(), deliveries[0].event_id.clone()]);
}

#[tokio::test]
async fn duplicated() {
    let (scene, webhook) = with(Fault::next(Mishap::Duplicate, 1)).await;
    scene.running.ping(&webhook).await;
    let [one, two] = scene.receiver.received().try_into().unwrap();
    assert_eq!((one.body, one.headers.get("x-apple-signature")), (two.body, two.headers.get("x-apple-signature")));
    assert_eq!(states(&scene), ["SUCCEEDED"], "it is one delivery");
}

#[tokio::test]
async fn reordered() {
    let (scene, _) = with(Fault::next(Mishap::Reorder, 1)).await;
    scene.running.drive(Scenario::Feedback).await.unwrap();
    let kinds: Vec<_> = scene.receiver.received().iter().map(|received| received.event().kind).collect();
    assert_eq!(kinds, [EventKind::BetaFeedbackCrashSubmissionCreated, EventKind::BetaFeedbackScreenshotSubmissionCreated]);
    assert_eq!(states(&scene), ["SUCCEEDED", "SUCCEEDED"]);
}

#[tokio::test]
async fn held_back_at_the_end_and_sent_all_the_same() {
    let (scene, _) = with(Fault::sometimes(Mishap::Reorder, 1.0)).await;
    scene.running.drive(Scenario::Rejection).await.unwrap();
    assert_eq!((scene.receiver.received().len(), states(&scene)), (6, vec!["SUCCEEDED"; 6]));
}

#[tokio::test]
async fn signed_with_a_wrong_secret() {
    let (scene, webhook) = with(Fault::next(Mishap::WrongSecret, 1)).await;
    scene.running.ping(&webhook).await;
    scene.running.ping(&webhook).await;
    let verified: Vec<_> = scene.receiver.received().iter().map(|received| received.verify(SECRET)).collect();
    assert_eq!(verified, [Err(Refusal::Wrong), Ok(())]);
}

#[tokio::test]
async fn altered_after_signing() {
    let (scene, webhook) = with(Fault::next(Mishap::ChangedBytes, 1)).await;
    scene.running.ping(&webhook).await;
    scene.running.redeliver(&scene.running.deliveries()[0].id).await;
    let [altered, true_to_the_letter] = scene.receiver.received().try_into().unwrap();
    assert_eq!((altered.verify(SECRET), true_to_the_letter.verify(SECRET)), (Err(Refusal::Wrong), Ok(())));
    assert_eq!(altered.body.len(), true_to_the_letter.body.len());
}

#[tokio::test]
async fn in_pieces() {
    let (scene, webhook) = with(Fault::next(Mishap::SlowBody(Duration::from_millis(160)), 1)).await;
    let begun = std::time::Instant::now();
    scene.running.ping(&webhook).await;
    assert!(begun.elapsed() >= Duration::from_millis(160));
    let [received] = scene.receiver.received().try_into().unwrap();
    assert_eq!(received.verify(SECRET), Ok(()), "slow, but right");
}

#[tokio::test]
async fn the_api_fails_and_recovers() {
    let (scene, webhook) = with(Fault::next(Mishap::ApiError, 1)).await;
    scene.running.fault(Fault::next(Mishap::ApiLimit, 1));
    let token = super::token(scene.running.team_key(), &json!({}));
    let path = format!("/v1/webhooks/{webhook}");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = scene.request("GET", &path, Some(&token), None).await;
        assert!(answer.header("x-rate-limit").starts_with("user-hour-lim:3500;"), "{answer:?}");
        statuses.push(answer.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429, 500]);
    scene.running.ping(&webhook).await;
    assert_eq!(scene.receiver.received().len(), 1, "what befalls the API does not befall notifications");
}

#[tokio::test]
async fn only_one_webhook_is_struck() {
    let scene = Scene::new().await;
    let (struck, spared) = (scene.register(), scene.register());
    scene.running.fault(Fault::sometimes(Mishap::Drop, 1.0).only_for(struck.as_str()));
    scene.running.drive(Scenario::Feedback).await.unwrap();
    for delivery in scene.running.deliveries() {
        assert_eq!(delivery.state, if delivery.webhook == spared { "SUCCEEDED" } else { "FAILED" });
    }
    scene.running.clear_faults();
    assert!(scene.running.ping(&struck).await);
    assert_eq!(scene.running.deliveries().last().unwrap().state, "SUCCEEDED");
}

#[tokio::test]
async fn a_third_of_them() {
    let (scene, _) = with(Fault::sometimes(Mishap::Drop, 0.3)).await;
    let sent = scene.running.burst(HARBOR, 300).await.unwrap();
    let received: Vec<_> = scene.receiver.received().iter().map(Received::event).collect();
    let lost = sent.len() - received.len();
    assert!((60..120).contains(&lost), "{lost} of 300 were lost");
    assert_eq!(states(&scene).iter().filter(|state| **state == "FAILED").count(), lost);
}
