//! Every operation of Apple's schemas, answered: with yes, and with each no that is documented for all of them.
//!
//! [`Scene::call`] holds each answer against the schemas. What is proven here is that none of the operations is left out.

use std::collections::{BTreeMap, BTreeSet};

use asc_webhooks::{
    sandbox::{Fault, MARKETPLACE, Mishap, Scenario},
    secret::Secret,
};
use serde_json::{Value, json};

use super::{Answer, HARBOR, SECRET, Scene, new_webhook, to_one};

/// Every operation there is, as `GET /v1/webhooks/{id}`.
fn operations(scene: &Scene) -> BTreeSet<String> {
    scene.schema.operations().into_iter().chain(scene.lookups.operations()).collect()
}

/// An operation's method and path, with an id of nothing.
fn asked(operation: &str) -> (&str, String) {
    let (method, path) = operation.split_once(' ').unwrap();
    (method, path.replace("{id}", "1"))
}

/// The operations that were called with success.
#[derive(Default)]
struct Made(BTreeSet<String>);

impl Made {
    async fn call(&mut self, scene: &Scene, method: &str, path: &str, body: Option<Value>) -> Answer {
        let answer = scene.call(method, path, body).await;
        assert!(answer.status < 300, "{method} {path} answers {}: {}", answer.status, answer.text);
        let path = path.split('?').next().unwrap();
        self.0.extend(scene.schema.name_of(method, path).or_else(|| scene.lookups.name_of(method, path)));
        answer
    }
}

#[tokio::test]
async fn every_operation_is_answered_as_apple_documents_it() {
    let scene = Scene::new().await;
    let mut made = Made::default();
    let webhook = scene.register();
    scene.running.register(MARKETPLACE.id, "market", &scene.receiver.url, &Secret::new(SECRET)).unwrap();

    let mut last = String::new();
    for _ in 0..6 {
        scene.running.step(Scenario::Release, HARBOR).await.unwrap();
        last = scene.receiver.received().last().unwrap().event().subject.unwrap().id;
    }
    let release = to_one("appStoreVersionReleaseRequests", "appStoreVersion", "appStoreVersions", &last);
    made.call(&scene, "POST", "/v1/appStoreVersionReleaseRequests", Some(release)).await;
    let mut build = String::new();
    for _ in 0..3 {
        let event = scene.running.step(Scenario::Beta, HARBOR).await.map(|_| scene.receiver.received().last().unwrap().event());
        build = event.unwrap().subject.filter(|subject| subject.kind == "buildUploads").map_or(build, |subject| subject.id);
    }
    let submission = to_one("betaAppReviewSubmissions", "build", "builds", &build);
    made.call(&scene, "POST", "/v1/betaAppReviewSubmissions", Some(submission)).await;
    let groups = made.call(&scene, "GET", &format!("/v1/apps/{HARBOR}/betaGroups?limit=200"), None).await;
    let group = json!({ "data": [{ "type": "betaGroups", "id": groups.at("/data/1/id") }] });
    made.call(&scene, "POST", &format!("/v1/builds/{build}/relationships/betaGroups"), Some(group)).await;

    for scenario in Scenario::ALL {
        scene.running.drive(scenario).await.unwrap();
    }
    let events = scene.receiver.received().into_iter().filter_map(|received| received.event().subject);
    let subjects: BTreeMap<String, String> = events.map(|subject| (subject.kind, subject.id)).collect();
    for (kind, id) in &subjects {
        made.call(&scene, "GET", &format!("/v1/{kind}/{id}"), None).await;
        for related in ["build", "crashLog", "versions"] {
            let path = format!("/v1/{kind}/{id}/{related}");
            if scene.lookups.name_of("GET", &path).is_some() {
                made.call(&scene, "GET", &path, None).await;
            }
        }
    }
    for path in ["/v1/apps", &format!("/v1/apps/{HARBOR}"), &format!("/v1/builds/{build}")] {
        made.call(&scene, "GET", path, None).await;
    }

    manage(&scene, &mut made, &webhook).await;
    assert_eq!(made.0, operations(&scene));
}

