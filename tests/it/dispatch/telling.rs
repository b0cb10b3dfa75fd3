//! What people are told that no single event knows.

use asc_webhooks::{
    Registry,
    event::{EventKind, sample},
    inbox::DispatchState,
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::support::running::Running;

#[tokio::test]
async fn a_message_says_for_how_long_the_state_before_lasted() {
    let slack = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("ok")).mount(&slack).await;
    let keys = "kind = 'slack'\nallow_private = true\nconcurrency = 1\n";
    let running = Running::start(&format!("[[handler]]\nname = 'chat'\n{keys}url = '{}'\n", slack.uri()), &Registry::builtin());
    let kind = EventKind::AppStoreVersionAppVersionStateUpdated;
    let change = |from: &str, to: &str, time: &str| {
        sample::of(&kind).id(time).subject_id("v1").previous_state(from).state(to).time(time.parse().unwrap()).body()
    };
    running.take_in(change("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", "2026-02-28T10:00:00Z")).await;
    running.take_in(change("WAITING_FOR_REVIEW", "IN_REVIEW", "2026-03-01T14:05:00Z")).await;
    running.take_in(change("IN_REVIEW", "REJECTED", "2026-03-01T17:17:00Z")).await;
    let mut told = Vec::new();
    for number in 1..=3 {
        running.until(number, "chat", DispatchState::Done, 1).await;
    }
    for request in slack.received_requests().await.unwrap() {
        let message: Value = request.body_json().unwrap();
        let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
        let fields = blocks.iter().filter_map(|block| block["fields"].as_array()).flatten();
        told.extend(fields.filter_map(|field| field["text"].as_str()?.strip_prefix("Before\n").map(str::to_owned)));
    }
    told.sort();
    assert_eq!(
        json!(told),
        json!(["In Review for 3 h 12 min", "Waiting for Review for 1 d 4 h"]),
        "nothing is known before the first"
    );
}
