//! Every status that says no.

use serde_json::{Value, json};

use super::{HARBOR, Scene, new_webhook, to_one};

/// The code and source of each error.
type Errors<'e> = &'e [(&'e str, &'e str)];

#[track_caller]
fn check(
    scene: &Scene,
    method: &str,
    path: &str,
    body: Option<Value>,
    status: u16,
    errors: Errors<'_>,
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    let call = scene.call(method, path, body);
    async move {
        let answer = call.await;
        let found = answer.errors();
        let found: Vec<_> = found.iter().map(|(code, source)| (code.as_str(), source.as_str())).collect();
        assert_eq!((answer.status, found.as_slice()), (status, errors), "{caller}: {}", answer.text);
    }
}

#[tokio::test]
async fn bad_request() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    let deliveries = format!("/v1/webhooks/{webhook}/deliveries");
    for (query, code, parameter) in [
        ("limit=201", "PARAMETER_ERROR.INVALID", "limit"),
        ("limit=0", "PARAMETER_ERROR.INVALID", "limit"),
        ("limit=many", "PARAMETER_ERROR.INVALID", "limit"),
        ("cursor=xyz", "PARAMETER_ERROR.INVALID", "cursor"),
        ("include=app", "PARAMETER_ERROR.INVALID", "include"),
        ("sort=createdDate", "PARAMETER_ERROR.ILLEGAL", "sort"),
        ("filter[state]=FAILED", "PARAMETER_ERROR.ILLEGAL", "filter[state]"),
        ("filter[deliveryState]=LOST", "PARAMETER_ERROR.INVALID", "filter[deliveryState]"),
        ("filter[createdDateLessThan]=yesterday", "PARAMETER_ERROR.INVALID", "filter[createdDateLessThan]"),
        ("fields[webhookEvents]=body", "PARAMETER_ERROR.INVALID", "fields[webhookEvents]"),
        ("fields[webhooks]=name", "PARAMETER_ERROR.ILLEGAL", "fields[webhooks]"),
    ] {
        check(&scene, "GET", &format!("{deliveries}?{query}"), None, 400, &[(code, parameter)]).await;
    }
    let both = format!("/v1/apps/{HARBOR}/webhooks?limit=0&colour=blue");
    check(&scene, "GET", &both, None, 400, &[("PARAMETER_ERROR.INVALID", "limit"), ("PARAMETER_ERROR.ILLEGAL", "colour")]).await;

    let token = super::token(scene.running.team_key(), &json!({}));
    let request = scene.http.post(format!("{}/v1/webhooks", scene.running.api_url())).header("authorization", &token);
    let request = request.header("content-type", "application/json").body("{\"data\":");
    let answer = super::Answer::read(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.errors()), (400, vec![("ENTITY_INVALID".to_owned(), String::new())]));
}

#[tokio::test]
async fn forbidden() {
    let scene = Scene::new().await;
    let token = super::token(scene.running.team_key(), &json!({}));
    let answer = scene.request("GET", "/v1/webhooks", Some(&token), None).await;
    assert_eq!((answer.status, answer.errors()), (403, vec![("FORBIDDEN_ERROR".to_owned(), String::new())]));
    let told =
        "The resource 'webhooks' does not allow 'GET_COLLECTION'. Allowed operations are: CREATE, DELETE, GET_INSTANCE, UPDATE";
    assert_eq!(answer.at("/errors/0/detail"), told);
    assert_eq!(scene.request("GET", "/v1/webhookDeliveries", Some(&token), None).await.status, 403);
    assert_eq!(scene.request("DELETE", "/v1/apps/1", Some(&token), None).await.status, 403);

    let developer = super::token(scene.running.developer_key(), &json!({}));
    for path in [&format!("/v1/apps/{HARBOR}/webhooks"), "/v1/webhooks/1", "/v1/marketplaceWebhooks"] {
        let answer = scene.request("GET", path, Some(&developer), None).await;
        assert_eq!((answer.status, answer.errors()), (403, vec![("FORBIDDEN_ERROR".to_owned(), String::new())]), "{path}");
    }
    assert_eq!(scene.request("GET", "/v1/apps", Some(&developer), None).await.status, 200, "a developer may read apps");
}

