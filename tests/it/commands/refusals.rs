//! Every way in which Apple says no, and Apple's not answering at all: what the person reads, and the exit code.

use asc_webhooks::{
    sandbox::{Fault, Mishap},
    secret::Secret,
};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::{APP, Place, Scene, assert_told};

#[tokio::test]
async fn a_key_that_apple_does_not_know() {
    let scene = Scene::new().await;
    let other = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap();
    scene.place.write("AuthKey.p8", &other);
    assert_told!("refused_401", scene.place.run(&["webhooks", "list"]).await.ends_with(4));
}

#[tokio::test]
async fn a_key_whose_role_does_not_suffice() {
    let scene = Scene::new().await;
    let place = Place::new(&scene.apple.api_url(), scene.apple.developer_key());
    assert_told!("refused_403", place.run(&["webhooks", "list"]).await.ends_with(4));
}

#[tokio::test]
async fn what_does_not_exist() {
    let scene = Scene::new().await;
    let nobodys = "00000000-0000-4000-8000-000000000000";
    assert_told!("refused_404_webhook", scene.place.run(&["webhooks", "show", nobodys]).await.ends_with(3));
    assert_told!("refused_404_app", scene.place.run(&["deliveries", "list", "--app", "1"]).await.ends_with(3));
    assert_told!("refused_404_delete", scene.place.run(&["webhooks", "delete", nobodys, "--yes"]).await.ends_with(3));
    assert_told!("not_an_id", scene.place.run(&["webhooks", "show", ".."]).await.ends_with(3));
}

#[tokio::test]
async fn what_apple_will_not_take() {
    let scene = Scene::new().await;
    let unknown_app = ["webhooks", "create", "--endpoint", "my-app", "--app", "1"];
    assert_told!("refused_409_app", scene.place.run(&unknown_app).await.ends_with(4));
    for number in 0..10 {
        let url = format!("http://127.0.0.1:1/{number}");
        scene.apple.register(APP, "another", &url, &Secret::new("another secret of the tests")).unwrap();
    }
    assert_told!("refused_409_full", scene.place.run(&["webhooks", "create", "--endpoint", "my-app"]).await.ends_with(4));
}

#[tokio::test]
async fn an_endpoint_of_another_kind() {
    let scene = Scene::new().await;
    let create = ["marketplace", "create", "--endpoint", "my-app"];
    assert_told!("refused_marketplace_for_an_app", scene.place.run(&create).await.ends_with(1));
    let update = ["marketplace", "update", "--endpoint", "my-app"];
    assert_told!("refused_marketplace_update_for_an_app", scene.place.run(&update).await.ends_with(1));
}

#[tokio::test]
async fn trouble_at_apples_side() {
    let scene = Scene::new().await;
    let id = scene.register();
    // What makes something new is asked for once: nobody knows what became of it.
    scene.apple.fault(Fault::next(Mishap::ApiError, 9));
    let create = ["webhooks", "create", "--endpoint", "my-app", "--another"];
    assert_told!("refused_500", scene.place.run(&create).await.ends_with(4));
    let redeliver = ["deliveries", "redeliver", &id, &id];
    assert_told!("refused_500_redeliver", scene.place.run(&redeliver).await.ends_with(4));
}

/// Somebody who answers everything in one way.
async fn answering(answer: ResponseTemplate) -> (MockServer, Place, Scene) {
    let scene = Scene::new().await;
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let place = Place::new(&server.uri(), scene.apple.team_key());
    (server, place, scene)
}

#[tokio::test]
async fn what_the_sandbox_does_not_answer() {
    let error = |status: u16, code: &str, detail: &str| {
        let body =
            format!(r#"{{"errors": [{{"status": "{status}", "code": "{code}", "title": "A title", "detail": "{detail}"}}]}}"#);
        ResponseTemplate::new(status).set_body_raw(body, "application/json")
    };
    let cases = [
        ("refused_406", ResponseTemplate::new(406).set_body_string("Not Acceptable")),
        ("refused_422", error(422, "ENTITY_UNPROCESSABLE", "The request cannot be processed as things are")),
        ("refused_429", error(429, "RATE_LIMIT_EXCEEDED", "Too many requests").insert_header("retry-after", "3600")),
        ("refused_407_page", ResponseTemplate::new(407).set_body_string("<html><title>Company Proxy</title></html>")),
    ];
    for (name, answer) in cases {
        let (_server, place, _scene) = answering(answer).await;
        assert_told!(name, place.run(&["webhooks", "ping", "w-1"]).await.ends_with(4));
    }
}

#[tokio::test]
async fn nobody_there() {
    let scene = Scene::new().await;
    let place = Place::new("http://127.0.0.1:1", scene.apple.team_key());
    assert_told!("unreachable", place.run(&["webhooks", "list"]).await.ends_with(4));
}

#[tokio::test]
async fn no_key_and_no_app() {
    let scene = Scene::new().await;
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    scene.place.write("config.toml", &config.replace("app_id", "# app_id"));
    assert_told!("no_app", scene.place.run(&["webhooks", "list"]).await.ends_with(1));
    assert_told!("no_app_of_endpoint", scene.place.run(&["webhooks", "ping", "--endpoint", "my-app"]).await.ends_with(1));
    assert_told!("no_endpoint", scene.place.run(&["webhooks", "ping", "--endpoint", "your-app"]).await.ends_with(3));
    let (before, after) = config.split_once("[asc]").unwrap();
    let (_, after) = after.split_once("[[endpoint]]").unwrap();
    scene.place.write("config.toml", &format!("{before}[[endpoint]]{after}"));
    assert_told!("no_key", scene.place.run(&["webhooks", "list"]).await.ends_with(1));
}