/// What is asked of webhooks, of their deliveries, and of a marketplace's webhook.
async fn manage(scene: &Scene, made: &mut Made, webhook: &str) {
    let ping = to_one("webhookPings", "webhook", "webhooks", webhook);
    made.call(scene, "POST", "/v1/webhookPings", Some(ping)).await;
    scene.running.settled().await;
    let listed = made.call(scene, "GET", &format!("/v1/webhooks/{webhook}/deliveries?include=event"), None).await;
    made.call(scene, "GET", &format!("/v1/webhooks/{webhook}/relationships/deliveries"), None).await;
    let again = to_one("webhookDeliveries", "template", "webhookDeliveries", listed.at("/data/0/id").as_str().unwrap());
    made.call(scene, "POST", "/v1/webhookDeliveries", Some(again)).await;

    let created = made.call(scene, "POST", "/v1/webhooks", Some(new_webhook(&scene.receiver.url))).await;
    let path = format!("/v1/webhooks/{}", created.at("/data/id").as_str().unwrap());
    made.call(scene, "GET", &path, None).await;
    let change = json!({ "data": { "type": "webhooks", "id": created.at("/data/id"), "attributes": { "enabled": false } } });
    made.call(scene, "PATCH", &path, Some(change)).await;
    made.call(scene, "GET", &format!("/v1/apps/{HARBOR}/webhooks?include=app"), None).await;
    made.call(scene, "GET", &format!("/v1/apps/{HARBOR}/relationships/webhooks"), None).await;
    made.call(scene, "DELETE", &path, None).await;

    let marketplace = |id: Value, attributes: Value| {
        let mut data = json!({ "type": "marketplaceWebhooks", "attributes": attributes });
        if id.is_string() {
            data["id"] = id;
        }
        Some(json!({ "data": data }))
    };
    let attributes = json!({ "endpointUrl": scene.receiver.url, "secret": SECRET });
    let created = made.call(scene, "POST", "/v1/marketplaceWebhooks", marketplace(Value::Null, attributes)).await;
    made.call(scene, "GET", "/v1/marketplaceWebhooks", None).await;
    let path = format!("/v1/marketplaceWebhooks/{}", created.at("/data/id").as_str().unwrap());
    let other = json!({ "endpointUrl": "https://example.com/market" });
    made.call(scene, "PATCH", &path, marketplace(created.at("/data/id"), other)).await;
    made.call(scene, "DELETE", &path, None).await;
}

#[tokio::test]
async fn every_operation_refuses_as_apple_documents_it() {
    let scene = Scene::new().await;
    let developer = super::token(scene.running.developer_key(), &json!({}));
    for operation in operations(&scene) {
        let (method, path) = asked(&operation);
        let stranger = scene.request(method, &path, None, None).await;
        check(&scene, method, &path, &stranger, 401);
        if path.to_ascii_lowercase().contains("webhook") {
            let may_not = scene.request(method, &path, Some(&developer), None).await;
            check(&scene, method, &path, &may_not, 403);
        }
        scene.running.fault(Fault::next(Mishap::ApiLimit, 1));
        let too_many = scene.call(method, &path, None).await;
        check(&scene, method, &path, &too_many, 429);
        if operation.contains("{id}") && method != "POST" {
            let body = (method == "PATCH").then(|| json!({ "data": { "type": path.split('/').nth(2).unwrap(), "id": "1" } }));
            let nothing = scene.call(method, &path, body).await;
            check(&scene, method, &path, &nothing, 404);
        }
        if method == "GET" {
            let strange = scene.call(method, &format!("{path}?colour=blue"), None).await;
            assert!(matches!(strange.status, 400 | 404), "{operation}: {}", strange.text);
        }
    }
}

#[track_caller]
fn check(scene: &Scene, method: &str, path: &str, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
    let schema = if scene.schema.name_of(method, path).is_some() { &scene.schema } else { &scene.lookups };
    assert_eq!(schema.problems_of_answer(method, path, status, answer.text.as_bytes()), [""; 0], "{method} {path}");
}
