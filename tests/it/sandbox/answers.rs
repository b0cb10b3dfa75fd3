//! Every call that succeeds, with its status and its shape.

use serde_json::{Value, json};

use super::{HARBOR, SECRET, Scene, new_webhook, to_one};

#[tokio::test]
async fn a_webhook_from_its_creation_to_its_end() {
    let scene = Scene::new().await;
    let created = scene.call("POST", "/v1/webhooks", Some(new_webhook(&scene.receiver.url))).await;
    assert_eq!(created.status, 201);
    let (id, address) = (created.at("/data/id"), created.at("/data/links/self"));
    assert_eq!(created.header("location"), address);
    let path = format!("/v1/webhooks/{}", id.as_str().unwrap());
    assert_eq!(address, format!("{}{path}", scene.running.api_url()));

    let read = scene.get(&path).await;
    assert_eq!(read.status, 200);
    assert_eq!(
        read.at("/data/attributes"),
        json!({
            "name": "ours", "url": scene.receiver.url, "enabled": true,
            "eventTypes": ["BUILD_UPLOAD_STATE_UPDATED", "APP_STORE_VERSION_APP_VERSION_STATE_UPDATED"],
        })
    );
    assert_eq!(read.at("/data/relationships/app"), Value::Null, "an app is named only when it is asked for");
    assert_eq!(read.at("/data/relationships/deliveries/links/related"), format!("{}/deliveries", address.as_str().unwrap()));

    let with_app = scene.get(&format!("{path}?include=app&fields[apps]=bundleId&fields[webhooks]=name,app")).await;
    assert_eq!(with_app.at("/data/attributes"), json!({ "name": "ours" }));
    assert_eq!(with_app.at("/data/relationships/app/data"), json!({ "type": "apps", "id": HARBOR }));
    assert_eq!(with_app.at("/included/0/attributes"), json!({ "bundleId": "com.example.harbor" }));

    let change = json!({ "data": { "type": "webhooks", "id": id, "attributes": {
        "enabled": false, "name": "renamed", "url": null, "secret": "another secret", "eventTypes": ["BUILD_UPLOAD_STATE_UPDATED"],
    } } });
    let changed = scene.call("PATCH", &path, Some(change)).await;
    assert_eq!(changed.status, 200);
    assert_eq!(
        changed.at("/data/attributes"),
        json!({
            "name": "renamed", "url": scene.receiver.url, "enabled": false, "eventTypes": ["BUILD_UPLOAD_STATE_UPDATED"],
        })
    );
    assert!(!changed.text.contains("another secret"));

    let listed = scene.get(&format!("/v1/apps/{HARBOR}/webhooks?include=app")).await;
    assert_eq!((listed.status, listed.at("/data/0/id")), (200, id.clone()));
    assert_eq!(listed.at("/meta/paging"), json!({ "total": 1, "limit": 50 }));
    let linked = scene.get(&format!("/v1/apps/{HARBOR}/relationships/webhooks")).await;
    assert_eq!(linked.at("/data"), json!([{ "type": "webhooks", "id": id }]));

    let deleted = scene.call("DELETE", &path, None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(scene.get(&path).await.status, 404);
    assert_eq!(scene.get(&format!("/v1/apps/{HARBOR}/webhooks")).await.at("/data"), json!([]));
}

#[tokio::test]
async fn a_ping_and_its_redelivery() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    let pinged = scene.call("POST", "/v1/webhookPings", Some(to_one("webhookPings", "webhook", "webhooks", &webhook))).await;
    assert_eq!(pinged.status, 201);
    scene.running.settled().await;

    let path = format!("/v1/webhooks/{webhook}/deliveries");
    let bare = scene.get(&path).await;
    assert_eq!(bare.at("/data/0/relationships"), Value::Null, "an event is named only when it is asked for");
    assert_eq!(bare.at("/included"), Value::Null);
    let delivery = bare.at("/data/0/id");
    let attributes = bare.at("/data/0/attributes");
    assert_eq!(
        attributes,
        json!({
            "createdDate": "2027-01-15T08:00:00Z", "sentDate": "2027-01-15T08:00:00Z", "deliveryState": "SUCCEEDED",
            "redelivery": false, "request": { "url": scene.receiver.url }, "response": { "httpStatusCode": 200, "body": "noted" },
        })
    );

    let again = to_one("webhookDeliveries", "template", "webhookDeliveries", delivery.as_str().unwrap());
    let again = scene.call("POST", "/v1/webhookDeliveries", Some(again)).await;
    assert_eq!((again.status, again.at("/data/attributes/redelivery")), (201, json!(true)));
    assert_ne!(again.at("/data/id"), delivery);
    assert!(again.header("location").ends_with(again.at("/data/id").as_str().unwrap()));
    scene.running.settled().await;

    let listed = scene.get(&format!("{path}?include=event&limit=200")).await;
    assert_eq!(listed.at("/data/0/id"), again.at("/data/id"), "the newest comes first");
    assert_eq!(listed.at("/data/0/relationships/event"), listed.at("/data/1/relationships/event"), "both are of one event");
    assert_eq!(listed.at("/included").as_array().unwrap().len(), 1, "which is included once");
    assert_eq!(listed.at("/included/0/attributes/ping"), json!(true));
    assert_eq!(listed.at("/included/0/attributes/eventType"), Value::Null, "nobody subscribes to pings");
    let received = scene.receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body, "the same event again");
    assert_eq!(listed.at("/included/0/attributes/payload").as_str().unwrap().as_bytes(), received[0].body);
    assert_ne!(listed.at("/included/0/id"), received[0].event().id, "nobody may rely on the two ids being one");

    let linked = scene.get(&format!("/v1/webhooks/{webhook}/relationships/deliveries?limit=1")).await;
    assert_eq!(linked.at("/data"), json!([{ "type": "webhookDeliveries", "id": again.at("/data/id") }]));
}

