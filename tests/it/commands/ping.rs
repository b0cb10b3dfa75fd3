//! A ping, all the way from Apple to the store, and where it can end on its way.

use asc_webhooks::{
    sandbox::{Fault, Mishap},
    secret::Secret,
};

use super::{APP, Scene, assert_told};

const PING: [&str; 6] = ["webhooks", "ping", "--endpoint", "my-app", "--timeout", "10s"];

#[tokio::test]
async fn a_ping_is_waited_for_until_it_is_kept() {
    let scene = Scene::new().await;
    let id = scene.register();
    let _serving = scene.place.serve().await;
    assert_told!("webhooks_ping", scene.place.run(&PING).await.ends_with(0));
    assert_told!("webhooks_ping_dry_run", scene.place.run(&["webhooks", "ping", &id, "--dry-run"]).await.ends_with(0));
    let again = scene.place.json(&["webhooks", "ping", &id]).await;
    assert_eq!((&again["ending"], &again["receipt"], &again["secret"]), (&"kept".into(), &2.into(), &"my-app.secret".into()));
}

#[tokio::test]
async fn a_ping_that_does_not_come_in_is_explained() {
    let scene = Scene::new().await;
    scene.register();
    assert_told!("webhooks_ping_no_server", scene.place.run(&PING).await.ends_with(4));
    let _serving = scene.place.serve().await;
    scene.apple.fault(Fault::next(Mishap::WrongSecret, 1));
    assert_told!("webhooks_ping_wrong_secret", scene.place.run(&PING).await.ends_with(4));
    scene.apple.fault(Fault::next(Mishap::Reorder, 1));
    let ran = scene.place.run(&["webhooks", "ping", "--endpoint", "my-app", "--timeout", "100ms"]).await;
    assert_told!("webhooks_ping_pending", ran.ends_with(4));
    let elsewhere = format!("http://{}/elsewhere", scene.place.listen);
    let id = scene.apple.register(APP, "old", &elsewhere, &Secret::new("another secret of the tests")).unwrap();
    assert_told!("webhooks_ping_other_path", scene.place.run(&["webhooks", "ping", &id]).await.ends_with(4));
    let failed = scene.place.run(&["webhooks", "ping", &id, "--json"]).await.ends_with(4).json();
    assert_eq!((&failed["ending"], &failed["delivery"]["status"]), (&"failed".into(), &404.into()));
}
