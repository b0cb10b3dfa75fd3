//! Nothing that opens anything is ever printed by a command, however much is logged.

use asc_webhooks::sandbox::Scenario;

use super::{SECRET, Scene};

#[tokio::test]
async fn no_command_prints_a_secret_a_key_or_a_token_at_trace_level() {
    let scene = Scene::new().await;
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    scene.place.write("config.toml", &config.replace("log = 'off'", "log = 'trace'"));
    let id = scene.register();
    scene.apple.drive(Scenario::Rejection).await.unwrap();
    let delivery = scene.apple.deliveries()[0].id.clone();
    let other = "https://hooks.example.com/other";
    let commands: [&[&str]; 17] = [
        &["check"],
        &["check", "--online", "--timeout", "2s"],
        &["webhooks", "list"],
        &["webhooks", "show", &id],
        &["webhooks", "create", "--endpoint", "my-app", "--dry-run"],
        &["webhooks", "create", "--endpoint", "my-app", "--url", other],
        &["webhooks", "create", "--endpoint", "my-app", "--app", "1"],
        &["webhooks", "update", &id, "--secret-file", "my-app.secret"],
        &["webhooks", "update", &id, "--secret-file", "my-app.secret", "--dry-run"],
        &["webhooks", "ping", &id, "--timeout", "2s"],
        &["deliveries", "list"],
        &["deliveries", "redeliver", &delivery],
        &["marketplace", "create", "--url", other, "--secret-file", "my-app.secret"],
        &["marketplace", "update", "--secret-file", "my-app.secret"],
        &["marketplace", "show"],
        &["marketplace", "delete", "--yes"],
        &["webhooks", "delete", &id, "--yes"],
    ];
    let key = scene.apple.team_key().private_key_pem.expose();
    let lines_of_key = key.lines().filter(|line| !line.starts_with("-----"));
    // Every token begins with an object in Base64, as its signature does not; half a token is as bad as a whole one.
    let canaries: Vec<&str> = lines_of_key.chain([SECRET, "PRIVATE KEY", "Bearer", "eyJ"]).collect();
    let mut traced = 0;
    for command in commands {
        let told = scene.place.run(command).await.told();
        traced += told.matches("TRACE").count();
        let found: Vec<&&str> = canaries.iter().filter(|canary| told.contains(**canary)).collect();
        assert!(found.is_empty(), "{found:?} was printed: {told}");
    }
    assert!(traced > 100, "only {traced} lines at trace level");
}
