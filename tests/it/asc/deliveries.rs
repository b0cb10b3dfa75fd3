//! Deliveries: what is asked for, what is read, and what an event becomes.

use asc_webhooks::{
    asc::delivery::{Delivery, DeliveryFilter, DeliveryState, by_event},
    event::{Event, EventKind},
    signature::Proof,
};

use super::{client, json, requests, server};

const BODY: &str = r#"{ "data": [
    { "type": "webhookDeliveries", "id": "d-1",
      "attributes": { "createdDate": "2026-11-21T09:00:00.123+01:00", "sentDate": "2026-11-21T08:00:01Z", "deliveryState": "FAILED",
        "errorMessage": "Connection refused", "redelivery": false, "request": { "url": "https://hooks.example/asc" },
        "response": { "httpStatusCode": 503, "body": "{}" } },
      "relationships": { "event": { "data": { "type": "webhookEvents", "id": "e-1" } } } },
    { "type": "webhookDeliveries", "id": "d-2",
      "attributes": { "createdDate": "2026-11-21T08:30:00Z", "deliveryState": "PENDING" },
      "relationships": { "event": { "data": { "type": "webhookEvents", "id": "e-2" } } } },
    { "type": "webhookDeliveries", "id": "d-3",
      "attributes": { "createdDate": "2026-11-21T09:00:00Z", "deliveryState": "SUCCEEDED", "redelivery": true },
      "relationships": { "event": { "data": { "type": "webhookEvents", "id": "e-1" } } } },
    { "type": "webhookDeliveries", "id": "d-4",
      "attributes": { "createdDate": "yesterday", "deliveryState": "LOST_IN_SPACE", "redelivery": 1, "response": "none" },
      "relationships": { "event": { "data": { "type": "webhookEvents", "id": "e-3" } } } },
    { "type": "webhookDeliveries", "id": "d-5" }
  ], "included": [
    { "type": "apps", "id": "e-2", "attributes": { "payload": "not an event" } },
    { "type": "webhookEvents", "id": "e-1", "attributes": { "eventType": "BUILD_UPLOAD_STATE_UPDATED", "ping": false,
        "createdDate": "2026-11-21T07:59:59Z",
        "payload": "{\"data\":{\"type\":\"buildUploadStateUpdated\",\"id\":\"x\",\"attributes\":{\"newState\":\"COMPLETE\"}}}" } },
    { "type": "webhookEvents", "id": "e-2", "attributes": { "ping": true, "payload": "{\"data\":{\"type\":\"webhookPingCreated\"}}" } }
  ], "links": { "self": "/" } }"#;

async fn listed(filter: DeliveryFilter) -> (Vec<Delivery>, url::Url) {
    let server = server(json(200, BODY)).await;
    let deliveries = client(&server).deliveries("w-1", filter).unwrap().all().await.unwrap();
    (deliveries, requests(&server).await[0].url.clone())
}

fn since(text: &str) -> DeliveryFilter {
    DeliveryFilter::since(text.parse().unwrap())
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.id.as_str()).collect()
}

#[track_caller]
fn check_query(url: &url::Url, expected: &[(&str, &str)]) {
    let query: Vec<_> = url.query_pairs().collect();
    let query: Vec<_> = query.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    assert_eq!(query, [expected, &[("include", "event"), ("limit", "200")]].concat());
}

#[tokio::test]
async fn dates_are_always_sent_and_what_was_not_asked_for_is_left_out() {
    let (all, url) = listed(since("2026-11-20T00:00:00Z")).await;
    assert_eq!(ids(&all), ["d-1", "d-2", "d-3", "d-4", "d-5"]);
    check_query(&url, &[("filter[createdDateGreaterThanOrEqualTo]", "2026-11-20T00:00:00Z")]);

    // To the millisecond: this server, like one that does not understand the dates, sends everything.
    let window = since("2026-11-21T08:00:00.124Z").until("2026-11-21T09:00:00Z".parse().unwrap());
    let (some, url) = listed(window).await;
    assert_eq!(ids(&some), ["d-2", "d-4", "d-5"], "what does not say when it was made may be what is sought");
    check_query(
        &url,
        &[
            ("filter[createdDateGreaterThanOrEqualTo]", "2026-11-21T08:00:00Z"),
            ("filter[createdDateLessThan]", "2026-11-21T09:00:00Z"),
        ],
    );
}

