//! Every call there is, held against Apple's schemas, and what is read out of the answers.

use std::collections::BTreeSet;

use asc_webhooks::{
    asc::{
        Client, Error, Linkage,
        delivery::DeliveryFilter,
        marketplace::MarketplaceWebhookChange,
        webhook::{NewWebhook, WebhookChange},
    },
    event::EventKind,
    http_client::{Outgoing, Reach},
    secret::Secret,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::{client, json, requests, server};
use crate::support::schema::Schema;

const WEBHOOK: &str = r#"{
    "type": "webhooks", "id": "w-1",
    "attributes": {
        "name": "Releases", "url": "https://hooks.example/asc", "enabled": true, "eventTypes": ["BUILD_UPLOAD_STATE_UPDATED"]
    },
    "relationships": { "app": { "data": { "type": "apps", "id": "6450000001" } } }
}"#;
const MARKETPLACE: &str =
    r#"{ "type": "marketplaceWebhooks", "id": "m-1", "attributes": { "endpointUrl": "https://hooks.example/market" } }"#;

/// Answers as Apple documents.
fn apple(request: &Request) -> ResponseTemplate {
    let name = Schema::of_apple().name_of(request.method.as_str(), request.url.path());
    let links = r#""links": { "self": "/" }"#;
    let one = |data: &str| format!(r#"{{ "data": {data}, {links} }}"#);
    let many = |data: &str| format!(r#"{{ "data": [{data}], {links}, "meta": {{ "paging": {{ "total": 1, "limit": 200 }} }} }}"#);
    match name.as_deref() {
        Some("GET /v1/apps/{id}/webhooks") => json(200, many(WEBHOOK)),
        Some("GET /v1/apps/{id}/relationships/webhooks") => json(200, many(r#"{ "type": "webhooks", "id": "w-1" }"#)),
        Some("GET /v1/webhooks/{id}" | "PATCH /v1/webhooks/{id}") => json(200, one(WEBHOOK)),
        Some("POST /v1/webhooks") => json(201, one(WEBHOOK)),
        Some("GET /v1/webhooks/{id}/deliveries") => json(200, many(r#"{ "type": "webhookDeliveries", "id": "d-1" }"#)),
        Some("GET /v1/webhooks/{id}/relationships/deliveries") => {
            json(200, many(r#"{ "type": "webhookDeliveries", "id": "d-1" }"#))
        }
        Some("POST /v1/webhookDeliveries") => {
            json(201, one(r#"{ "type": "webhookDeliveries", "id": "d-2", "attributes": { "redelivery": true } }"#))
        }
        Some("POST /v1/webhookPings") => json(201, one(r#"{ "type": "webhookPings", "id": "p-1" }"#)),
        Some("GET /v1/apps/{id}/betaGroups") => json(
            200,
            many(r#"{ "type": "betaGroups", "id": "g-1", "attributes": { "name": "Friends", "hasAccessToAllBuilds": false } }"#),
        ),
        Some("POST /v1/betaAppReviewSubmissions") => json(201, one(r#"{ "type": "betaAppReviewSubmissions", "id": "b-1" }"#)),
        Some("POST /v1/appStoreVersionReleaseRequests") => {
            json(201, one(r#"{ "type": "appStoreVersionReleaseRequests", "id": "r-1" }"#))
        }
        Some("GET /v1/marketplaceWebhooks") => json(200, many(MARKETPLACE)),
        Some("POST /v1/marketplaceWebhooks") => json(201, one(MARKETPLACE)),
        Some("PATCH /v1/marketplaceWebhooks/{id}") => json(200, one(MARKETPLACE)),
        Some(
            "DELETE /v1/webhooks/{id}" | "DELETE /v1/marketplaceWebhooks/{id}" | "POST /v1/builds/{id}/relationships/betaGroups",
        ) => ResponseTemplate::new(204),
        other => panic!("{other:?} is not answered: {}", request.url),
    }
}

fn new_webhook() -> NewWebhook {
    NewWebhook {
        app_id: "6450000001".to_owned(),
        name: "Releases".to_owned(),
        url: "https://hooks.example/asc".parse().unwrap(),
        secret: Secret::new("a secret of the webhook"),
        events: EventKind::ALL.iter().filter(|kind| kind.subscription().is_some()).cloned().collect(),
        enabled: true,
    }
}

/// Makes every call, with every parameter that it knows.
async fn make_every_call(client: &Client) -> Result<(), Error> {
    let secret = Secret::new("a secret of the webhook");
    let url = "https://hooks.example/market".parse().unwrap();
    client.webhooks("6450000001")?.all().await?;
    client.webhook_linkages("6450000001")?.all().await?;
    client.webhook("w-1").await?;
    client.create_webhook(&new_webhook()).await?;
    client.change_webhook("w-1", &WebhookChange::default()).await?;
    let change = WebhookChange {
        name: Some("Other".to_owned()),
        url: Some("https://hooks.example/other".parse().unwrap()),
        secret: Some(secret.clone()),
        events: Some(new_webhook().events),
        enabled: Some(false),
    };
    client.change_webhook("w-1", &change).await?;
    client.delete_webhook("w-1").await?;
    let filter = DeliveryFilter::since("2026-11-21T08:00:00.5Z".parse().unwrap());
    client.deliveries("w-1", filter.clone())?.all().await?;
    let states = ["FAILED", "PENDING"].map(Into::into);
    client.deliveries("w-1", filter.until(super::NOON.parse().unwrap()).in_states(states))?.all().await?;
    client.delivery_linkages("w-1")?.all().await?;
    client.redeliver("d-1").await?;
    client.ping("w-1").await?;
    client.beta_groups("6450000001")?.all().await?;
    client.add_build_to_groups("b-1", &["g-1".to_owned(), "g-2".to_owned()]).await?;
    client.submit_for_beta_review("b-1").await?;
    client.release_version("v-1").await?;
    client.marketplace_webhooks()?.all().await?;
    client.create_marketplace_webhook(&url, &secret).await?;
    client.change_marketplace_webhook("m-1", &MarketplaceWebhookChange::default()).await?;
    let change = MarketplaceWebhookChange { url: Some(url), secret: Some(secret) };
    client.change_marketplace_webhook("m-1", &change).await?;
    client.delete_marketplace_webhook("m-1").await
}

#[tokio::test]
async fn every_request_is_as_apple_documents_it() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(apple).mount(&server).await;
    make_every_call(&client(&server)).await.unwrap();

    let schema = Schema::of_apple();
    let mut made = BTreeSet::new();
    for request in requests(&server).await {
        let (method, path) = (request.method.as_str(), request.url.path());
        assert_eq!(schema.problems_of_request(method, &request.url, &request.body), [""; 0], "{method} {}", request.url);
        assert!(request.headers["authorization"].to_str().unwrap().starts_with("Bearer ey"));
        assert_eq!(request.headers["accept"], "application/json");
        assert_eq!(request.headers.get("content-type").is_some(), !request.body.is_empty(), "{method} {path}");
        made.insert(schema.name_of(method, path).unwrap());
    }
    let all: BTreeSet<String> = schema.operations().into_iter().collect();
    assert_eq!(made, all, "every operation is used");
}

#[tokio::test]
async fn the_answers_of_these_tests_are_as_apple_documents_them() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(apple).mount(&server).await;
    make_every_call(&client(&server)).await.unwrap();
    let http = Outgoing::new(None).unwrap().client(Reach::Private).unwrap();
    for request in requests(&server).await {
        let url = format!("{}{}", server.uri(), request.url.path()).parse().unwrap();
        let again = http.request(request.method.clone(), url).unwrap().send().await.unwrap();
        let (status, body) = (again.status().as_u16(), again.bytes().await.unwrap());
        let problems = Schema::of_apple().problems_of_answer(request.method.as_str(), request.url.path(), status, &body);
        assert_eq!(problems, [""; 0], "{} {}", request.method, request.url);
    }
}

#[tokio::test]
async fn what_was_sent_is_what_was_meant() {
    let server = server(json(201, format!(r#"{{ "data": {WEBHOOK} }}"#))).await;
    let client = client(&server);
    client.create_webhook(&new_webhook()).await.unwrap();
    let change = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    client.change_webhook("w/1 ?", &change).await.unwrap();
    let requests = requests(&server).await;
    let sent = |index: usize| requests[index].body_json::<serde_json::Value>().unwrap();
    insta::assert_json_snapshot!("create_webhook", sent(0));
    assert_eq!(requests[1].url.path(), "/v1/webhooks/w%2F1%20%3F", "an id stays one part of the path");
    let expected = serde_json::json!({ "data": { "type": "webhooks", "id": "w/1 ?", "attributes": { "enabled": false } } });
    assert_eq!(sent(1), expected, "what does not change is not sent");
}

#[tokio::test]
async fn a_webhook_is_read_with_whatever_apple_tells_of_it() {
    let bare = r#"{ "type": "webhooks", "id": "w-2" }"#;
    let strange = r#"{
        "type": "webhooks", "id": "w-3", "surprise": [1],
        "attributes": { "enabled": "yes", "eventTypes": ["SOMETHING_NEW"], "name": null, "new": {} },
        "relationships": { "app": { "links": {} }, "deliveries": {} }
    }"#;
    let body = format!(r#"{{ "data": [{WEBHOOK}, {bare}, {strange}], "links": {{ "self": "/" }}, "included": [{{}}] }}"#);
    let server = server(json(200, body)).await;
    let webhooks = client(&server).webhooks("6450000001").unwrap().all().await.unwrap();
    insta::assert_json_snapshot!("webhooks", webhooks);
}

#[tokio::test]
async fn small_answers_are_read() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(apple).mount(&server).await;
    let client = client(&server);
    assert_eq!(client.ping("w-1").await.unwrap().id, "p-1");
    let linkages = client.webhook_linkages("6450000001").unwrap().all().await.unwrap();
    assert_eq!(linkages, [Linkage { kind: "webhooks".to_owned(), id: "w-1".to_owned() }]);
    let marketplace = client.marketplace_webhooks().unwrap().all().await.unwrap();
    assert_eq!((marketplace[0].id.as_str(), marketplace[0].url.as_deref()), ("m-1", Some("https://hooks.example/market")));
    let redelivered = client.redeliver("d-1").await.unwrap();
    assert!(redelivered.id == "d-2" && redelivered.is_redelivery && redelivered.event.is_none());
}

#[tokio::test]
async fn what_cannot_be_an_id_is_not_asked_for() {
    let server = MockServer::start().await;
    let client = client(&server);
    for id in ["", ".", ".."] {
        assert!(matches!(client.webhook(id).await, Err(Error::NotAnId { .. })), "`{id}`");
        assert!(matches!(client.delete_webhook(id).await, Err(Error::NotAnId { .. })), "`{id}`");
        assert!(matches!(client.webhooks(id), Err(Error::NotAnId { .. })), "`{id}`");
    }
    assert!(requests(&server).await.is_empty());
}
