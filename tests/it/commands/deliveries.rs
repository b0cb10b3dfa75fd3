//! Apple's tries to deliver, and whether we keep what they were about.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use asc_webhooks::sandbox::{Fault, Mishap, Scenario};
use serde_json::{Value, json};

use super::{APP, Scene, Serving, assert_told};

#[tokio::test]
async fn deliveries_are_listed_with_the_receipts_that_came_of_them() {
    let scene = Scene::new().await;
    assert_told!("deliveries_list_no_webhook", scene.place.run(&["deliveries", "list", "--endpoint", "my-app"]).await.ends_with(3));
    let webhook = scene.register();
    assert_told!("deliveries_list_empty", scene.place.run(&["deliveries", "list"]).await.ends_with(0));
    let _serving = scene.place.serve().await;
    scene.apple.drive(Scenario::Rejection).await.unwrap();
    scene.apple.fault(Fault::next(Mishap::Drop, 1));
    scene.apple.ping(&webhook).await;

    assert_told!("deliveries_list", scene.place.run(&["deliveries", "list", "--endpoint", "my-app"]).await.ends_with(0));
    let all = scene.place.json(&["deliveries", "list", "--webhook", &webhook]).await;
    let items = all["items"].as_array().unwrap();
    assert!(items.len() > 2 && items[1..].iter().all(|item| item["kept"] == true && item["receipt"].is_i64()), "{all}");
    assert_eq!((&items[0]["kept"], &items[0]["receipt"], &items[0]["is_ping"]), (&json!(false), &Value::Null, &json!(true)));
    let failed = scene.place.json(&["deliveries", "list", "--state", "failed"]).await;
    assert_eq!(failed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(scene.place.json(&["deliveries", "list", "--until", "1h"]).await["items"], json!([]));
    scene.place.run(&["deliveries", "list", "--state", "lost"]).await.ends_with(2);

    // Page by page, each is listed once.
    let (mut seen, mut next) = (Vec::new(), None::<String>);
    loop {
        let until = next.clone();
        let mut arguments = vec!["deliveries", "list", "--webhook", &webhook, "--limit", "1"];
        arguments.extend(until.iter().flat_map(|until| ["--until", until]));
        let page = scene.place.json(&arguments).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let expected: Vec<Value> = items.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(seen.len(), expected.len());
    assert!(expected.iter().all(|id| seen.contains(id)), "{seen:?}");
}

#[tokio::test]
async fn what_failed_is_sent_again_once_and_what_is_kept_is_left_out() {
    let scene = Scene::new().await;
    scene.register();
    let steps = scene.apple.drive(Scenario::Rejection).await.unwrap().len();
    let redeliver = ["deliveries", "redeliver", "--failed"];
    let planned = scene.place.json(&[&redeliver[..], &["--dry-run"]].concat()).await;
    assert_eq!(planned["items"].as_array().map(Vec::len), Some(steps));
    assert_eq!(scene.apple.deliveries().len(), steps, "a dry run changes nothing");

    let _serving = scene.place.serve().await;
    let one = scene.apple.deliveries()[0].id.clone();
    assert_told!(
        "deliveries_redeliver_dry_run",
        scene.place.run(&["deliveries", "redeliver", &one, "--dry-run"]).await.ends_with(0)
    );
    assert_told!("deliveries_redeliver", scene.place.run(&["deliveries", "redeliver", &one]).await.ends_with(0));
    let nobodys = "00000000-0000-4000-8000-000000000000";
    let ran = scene.place.run(&["deliveries", "redeliver", nobodys, &one, nobodys]).await;
    assert_told!("deliveries_redeliver_some", ran.ends_with(3));

    let sent = scene.place.json(&redeliver).await;
    assert_eq!(sent["items"].as_array().map(Vec::len), Some(steps - 1), "the first has arrived already: {sent}");
    let kept = scene.place.json(&["events", "stats"]).await;
    assert_eq!(kept["receipts"], steps);
    assert_told!("deliveries_redeliver_nothing", scene.place.run(&redeliver).await.ends_with(0));
}

#[tokio::test]
async fn what_was_missed_is_fetched_back_at_once() {
    let scene = Scene::new().await;
    // A server that has run makes the store, and is gone.
    drop(scene.place.serve().await);
    scene.register();
    scene.apple.burst(APP, 3).await.unwrap();
    let recover = ["deliveries", "recover"];
    let recovered = scene.place.json(&recover).await;
    assert_eq!((&recovered["items"][0]["recovered"], &recovered["items"][0]["account"]["missing"]), (&json!(3), &json!(0)));
    let again = scene.place.run(&[&recover[..], &["--since", "1d", "--endpoint", "my-app"]].concat()).await.ends_with(0);
    assert!(again.err().contains("my-app: 3 deliveries, nothing was missed"), "{}", again.err());
    let stats = scene.place.json(&["events", "stats"]).await;
    assert_eq!((&stats["recovered"], &stats["recovery"][0]["kept"]), (&json!(3), &json!(3)));
    scene.place.run(&[&recover[..], &["--endpoint", "other"]].concat()).await.ends_with(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_followed_line_by_line() {
    let scene = Scene::new().await;
    scene.register();
    scene.apple.burst(APP, 2).await.unwrap();
    let mut command = scene.place.command(&["deliveries", "list", "--follow", "--every", "1s", "--json"]);
    let mut program = Serving(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["id"].clone();
    let ids = |from: usize| scene.apple.deliveries()[from..].iter().map(|one| json!(one.id)).collect::<Vec<_>>();
    assert_eq!([next(), next()].map(|id| ids(0).contains(&id)), [true, true]);
    scene.apple.burst(APP, 1).await.unwrap();
    assert_eq!(vec![next()], ids(2), "and nothing twice");
}
