//! Why a handler did nothing: what is shown of an event that its `when` passed over, beside one that it let through.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use asc_webhooks::sandbox::Scenario;
use serde_json::Value;

use super::{Scene, masked};
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

#[tokio::test]
async fn an_event_that_a_condition_passed_over_is_shown_as_that_everywhere() {
    let scene = Scene::new().await;
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let desk = format!("[admin]\nlisten = '{admin}'\ntoken = 'the token of an operator of this test'\nread_token = '{READER}'");
    let config = fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    scene.place.write("config.toml", &(config.replace("[admin]\nlisten = false", &desk) + HANDLERS));
    scene.register();
    let _serving = scene.place.serve().await;
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

    let get = async |path: &str| {
        let mut reader = Peer::connect(admin).await;
        let head = format!("host: {admin}\r\nauthorization: Bearer {READER}\r\nconnection: close");
        reader.say(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n")).await;
        let answer = reader.hear_all().await;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    };
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
