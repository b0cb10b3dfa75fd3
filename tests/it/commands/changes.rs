//! Changing Apple's side: what is shown first, what is asked about, and what is done.

use serde_json::json;

use super::{APP, SECRET, Scene, assert_told};

#[tokio::test]
async fn a_webhook_from_its_creation_to_its_end() {
    let scene = Scene::new().await;
    let create = ["webhooks", "create", "--endpoint", "my-app", "--events", "build_upload,app_version"];
    assert_told!("webhooks_create_dry_run", scene.place.run(&[&create[..], &["--dry-run"]].concat()).await.ends_with(0));
    assert_eq!(scene.place.json(&["webhooks", "list"]).await["items"], json!([]), "a dry run changes nothing");

    let made = scene.place.run(&create).await.ends_with(0);
    assert_told!("webhooks_create", made);
    let listed = scene.place.json(&["webhooks", "list"]).await;
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed["items"][0]["name"], "my-app");

    assert_told!("webhooks_update_nothing", scene.place.run(&["webhooks", "update", &id]).await.ends_with(1));
    let update = ["webhooks", "update", &id, "--disable", "--events", "beta_feedback", "--secret-file", "my-app.secret"];
    assert_told!("webhooks_update_dry_run", scene.place.run(&[&update[..], &["--dry-run"]].concat()).await.ends_with(0));
    assert_told!("webhooks_update", scene.place.run(&update).await.ends_with(0));

    assert_told!("webhooks_delete_without_yes", scene.place.run(&["webhooks", "delete", &id]).await.ends_with(1));
    assert_told!("webhooks_delete_dry_run", scene.place.run(&["webhooks", "delete", &id, "--dry-run"]).await.ends_with(0));
    assert_eq!(scene.place.json(&["webhooks", "list"]).await["items"].as_array().map(Vec::len), Some(1));
    assert_told!("webhooks_delete", scene.place.run(&["webhooks", "delete", &id, "--yes"]).await.ends_with(0));
    assert_eq!(scene.place.json(&["webhooks", "list"]).await["items"], json!([]));
}

#[tokio::test]
async fn a_webhook_is_made_of_flags_and_a_secret_of_the_environment() {
    let scene = Scene::new().await;
    let arguments =
        ["webhooks", "create", "--app", APP, "--url", "https://ci.example.com/apple", "--secret-env", "MY_APP_SECRET", "--json"];
    let mut command = scene.place.command(&arguments);
    let output = tokio::task::spawn_blocking(move || command.env("MY_APP_SECRET", SECRET).output().unwrap()).await.unwrap();
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&made["name"], &made["url"]), (&json!("asc-webhooks"), &json!("https://ci.example.com/apple")));
    assert_eq!(made["events"].as_array().map(Vec::len), Some(12), "all, if nobody says which");
    scene.place.run(&arguments).await.ends_with(3);
    assert_told!("webhooks_create_without_secret", scene.place.run(&arguments[..6]).await.ends_with(1));
    let outline = scene.place.json(&["webhooks", "create", "--endpoint", "my-app", "--dry-run"]).await;
    assert_eq!((&outline["method"], &outline["body"]["data"]["attributes"]["secret"]), (&json!("POST"), &json!("…")));
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    scene.place.write("config.toml", &format!("{config}[registration]\nname_prefix = 'eu-'\n"));
    let outline = scene.place.json(&["webhooks", "create", "--endpoint", "my-app", "--dry-run"]).await;
    assert_eq!(outline["body"]["data"]["attributes"]["name"], "eu-my-app", "as `webhooks apply` would call it");
}

#[tokio::test]
async fn a_second_webhook_at_one_address_is_made_only_if_it_is_meant() {
    let scene = Scene::new().await;
    let create = ["webhooks", "create", "--endpoint", "my-app"];
    scene.place.run(&create).await.ends_with(0);
    assert_told!("webhooks_create_again", scene.place.run(&create).await.ends_with(1));
    scene.place.run(&[&create[..], &["--dry-run"]].concat()).await.ends_with(1);
    scene.place.run(&[&create[..], &["--url", "https://ci.example.com/apple/my-app"]].concat()).await.ends_with(0);
    scene.place.run(&[&create[..], &["--another"]].concat()).await.ends_with(0);
    let listed = scene.place.json(&["webhooks", "list"]).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_marketplace_webhook_from_its_creation_to_its_end() {
    let scene = Scene::new().await;
    assert_told!("marketplace_show_none", scene.place.run(&["marketplace", "show"]).await.ends_with(3));
    let create = ["marketplace", "create", "--url", "https://hooks.example.com/market", "--secret-file", "my-app.secret"];
    assert_told!("marketplace_create_dry_run", scene.place.run(&[&create[..], &["--dry-run"]].concat()).await.ends_with(0));
    assert_told!("marketplace_create", scene.place.run(&create).await.ends_with(0));
    assert_told!("marketplace_create_again", scene.place.run(&create).await.ends_with(4));
    let update = ["marketplace", "update", "--url", "https://hooks.example.com/other"];
    assert_told!("marketplace_update", scene.place.run(&update).await.ends_with(0));
    assert_eq!(scene.place.json(&["marketplace", "show"]).await["url"], "https://hooks.example.com/other");
    assert_told!("marketplace_delete_without_yes", scene.place.run(&["marketplace", "delete"]).await.ends_with(1));
    assert_told!("marketplace_delete", scene.place.run(&["marketplace", "delete", "--yes"]).await.ends_with(0));
    scene.place.run(&["marketplace", "show"]).await.ends_with(3);
}