#[tokio::test]
async fn not_found() {
    let scene = Scene::new().await;
    let nothing = [("NOT_FOUND", "")];
    check(&scene, "GET", "/v1/apps/1/webhooks", None, 404, &nothing).await;
    check(&scene, "GET", "/v1/apps/1/relationships/webhooks", None, 404, &nothing).await;
    check(&scene, "GET", "/v1/webhooks/1", None, 404, &nothing).await;
    check(&scene, "GET", "/v1/webhooks/1/deliveries", None, 404, &nothing).await;
    check(&scene, "GET", "/v1/webhooks/1/relationships/deliveries", None, 404, &nothing).await;
    check(&scene, "DELETE", "/v1/webhooks/1", None, 404, &nothing).await;
    check(&scene, "DELETE", "/v1/marketplaceWebhooks/1", None, 404, &nothing).await;
    let change = json!({ "data": { "type": "webhooks", "id": "1" } });
    check(&scene, "PATCH", "/v1/webhooks/1", Some(change), 404, &nothing).await;

    let token = super::token(scene.running.team_key(), &json!({}));
    for path in ["/v1/unicorns", "/v1/unicorns/1", "/v1/betaTesters/1", "/v1/a/b/c/d"] {
        let answer = scene.request("GET", path, Some(&token), None).await;
        assert_eq!((answer.status, answer.errors()), (404, vec![("PATH_ERROR".to_owned(), String::new())]), "{path}");
    }
}

#[tokio::test]
async fn not_acceptable_is_said_in_plain_text() {
    let scene = Scene::new().await;
    let request = scene.http.get(format!("{}/v1/apps", scene.running.api_url())).header("accept", "text/html");
    let answer = super::Answer::read(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("content-type")), (406, "text/plain; charset=utf-8"));
}

