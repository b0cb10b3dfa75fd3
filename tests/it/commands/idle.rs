//! Why a handler did nothing: its `when` passed the event over, or its other side asked to wait. What an operator is shown of that.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use asc_webhooks::{
    clock::{Clock as _, SystemClock},
    sandbox::Scenario,
};
use jiff::Timestamp;
use serde_json::Value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::{Place, Scene, Serving, masked};
use crate::support::peer::Peer;

const READER: &str = "the token of a reader of this test";

/// Handlers that ask for the name of the app, which is Harbor.
const HANDLERS: &str = r#"
[[handler]]
name = "harbor"
kind = "log"
when = 'details.app.name == "Harbor"'

[[handler]]
name = "lantern"
kind = "log"
when = 'details.app.name == "Lantern"'
"#;

/// Starts the server with these handlers and an operator's listener, and returns with that one's address when it is ready.
async fn serve(place: &Place, handlers: &str) -> (Serving, SocketAddr) {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let desk = format!("[admin]\nlisten = '{admin}'\ntoken = 'the token of an operator of this test'\nread_token = '{READER}'");
    let config = fs::read_to_string(place.path().join("config.toml")).unwrap();
    place.write("config.toml", &(config.replace("[admin]\nlisten = false", &desk) + handlers));
    (place.serve().await, admin)
}

/// What the operator's listener has at a path.
async fn get(admin: SocketAddr, path: &str) -> String {
    let mut reader = Peer::connect(admin).await;
    let head = format!("host: {admin}\r\nauthorization: Bearer {READER}\r\nconnection: close");
    reader.say(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n")).await;
    let answer = reader.hear_all().await;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn an_event_that_a_condition_passed_over_is_shown_as_that_everywhere() {
    let scene = Scene::new().await;
    scene.register();
    let (_serving, admin) = serve(&scene.place, HANDLERS).await;
    scene.apple.drive(Scenario::Rejection).await.unwrap();

    let deadline = Instant::now() + Duration::from_secs(20);
    let results = |shown: &Value| {
        let dispatches = shown["dispatches"].as_array().into_iter().flatten();
        let result = |one: &Value| format!("{} {} {}", one["handler"], one["state"], one["history"][0]["result"]).replace('"', "");
        dispatches.map(result).collect::<Vec<_>>()
    };
    let expected = ["harbor done ok", "lantern done passed_over"];
    loop {
        let shown = scene.place.run(&["events", "show", "1", "--json"]).await;
        if shown.code() == 0 && results(&shown.json()) == expected {
            break;
        }
        assert!(Instant::now() < deadline, "{}", shown.told());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let words = masked(&scene.place.run(&["events", "show", "1"]).await.ends_with(0).out());
    let row = words.lines().find(|line| line.starts_with("lantern") && line.contains("TIME"));
    let row: Vec<&str> = row.unwrap_or_else(|| panic!("{words}")).split_whitespace().collect();
    assert_eq!(row, ["lantern", "1", "TIME", "0", "ms", "passed_over"]);

    let get = async |path: &str| get(admin, path).await;
    assert_eq!(results(&serde_json::from_str(&get("/api/v1/receipts/1").await).unwrap()), expected);
    let page = get("/events/1").await;
    assert!(page.contains("<strong>passed over</strong> <span class=\"dim\">its <code>when</code> was not true,</span>"), "{page}");
    let handlers: Value = serde_json::from_str(&get("/api/v1/handlers").await).unwrap();
    let tried = handlers["items"].as_array().unwrap().iter().find(|one| one["handler"] == "lantern").unwrap();
    assert_eq!((&tried["last_hour"]["attempts"], &tried["last_hour"]["median_ms"]), (&0.into(), &Value::Null), "{tried}");
    let figures = get("/metrics").await;
    let is_there = |line: &str| figures.lines().any(|found| found.starts_with(line));
    assert!(is_there("asc_webhooks_attempts_total{handler=\"lantern\",result=\"passed_over\"}"), "{figures}");
    assert!(!is_there("asc_webhooks_attempts_total{handler=\"lantern\",result=\"ok\"}"), "{figures}");
    assert!(!is_there("asc_webhooks_attempt_duration_seconds_count{handler=\"lantern\"}"), "{figures}");
}

#[tokio::test]
async fn a_handler_whose_other_side_asks_to_wait_is_shown_as_held() {
    let (scene, service) = (Scene::new().await, MockServer::start().await);
    Mock::given(any()).respond_with(ResponseTemplate::new(429).insert_header("retry-after", "50")).mount(&service).await;
    let handlers = ["ci", "idle"].map(|name| {
        format!(
            "[[handler]]\nname = '{name}'\nkind = 'forward'\nbody = 'raw'\nevents = ['{{}}']\nurl = '{}'\nallow_private = true\n",
            service.uri()
        )
    });
    let handlers = handlers.concat().replacen("{}", "app_version", 1).replacen("{}", "build_upload", 1);
    let (_serving, admin) = serve(&scene.place, &handlers).await;
    scene.place.run(&["send", "app_version"]).await.ends_with(0);

    let held = async || {
        let shown: Value = serde_json::from_str(&get(admin, "/api/v1/handlers").await).unwrap();
        let of = |name: &str| {
            shown["items"].as_array().unwrap().iter().find(|one| one["handler"] == name).unwrap()["held_until"].clone()
        };
        ["ci", "idle"].map(of)
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let until = loop {
        let [ci, idle] = held().await;
        assert_eq!(idle, Value::Null, "nobody asked it to wait");
        if let Some(until) = ci.as_str() {
            break until.parse::<Timestamp>().unwrap();
        }
        assert!(Instant::now() < deadline, "it is not held");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let wait = until.duration_since(SystemClock::new().now()).as_secs();
    assert!((0..=50).contains(&wait), "{wait} s");
    let page = get(admin, "/handlers").await;
    assert_eq!(page.matches("<strong>Held</strong>, because its other side asked to wait").count(), 1, "{page}");
}
