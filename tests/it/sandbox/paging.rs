//! Lists in pages: complete, without repetition, and unmoved by what is added while they are read.

use std::time::Duration;

use asc_webhooks::sandbox::{Fault, Mishap};
use serde_json::json;

use super::{HARBOR, Scene, new_webhook};

#[tokio::test]
async fn a_list_that_grows_while_it_is_read_is_read_completely() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    let sent = scene.running.burst(HARBOR, 95).await.unwrap();
    let expected: Vec<_> = scene.running.deliveries().iter().rev().map(|delivery| delivery.id.clone()).collect();
    assert_eq!((sent.len(), expected.len()), (95, 95));

    let mut next = format!("{}/v1/webhooks/{webhook}/deliveries?limit=10&include=event", scene.running.api_url());
    let (mut read, mut pages) = (Vec::new(), 0);
    let token = super::token(scene.running.team_key(), &json!({}));
    loop {
        let page = scene.request("GET", &next, Some(&token), None).await;
        assert_eq!(page.at("/links/self"), next.as_str());
        assert_eq!(page.at("/meta/paging/limit"), json!(10));
        let items = page.at("/data").as_array().unwrap().clone();
        assert_eq!(page.at("/included").as_array().unwrap().len(), items.len());
        read.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        pages += 1;
        scene.running.burst(HARBOR, 1).await.unwrap();
        match page.at("/links/next").as_str() {
            Some(link) => {
                let cursor = page.at("/meta/paging/nextCursor");
                assert!(link.contains(&format!("cursor={}", cursor.as_str().unwrap())), "{link}");
                link.clone_into(&mut next);
            }
            None => break,
        }
    }
    assert_eq!(pages, 10);
    assert_eq!(read, expected, "newest first, each once, and none that came later");
}

#[tokio::test]
async fn webhooks_come_in_pages_too() {
    let scene = Scene::new().await;
    for _ in 0..5 {
        scene.call("POST", "/v1/webhooks", Some(new_webhook("https://example.com"))).await;
    }
    for path in [format!("/v1/apps/{HARBOR}/webhooks"), format!("/v1/apps/{HARBOR}/relationships/webhooks")] {
        let first = scene.get(&format!("{path}?limit=3")).await;
        assert_eq!((first.at("/data").as_array().unwrap().len(), first.at("/meta/paging/total")), (3, json!(5)));
        let cursor = first.at("/meta/paging/nextCursor");
        let second = scene.get(&format!("{path}?limit=3&cursor={}", cursor.as_str().unwrap())).await;
        assert_eq!((second.at("/data").as_array().unwrap().len(), second.at("/links/next")), (2, json!(null)));
    }
}

#[tokio::test]
async fn deliveries_are_chosen_by_state_and_date() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    scene.running.fault(Fault::next(Mishap::Drop, 1));
    for minute in 0..4 {
        scene.running.ping(&webhook).await;
        assert_eq!(scene.running.deliveries().len(), minute + 1);
        scene.clock.advance(Duration::from_mins(1));
    }
    let count = async |query: &str| {
        let listed = scene.get(&format!("/v1/webhooks/{webhook}/deliveries?{query}")).await;
        listed.at("/data").as_array().unwrap().len()
    };
    assert_eq!(count("limit=200").await, 4);
    assert_eq!(count("filter[deliveryState]=FAILED").await, 1);
    assert_eq!(count("filter[deliveryState]=SUCCEEDED,FAILED").await, 4);
    assert_eq!(count("filter[deliveryState]=PENDING").await, 0);
    let (from, before) = ("filter[createdDateGreaterThanOrEqualTo]", "filter[createdDateLessThan]");
    assert_eq!(count(&format!("{from}=2027-01-15T08:01:00Z")).await, 3);
    assert_eq!(count(&format!("{before}=2027-01-15T08:01:00Z")).await, 1);
    assert_eq!(count(&format!("{from}=2027-01-15T09:01:00%2B01:00&{before}=2027-01-15T08:03:00.000Z")).await, 2);
}