#[tokio::test]
async fn a_marketplace_webhook_from_its_creation_to_its_end() {
    let scene = Scene::new().await;
    let attributes = json!({ "endpointUrl": scene.receiver.url, "secret": SECRET });
    let asked = json!({ "data": { "type": "marketplaceWebhooks", "attributes": attributes } });
    let created = scene.call("POST", "/v1/marketplaceWebhooks", Some(asked.clone())).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.at("/data/attributes"), json!({ "endpointUrl": scene.receiver.url }));
    let id = created.at("/data/id");
    let path = format!("/v1/marketplaceWebhooks/{}", id.as_str().unwrap());

    let second = scene.call("POST", "/v1/marketplaceWebhooks", Some(asked)).await;
    assert_eq!((second.status, second.errors()), (409, vec![("STATE_ERROR".to_owned(), String::new())]));

    let change =
        json!({ "data": { "type": "marketplaceWebhooks", "id": id, "attributes": { "endpointUrl": "https://example.com/m" } } });
    let changed = scene.call("PATCH", &path, Some(change)).await;
    assert_eq!((changed.status, changed.at("/data/attributes/endpointUrl")), (200, json!("https://example.com/m")));
    let listed = scene.get("/v1/marketplaceWebhooks?limit=5&fields[marketplaceWebhooks]=endpointUrl").await;
    assert_eq!((listed.status, listed.at("/data/0/id")), (200, id));
    assert_eq!(scene.call("DELETE", &path, None).await.status, 204);
    assert_eq!(scene.call("DELETE", &path, None).await.status, 404);
    assert_eq!(scene.get("/v1/marketplaceWebhooks").await.at("/data"), json!([]));
}

#[tokio::test]
async fn every_answer_says_how_many_requests_are_left() {
    let scene = Scene::with(|settings| settings.hourly_limit = 3).await;
    let left = async || scene.get("/v1/marketplaceWebhooks").await.header("x-rate-limit").to_owned();
    assert_eq!(left().await, "user-hour-lim:3;user-hour-rem:2;");
    assert_eq!(scene.get("/v1/webhooks/none").await.header("x-rate-limit"), "user-hour-lim:3;user-hour-rem:1;");
    assert_eq!(left().await, "user-hour-lim:3;user-hour-rem:0;");
    let over = scene.get("/v1/marketplaceWebhooks").await;
    assert_eq!((over.status, over.header("x-rate-limit")), (429, "user-hour-lim:3;user-hour-rem:0;"));
    assert_eq!(over.errors(), [("RATE_LIMIT_EXCEEDED".to_owned(), String::new())]);
    scene.clock.advance(std::time::Duration::from_mins(15));
    let other_key = super::token(scene.running.individual_key(), &json!({}));
    assert_eq!(scene.request("GET", "/v1/marketplaceWebhooks", Some(&other_key), None).await.status, 200, "each key has its own");
}
