//! `check --online`: the key, what is registered, and a ping all the way.

use asc_webhooks::{sandbox::ApiKey, secret::Secret};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::{APP, Place, Scene, assert_told};

const CHECK: [&str; 4] = ["check", "--online", "--timeout", "10s"];

#[tokio::test]
async fn everything_is_right() {
    let scene = Scene::new().await;
    scene.register();
    let _serving = scene.place.serve().await;
    assert_told!("check_online", scene.place.run(&CHECK).await.ends_with(0));
    let found = scene.place.json(&CHECK).await;
    assert_eq!(found["ok"], true);
    let marks: Vec<&Value> = found["online"].as_array().unwrap().iter().map(|finding| &finding["ok"]).collect();
    assert_eq!(marks, [&json!(true); 4], "{found}");
    assert_eq!(scene.place.json(&["check"]).await["online"], Value::Null, "who does not ask for it asks nobody");
}

#[tokio::test]
async fn those_who_only_tell_people_send_a_test_message() {
    let scene = Scene::new().await;
    scene.register();
    let chat = MockServer::start().await;
    Mock::given(path("/good")).respond_with(ResponseTemplate::new(204)).mount(&chat).await;
    Mock::given(path("/gone")).respond_with(ResponseTemplate::new(404)).mount(&chat).await;
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    let handler = |name: &str, rest: &str| format!("[[handler]]\nname = '{name}'\n{rest}\n");
    let discord = |at: &str| format!("kind = 'discord'\nallow_private = true\nurl = '{}/{at}'", chat.uri());
    let more = [handler("good", &discord("good")), handler("ci", "kind = 'exec'\ncommand = ['/bin/false']")].concat();
    scene.place.write("config.toml", &format!("{config}{more}"));
    let _serving = scene.place.serve().await;
    let about = |found: &Value| -> Vec<(String, bool)> {
        let all = found["online"].as_array().unwrap().iter().filter(|one| one["about"].as_str().unwrap().starts_with("handler"));
        all.map(|one| (one["about"].as_str().unwrap().to_owned(), one["ok"] == true)).collect()
    };
    assert_eq!(about(&scene.place.json(&CHECK).await), [("handler good".to_owned(), true)], "a build is started by nobody");
    let sent = chat.received_requests().await.unwrap();
    assert_eq!(sent.len(), 1);
    assert!(String::from_utf8_lossy(&sent[0].body).contains("Test message, no event: "), "it says what it is");

    let without = [&CHECK[..], &["--no-test-messages"]].concat();
    assert_eq!(about(&scene.place.json(&without).await), []);
    assert_eq!(chat.received_requests().await.unwrap().len(), 1);

    scene.place.write("config.toml", &format!("{config}{more}{}", handler("gone", &discord("gone"))));
    let found = scene.place.run(&[&CHECK[..], &["--json"]].concat()).await.ends_with(4).json();
    assert_eq!(about(&found), [("handler good".to_owned(), true), ("handler gone".to_owned(), false)]);
}

#[tokio::test]
async fn every_endpoint_is_looked_at_whatever_is_wrong_with_another() {
    let scene = Scene::new().await;
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    let endpoint = |name: &str, rest: &str| {
        format!("[[endpoint]]\nname = '{name}'\npath = '/apple/{name}'\nsecrets = ['a secret for the endpoint {name}']\n{rest}\n")
    };
    let of_app = format!("app_id = '{APP}'");
    let more = [
        endpoint("moved", &of_app),
        endpoint(
            "sleeping",
            &format!("{of_app}\nevents = ['BUILD_UPLOAD_STATE_UPDATED', 'BETA_FEEDBACK_CRASH_SUBMISSION_CREATED']"),
        ),
        endpoint("absent", &of_app),
        endpoint("nobodys", ""),
        endpoint("market", "kind = 'marketplace'"),
        endpoint("strange", "app_id = '1'"),
    ];
    scene.place.write("config.toml", &[config, more.concat()].concat());
    scene.register();
    let secret = Secret::new("a secret that the endpoint does not have");
    scene.apple.register(APP, "moved", "https://old.example.com/apple/moved", &secret).unwrap();
    let asleep = ["webhooks", "create", "--endpoint", "sleeping", "--disabled", "--events", "build_upload,app_version"];
    scene.place.run(&asleep).await.ends_with(0);
    assert_told!("check_online_wrong", scene.place.run(&CHECK).await.ends_with(4));
    let found = scene.place.run(&[&CHECK[..], &["--json"]].concat()).await.ends_with(4).json();
    assert_eq!(found["ok"], false);
}

#[tokio::test]
async fn what_is_only_registered_wrongly_ends_with_one() {
    let scene = Scene::new().await;
    assert_told!("check_online_unregistered", scene.place.run(&CHECK).await.ends_with(1));
}

async fn with_key(scene: &Scene, key: &ApiKey) -> super::Ran {
    Place::new(&scene.apple.api_url(), key).run(&CHECK).await
}

#[tokio::test]
async fn a_key_that_does_not_open() {
    let scene = Scene::new().await;
    assert_told!("check_online_403", with_key(&scene, scene.apple.developer_key()).await.ends_with(4));
    let mut mixed = scene.apple.team_key().clone();
    mixed.private_key_pem = scene.apple.individual_key().private_key_pem.clone();
    assert_told!("check_online_401", with_key(&scene, &mixed).await.ends_with(4));
    let place = Place::new("http://127.0.0.1:1", scene.apple.team_key());
    assert_told!("check_online_unreachable", place.run(&CHECK).await.ends_with(4));
}