#[tokio::test]
async fn conflict() {
    let scene = Scene::new().await;
    let with = |pointer: &str, value: Value| {
        let mut asked = new_webhook("https://example.com/asc");
        *asked.pointer_mut(pointer).unwrap() = value;
        Some(asked)
    };
    let conflicts: &[(&str, Value, Errors<'_>)] = &[
        (
            "/data/attributes/eventTypes/1",
            json!("buildUploadStateUpdated"),
            &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/eventTypes/1")],
        ),
        ("/data/attributes/eventTypes/0", json!(7), &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/eventTypes/0")]),
        ("/data/attributes/eventTypes", json!("ALL"), &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/eventTypes")]),
        ("/data/attributes/url", json!("example.com"), &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/url")]),
        ("/data/attributes/url", json!("ftp://example.com"), &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/url")]),
        ("/data/attributes/enabled", json!("yes"), &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/enabled")]),
        ("/data/attributes/secret", Value::Null, &[("ENTITY_ERROR.ATTRIBUTE.REQUIRED", "/data/attributes/secret")]),
        ("/data/attributes/name", json!(""), &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/name")]),
        ("/data/relationships/app/data", Value::Null, &[("ENTITY_ERROR.RELATIONSHIP.REQUIRED", "/data/relationships/app")]),
        ("/data/relationships/app/data/id", json!("1"), &[("ENTITY_ERROR.RELATIONSHIP.INVALID", "/data/relationships/app")]),
        ("/data/relationships/app/data/type", json!("builds"), &[("ENTITY_ERROR.RELATIONSHIP.INVALID", "/data/relationships/app")]),
        (
            "/data/attributes",
            json!({ "name": "ours", "color": "blue", "eventTypes": [], "enabled": 1, "secret": "x" }),
            &[
                ("ENTITY_ERROR.ATTRIBUTE.UNKNOWN", "/data/attributes/color"),
                ("ENTITY_ERROR.ATTRIBUTE.REQUIRED", "/data/attributes/url"),
                ("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/enabled"),
            ],
        ),
    ];
    for (pointer, value, errors) in conflicts {
        check(&scene, "POST", "/v1/webhooks", with(pointer, value.clone()), 409, errors).await;
    }
    assert_eq!(
        scene.get(&format!("/v1/apps/{HARBOR}/webhooks")).await.at("/meta/paging/total"),
        json!(0),
        "nothing was registered"
    );

    let webhook = scene.register();
    let path = format!("/v1/webhooks/{webhook}");
    let other_id = json!({ "data": { "type": "webhooks", "id": "1", "attributes": {} } });
    check(&scene, "PATCH", &path, Some(other_id), 409, &[("ENTITY_ERROR.ID.INVALID", "/data/id")]).await;
    let half_wrong = json!({ "data": { "type": "webhooks", "id": webhook, "attributes": { "name": "new", "url": "no" } } });
    check(&scene, "PATCH", &path, Some(half_wrong), 409, &[("ENTITY_ERROR.ATTRIBUTE.TYPE", "/data/attributes/url")]).await;
    assert_eq!(scene.get(&path).await.at("/data/attributes/name"), json!("ours"), "half a change is none");

    let invalid = |name| [("ENTITY_ERROR.RELATIONSHIP.INVALID", name)];
    let ping = to_one("webhookPings", "webhook", "webhooks", "1");
    check(&scene, "POST", "/v1/webhookPings", Some(ping), 409, &invalid("/data/relationships/webhook")).await;
    let again = to_one("webhookDeliveries", "template", "webhookDeliveries", "1");
    check(&scene, "POST", "/v1/webhookDeliveries", Some(again), 409, &invalid("/data/relationships/template")).await;
}

#[tokio::test]
async fn an_app_has_ten_webhooks_at_most() {
    let scene = Scene::new().await;
    for _ in 0..10 {
        assert_eq!(scene.call("POST", "/v1/webhooks", Some(new_webhook("https://example.com"))).await.status, 201);
    }
    check(&scene, "POST", "/v1/webhooks", Some(new_webhook("https://example.com")), 409, &[("STATE_ERROR", "")]).await;
    assert!(scene.running.register(HARBOR, "x", "https://example.com", &asc_webhooks::secret::Secret::new("x")).is_err());
    let listed = scene.get(&format!("/v1/apps/{HARBOR}/webhooks")).await;
    let path = format!("/v1/webhooks/{}", listed.at("/data/3/id").as_str().unwrap());
    assert_eq!(scene.call("DELETE", &path, None).await.status, 204);
    assert_eq!(scene.call("POST", "/v1/webhooks", Some(new_webhook("https://example.com"))).await.status, 201);
}

#[tokio::test]
async fn not_a_document() {
    let scene = Scene::new().await;
    let no_object = |pointer| [("ENTITY_UNPROCESSABLE", pointer)];
    check(&scene, "POST", "/v1/webhooks", Some(json!([])), 422, &no_object("/data")).await;
    check(&scene, "POST", "/v1/webhooks", Some(json!({ "data": [] })), 422, &no_object("/data")).await;
    let wrong_type = Some(json!({ "data": { "type": "webhook" } }));
    check(&scene, "POST", "/v1/webhooks", wrong_type, 422, &no_object("/data/type")).await;
    let no_attributes = Some(json!({ "data": { "type": "webhooks", "attributes": 7 } }));
    check(&scene, "POST", "/v1/webhooks", no_attributes, 422, &no_object("/data/attributes")).await;
    check(&scene, "POST", "/v1/webhookPings", Some(json!({})), 422, &no_object("/data")).await;
    check(&scene, "POST", "/v1/webhookDeliveries", Some(json!({})), 422, &no_object("/data")).await;
    check(&scene, "POST", "/v1/marketplaceWebhooks", Some(json!({})), 422, &no_object("/data")).await;
}

#[tokio::test]
async fn unsupported_media_type() {
    let scene = Scene::new().await;
    let token = super::token(scene.running.team_key(), &json!({}));
    let request = scene.http.post(format!("{}/v1/webhooks", scene.running.api_url())).header("authorization", &token);
    let answer = super::Answer::read(request.body("{}").send().await.unwrap()).await;
    assert_eq!((answer.status, answer.errors()), (415, vec![("UNSUPPORTED_MEDIA_TYPE".to_owned(), String::new())]));
}