#[tokio::test]
async fn a_fraction_of_a_second_widens_the_question_and_not_the_answer() {
    let (some, url) = listed(since("2026-11-21T08:00:00.1234Z").until("2026-11-21T08:30:00.000000001Z".parse().unwrap())).await;
    assert_eq!(ids(&some), ["d-2", "d-4", "d-5"]);
    check_query(
        &url,
        &[
            ("filter[createdDateGreaterThanOrEqualTo]", "2026-11-21T08:00:00Z"),
            ("filter[createdDateLessThan]", "2026-11-21T08:30:01Z"),
        ],
    );
}

#[tokio::test]
async fn states_are_asked_for_and_looked_at() {
    let filter = since("2026-11-20T00:00:00Z").in_states([DeliveryState::Pending, DeliveryState::Failed]);
    let (some, url) = listed(filter).await;
    assert_eq!(ids(&some), ["d-1", "d-2", "d-5"]);
    check_query(
        &url,
        &[("filter[createdDateGreaterThanOrEqualTo]", "2026-11-20T00:00:00Z"), ("filter[deliveryState]", "FAILED,PENDING")],
    );

    let (some, url) = listed(since("2026-11-20T00:00:00Z").in_states(["LOST_IN_SPACE".into()])).await;
    assert_eq!(ids(&some), ["d-4", "d-5"]);
    check_query(&url, &[("filter[createdDateGreaterThanOrEqualTo]", "2026-11-20T00:00:00Z")]);
}

#[tokio::test]
async fn everything_that_apple_tells_is_read() {
    let (deliveries, _) = listed(since("2026-11-20T00:00:00Z")).await;
    insta::assert_debug_snapshot!(deliveries);
}

#[tokio::test]
async fn what_was_fetched_is_authentic() {
    let (deliveries, _) = listed(since("2026-11-20T00:00:00Z")).await;
    let event = deliveries[0].event.as_ref().unwrap();
    assert!(!event.is_ping);
    let (body, proof) = event.authentic().unwrap().into_parts();
    assert_eq!(proof, Proof::Fetched);
    assert_eq!(Event::parse(body).unwrap().kind, EventKind::BuildUploadStateUpdated);
    assert!(deliveries[1].event.as_ref().unwrap().is_ping);
    assert!(deliveries[3].event.as_ref().unwrap().authentic().is_none(), "Apple named the event and did not send it");
}

#[tokio::test]
async fn a_payload_that_is_no_string_is_an_event_all_the_same() {
    let body = r#"{ "data": [{ "type": "webhookDeliveries", "id": "d", "relationships": { "event": { "data":
        { "type": "webhookEvents", "id": "e" } } } }], "included": [{ "type": "webhookEvents", "id": "e", "attributes": {
        "eventType": 7, "payload": { "data": { "type": "webhookPingCreated", "id": "1" } } } }], "links": { "self": "/" } }"#;
    let server = server(json(200, body)).await;
    let deliveries = client(&server).deliveries("w-1", since("2026-11-20T00:00:00Z")).unwrap().all().await.unwrap();
    let body = deliveries[0].event.as_ref().unwrap().authentic().unwrap().into_parts().0;
    assert_eq!(Event::parse(body).unwrap().kind, EventKind::WebhookPingCreated);
}

#[tokio::test]
async fn the_deliveries_of_one_event_stand_together() {
    let (deliveries, _) = listed(since("2026-11-20T00:00:00Z")).await;
    let groups = by_event(deliveries.iter().cloned().chain([deliveries[4].clone()]));
    let groups: Vec<_> =
        groups.iter().map(|group| (group.event.as_ref().map(|event| event.id.as_str()), ids(&group.deliveries))).collect();
    assert_eq!(
        groups,
        [
            (Some("e-1"), vec!["d-1", "d-3"]),
            (Some("e-2"), vec!["d-2"]),
            (Some("e-3"), vec!["d-4"]),
            (None, vec!["d-5"]),
            (None, vec!["d-5"]),
        ]
    );
}
