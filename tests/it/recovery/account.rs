//! The account and the mark: what moves it, what does not, and what is said when something is missing.

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    asc::{Client, Credentials, Settings as Asking},
    clock::{Clock as _, ManualClock},
    http_client::Outgoing,
    inbox::{Store as _, memory::Memory},
    sandbox::{Fault, Mishap},
    secret::Secret,
};
use jiff::Timestamp;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, path},
};

use super::{BEGIN, Scene, loaded, recovery};

#[tokio::test]
async fn the_mark_is_the_newest_delivery_and_stays_when_nothing_is_new() {
    let scene = Scene::new().await;
    assert_eq!(scene.recover().await.account.mark, None, "an empty list says nothing");
    let newest = scene.clock.now();
    scene.missed(2).await;
    scene.clock.advance(Duration::from_mins(5));
    assert_eq!(scene.recover().await.account.mark, Some(newest));
    scene.clock.advance(Duration::from_hours(100));
    let account = scene.recover().await.account;
    assert_eq!((account.mark, account.completed_at), (Some(newest), Some(scene.clock.now())));
}

#[tokio::test]
async fn a_pass_that_fails_leaves_the_mark_and_says_why() {
    let scene = Scene::new().await;
    scene.missed(250).await;
    let mark = scene.recover().await.account.mark;
    scene.clock.advance(Duration::from_mins(5));
    scene.missed(250).await;

    scene.sandbox.fault(Fault::sometimes(Mishap::ApiError, 1.0));
    scene.try_to_recover().await.unwrap_err();
    let account = scene.account().await;
    assert_eq!((account.mark, account.listed), (mark, 250));
    let failure = account.failure.unwrap();
    assert_eq!(failure.at, scene.clock.now());
    assert!(failure.error.contains("/webhooks (tried 5 times)"), "{}", failure.error);

    scene.sandbox.clear_faults();
    let recovered = scene.recover().await;
    assert_eq!((recovered.recovered, recovered.account.failure), (250, None));
    assert!(recovered.account.mark > mark);
}

#[tokio::test]
async fn some_trouble_at_apples_side_is_borne() {
    let scene = Scene::new().await;
    scene.missed(1_000).await;
    scene.sandbox.fault(Fault::next(Mishap::ApiLimit, 2));
    scene.sandbox.fault(Fault::next(Mishap::ApiError, 2));
    assert_eq!(scene.recover().await.recovered, 1_000);
}

#[tokio::test]
async fn to_look_back_further_leaves_the_mark() {
    let scene = Scene::with("[recovery]\noverlap = '1m'").await;
    let begin = scene.clock.now();
    scene.missed(1).await;
    scene.clock.advance(Duration::from_hours(2));
    scene.missed(1).await;
    let mark = scene.recover().await.account.mark;
    scene.clock.advance(Duration::from_hours(2));
    scene.missed(1).await;

    let recovered = scene.recovery.recover(&scene.endpoint(), Some(begin)).await.unwrap();
    assert_eq!((recovered.deliveries, recovered.recovered, recovered.account.mark), (3, 1, mark));
    assert_eq!(scene.recover().await.deliveries, 2, "from the mark on, with the overlap");
}

#[tokio::test]
async fn the_first_look_goes_back_as_far_as_is_said() {
    let scene = Scene::with("[recovery]\nlookback = '25d'").await;
    for _ in 0..4 {
        scene.missed(1).await;
        scene.clock.advance(Duration::from_hours(8 * 24));
    }
    let recovered = scene.recover().await;
    assert_eq!((recovered.deliveries, recovered.recovered), (3, 3), "over three windows; the fourth event is 32 days old");
    scene.clock.advance(Duration::from_hours(24 * 24));
    assert_eq!(scene.recover().await.account.listed, 0, "the account goes back no further");
    assert_eq!(scene.receipts().await, 3, "the receipts stay");
}

/// Asks a server that lists three deliveries: one whose event has no payload, one that names no event, and one that is all right.
#[tokio::test]
async fn what_cannot_be_had_is_missing_and_holds_the_mark() {
    let apple = MockServer::start().await;
    let answer = |body: &'static str| ResponseTemplate::new(200).set_body_raw(body, "application/json");
    let webhooks = r#"{"data": [{"type": "webhooks", "id": "w", "attributes": {"url": "https://hooks.example.com/app"}}]}"#;
    Mock::given(path("/v1/apps/6700000001/webhooks")).respond_with(answer(webhooks)).mount(&apple).await;
    let deliveries = r#"{"data": [
        {"type": "webhookDeliveries", "id": "d-1", "attributes": {"createdDate": "2026-11-21T11:00:00Z", "deliveryState": "FAILED"},
         "relationships": {"event": {"data": {"type": "webhookEvents", "id": "e-1"}}}},
        {"type": "webhookDeliveries", "id": "d-2", "attributes": {"createdDate": "2026-11-21T11:10:00Z", "deliveryState": "FAILED"}},
        {"type": "webhookDeliveries", "id": "d-3", "attributes": {"createdDate": "2026-11-21T11:20:00Z", "deliveryState": "FAILED"},
         "relationships": {"event": {"data": {"type": "webhookEvents", "id": "e-3"}}}}],
      "included": [
        {"type": "webhookEvents", "id": "e-1", "attributes": {"eventType": "BUILD_UPLOAD_STATE_UPDATED"}},
        {"type": "webhookEvents", "id": "e-3", "attributes": {"payload": "{\"data\":{\"type\":\"buildUploadStateUpdated\",\"id\":\"x\"}}"}}]}"#;
    Mock::given(any()).respond_with(answer(deliveries)).mount(&apple).await;

    let clock = Arc::new(ManualClock::new(BEGIN.parse().unwrap()));
    let key = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap();
    let credentials = Credentials::individual("KEY1234567", &Secret::new(key.as_str())).unwrap();
    let mut asking = Asking::new(apple.uri().parse().unwrap());
    asking.interval = Duration::ZERO;
    let client = Client::new(credentials, asking, &Outgoing::new(None).unwrap(), clock.clone()).unwrap();
    let store = Arc::new(Memory::new());
    let recovery = recovery(&Arc::new(client), store.clone(), clock.clone(), &loaded(""));

    for minutes in [0, 45] {
        clock.advance(Duration::from_mins(minutes));
        let account = recovery.recover(&recovery.endpoints()[0], None).await.unwrap().account;
        assert_eq!((account.listed, account.kept, account.missing), (3, 1, 2));
        assert_eq!(account.mark, Some("2026-11-21T11:00:00Z".parse().unwrap()), "it stays at the oldest that is missing");
        assert_eq!(account.missing_since, Some(BEGIN.parse().unwrap()), "since it was first seen to be");
    }
    assert_eq!(store.stats(clock.now()).await.unwrap().receipts, 1);
    let asked: Vec<String> = apple.received_requests().await.unwrap().iter().filter_map(since_of).collect();
    assert_eq!(asked, ["2026-11-11T12:00:00Z", "2026-11-21T10:00:00Z"], "ten days, and then the mark less the overlap");
}

fn since_of(request: &wiremock::Request) -> Option<String> {
    let mut pairs = request.url.query_pairs();
    let since = pairs.find(|(name, _)| name == "filter[createdDateGreaterThanOrEqualTo]")?.1.into_owned();
    Some(since.parse::<Timestamp>().unwrap().to_string())
}
