//! How a notification is sent, and what is recorded of it.

use asc_webhooks::{
    sandbox::{Delivered, Scenario},
    secret::Secret,
    signature::Refusal,
};
use http::StatusCode;
use serde_json::json;

use super::{HARBOR, SECRET, Scene, new_webhook};

fn only(scene: &Scene) -> Delivered {
    let [delivery] = scene.running.deliveries().try_into().unwrap();
    delivery
}

#[tokio::test]
async fn it_is_signed_as_apple_signs() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    assert!(scene.running.ping(&webhook).await);
    let [received] = scene.receiver.received().try_into().unwrap();
    assert_eq!(received.verify(SECRET), Ok(()));
    assert_eq!(received.verify("another secret"), Err(Refusal::Wrong));
    let header = received.headers.get("x-apple-signature").unwrap().to_str().unwrap();
    assert!(header.starts_with("hmacsha256=") && header.len() == "hmacsha256=".len() + 64, "{header}");
    assert_eq!(received.headers["content-type"], "application/json");
    assert_eq!((only(&scene).state, only(&scene).status), ("SUCCEEDED", Some(200)));
    assert!(!scene.running.ping("1").await);
}

#[tokio::test]
async fn a_refusal_is_recorded_and_not_tried_again() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    scene.receiver.answer(StatusCode::SERVICE_UNAVAILABLE);
    scene.running.ping(&webhook).await;
    assert_eq!(scene.receiver.received().len(), 1);
    let delivery = only(&scene);
    assert_eq!((delivery.state, delivery.status, delivery.error.as_deref()), ("FAILED", Some(503), Some("the answer was 503")));
    let listed = scene.get(&format!("/v1/webhooks/{webhook}/deliveries")).await;
    assert_eq!(listed.at("/data/0/attributes/errorMessage"), "the answer was 503");
    assert_eq!(listed.at("/data/0/attributes/response"), json!({ "httpStatusCode": 503, "body": "noted" }));
    scene.receiver.answer(StatusCode::FOUND);
    assert!(scene.running.redeliver(&delivery.id).await);
    assert_eq!(scene.running.deliveries()[1].status, Some(302), "a redirect is an answer, and is not followed");
}

#[tokio::test]
async fn nobody_at_home() {
    let scene = Scene::new().await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let webhook = scene.running.register(HARBOR, "gone", &format!("http://{closed}/"), &Secret::new(SECRET)).unwrap();
    scene.running.ping(&webhook).await;
    let delivery = only(&scene);
    assert_eq!(
        (delivery.state, delivery.status, delivery.error.as_deref()),
        ("FAILED", None, Some("the connection could not be made"))
    );
}

#[tokio::test]
async fn patience_ends() {
    let scene = Scene::with(|settings| settings.patience = std::time::Duration::from_millis(50)).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let webhook = scene.running.register(HARBOR, "silent", &url, &Secret::new(SECRET)).unwrap();
    scene.running.ping(&webhook).await;
    assert_eq!(only(&scene).error.as_deref(), Some("there was no answer in time"));
}

#[tokio::test]
async fn nothing_leaves_this_machine() {
    let scene = Scene::new().await;
    for url in ["https://example.com/asc", "http://192.0.2.1/asc", "http://169.254.169.254/"] {
        let webhook = scene.running.register(HARBOR, "far", url, &Secret::new(SECRET)).unwrap();
        scene.running.ping(&webhook).await;
    }
    let errors: Vec<_> = scene.running.deliveries().into_iter().filter_map(|delivery| delivery.error).collect();
    assert_eq!(errors, ["the sandbox sends to this machine only"; 3]);
}

#[tokio::test]
async fn only_who_subscribes_is_told() {
    let scene = Scene::new().await;
    let created = scene.call("POST", "/v1/webhooks", Some(new_webhook(&scene.receiver.url))).await;
    let path = format!("/v1/webhooks/{}", created.at("/data/id").as_str().unwrap());
    scene.running.drive(Scenario::Feedback).await.unwrap();
    assert_eq!(scene.receiver.received().len(), 0, "it subscribes to builds and versions");
    scene.running.step(Scenario::Beta, HARBOR).await.unwrap();
    assert_eq!(scene.receiver.received().len(), 1);
    let disable = json!({ "data": { "type": "webhooks", "id": created.at("/data/id"), "attributes": { "enabled": false } } });
    scene.call("PATCH", &path, Some(disable)).await;
    scene.running.step(Scenario::Beta, HARBOR).await.unwrap();
    assert_eq!(scene.receiver.received().len(), 1, "it is disabled");
}

#[tokio::test]
async fn a_new_secret_is_used_at_once() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    scene.running.ping(&webhook).await;
    let change =
        json!({ "data": { "type": "webhooks", "id": webhook, "attributes": { "secret": "the secret after the rotation" } } });
    scene.call("PATCH", &format!("/v1/webhooks/{webhook}"), Some(change)).await;
    scene.running.redeliver(&scene.running.deliveries()[0].id).await;
    let [before, after] = scene.receiver.received().try_into().unwrap();
    assert_eq!((before.verify(SECRET), before.verify("the secret after the rotation")), (Ok(()), Err(Refusal::Wrong)));
    assert_eq!((after.verify(SECRET), after.verify("the secret after the rotation")), (Err(Refusal::Wrong), Ok(())));
}

#[tokio::test]
async fn a_burst_tells_each_event_once() {
    let scene = Scene::new().await;
    scene.register();
    let mut sent = scene.running.burst(HARBOR, 400).await.unwrap();
    let mut received: Vec<_> = scene.receiver.received().iter().map(|received| received.event().id).collect();
    sent.sort();
    received.sort();
    assert_eq!(sent, received);
    sent.dedup();
    assert_eq!(sent.len(), 400);
}

#[tokio::test]
async fn it_ends_when_it_is_told_to() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    scene
        .running
        .fault(asc_webhooks::sandbox::Fault::next(asc_webhooks::sandbox::Mishap::Delay(std::time::Duration::from_mins(10)), 1));
    scene.running.ping(&webhook).await;
    assert_eq!(scene.get(&format!("/v1/webhooks/{webhook}")).await.status, 200, "and its connection stays open");
    scene.shutdown.cut_off();
    assert!(scene.shutdown.finished(std::time::Duration::from_secs(5)).await, "neither a delay nor an open connection holds it up");
}
