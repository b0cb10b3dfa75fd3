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
    let (right, a_word) = (json!(true), Value::Null);
    assert_eq!(marks, [&right, &right, &a_word, &right, &right], "its name does no harm: {found}");
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
    // The server tells the chat of the pings too, as soon as it comes to it.
    let sent = async || {
        let all = chat.received_requests().await.unwrap();
        all.iter().filter(|one| String::from_utf8_lossy(&one.body).contains("Test message, no event: ")).count()
    };
    assert_eq!(sent().await, 1, "it says what it is");

    let without = [&CHECK[..], &["--no-test-messages"]].concat();
    assert_eq!(about(&scene.place.json(&without).await), []);
    assert_eq!(sent().await, 1);

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

#[tokio::test]
async fn a_webhook_too_many_is_worth_a_word_and_not_wrong() {
    let scene = Scene::new().await;
    let asleep = scene.register();
    scene.register();
    scene.place.run(&["webhooks", "update", &asleep, "--disable"]).await.ends_with(0);
    let _serving = scene.place.serve().await;
    assert_told!("check_online_duplicate", scene.place.run(&CHECK).await.ends_with(0));
}

#[tokio::test]
async fn without_a_public_address_the_paths_have_to_do() {
    let scene = Scene::new().await;
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    scene.place.write("config.toml", &config.replace("public_url", "# public_url"));
    assert_told!("check_online_no_path", scene.place.run(&CHECK).await.ends_with(1));
    scene.register();
    let _serving = scene.place.serve().await;
    assert_told!("check_online_paths", scene.place.run(&CHECK).await.ends_with(0));
}

#[tokio::test]
async fn a_secret_that_apple_was_never_given_is_found() {
    let scene = Scene::new().await;
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    let config = config.replace("secrets = [{ file = 'my-app.secret' }]", "managed_secrets = true");
    let sealed = "[store]\nsecrets_key = 'a key that seals the secrets of this test'";
    scene.place.write("config.toml", &config.replace("[store]", sealed));
    scene.register();
    let _serving = scene.place.serve().await;
    assert_told!("check_online_secret", scene.place.run(&CHECK).await.ends_with(4));
    scene.place.run(&["webhooks", "apply"]).await.ends_with(0);
    scene.place.run(&CHECK).await.ends_with(0);
    scene.place.run(&["webhooks", "plan"]).await.ends_with(0);
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
