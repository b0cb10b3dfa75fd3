//! Looking at what Apple has.

use serde_json::json;

use super::{APP, Scene, assert_told};

#[tokio::test]
async fn webhooks_are_listed_and_shown() {
    let scene = Scene::new().await;
    assert_told!("webhooks_list_empty", scene.place.run(&["webhooks", "list"]).await.ends_with(0));
    let id = scene.register();
    assert_told!("webhooks_list", scene.place.run(&["webhooks", "list"]).await.ends_with(0));
    assert_told!("webhooks_show", scene.place.run(&["webhooks", "show", &id]).await.ends_with(0));

    let listed = scene.place.json(&["webhooks", "list", "--app", APP]).await;
    let shown = scene.place.json(&["webhooks", "show", &id]).await;
    assert_eq!(listed, json!({ "items": [shown], "next": null }));
    assert_eq!((&shown["id"], &shown["app_id"], &shown["enabled"]), (&json!(id), &json!(APP), &json!(true)));
    assert_eq!(shown["events"].as_array().map(Vec::len), Some(12));
}
