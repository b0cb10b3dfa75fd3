//! Looking at what Apple has.

use std::fs;

use asc_webhooks::sandbox::Scenario;
use serde_json::{Value, json};

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
    assert_eq!((&shown["endpoint"], shown["events"].as_array().map(Vec::len)), (&json!("my-app"), Some(12)));
}

/// What the operator's API tells of a thing, by the name of its schema, and what a command may leave out of it.
#[track_caller]
fn check_names(item: &Value, schema: &str, left_out: &[&str]) {
    let schemas: Value = serde_json::from_str(include_str!("../../../src/server/admin/schemas.json")).unwrap();
    let told = schemas[schema]["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let missing: Vec<&str> = told.filter(|name| item.get(name).is_none()).collect();
    assert_eq!(missing, left_out, "{schema}: {item:#}");
}

#[tokio::test]
async fn programs_find_things_under_the_names_that_the_api_has_for_them() {
    let scene = Scene::new().await;
    let id = scene.register();
    let file = scene.place.path().join("config.toml");
    let configured = fs::read_to_string(&file).unwrap();
    fs::write(file, format!("{configured}\n[[handler]]\nname = 'log'\nkind = 'log'\n")).unwrap();
    let _serving = scene.place.serve().await;
    scene.apple.drive(Scenario::Rejection).await.unwrap();
    let ping = scene.place.json(&["webhooks", "ping", &id]).await;
    assert_eq!((&ping["webhook"], &ping["endpoint"]), (&json!(id), &json!("my-app")));

    let first = async |arguments: &[&str]| {
        let list = scene.place.json(arguments).await;
        assert!(list.get("next").is_some(), "{list:#}");
        list["items"][0].clone()
    };
    check_names(&first(&["webhooks", "list"]).await, "Registration", &[]);
    let delivery = first(&["deliveries", "list"]).await;
    check_names(&delivery, "Delivery", &[]);
    assert_eq!((&delivery["webhook"], &delivery["endpoint"]), (&json!(id), &json!("my-app")));
    check_names(&first(&["events", "list"]).await, "Listed", &[]);
    // What only the server knows that runs them is the API's alone.
    check_names(&first(&["handlers", "list"]).await, "Handler", &["held_until", "last_hour"]);
    check_names(&first(&["events", "versions"]).await, "Way", &[]);
    check_names(&scene.place.json(&["events", "show", "1"]).await, "ReceiptRecord", &["message"]);
    check_names(&scene.place.json(&["events", "stats"]).await, "Stats", &[]);
    check_names(&first(&["deliveries", "recover"]).await["account"], "Account", &[]);
}
