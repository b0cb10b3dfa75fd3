//! Nothing that opens anything is ever printed by a command, however much is logged.

use std::{fs::File, process::Stdio, sync::Arc};

use asc_webhooks::{
    clock::SystemClock,
    inbox::sqlite::{Options, Sqlite},
    sandbox::Scenario,
    secret::Secret,
    vault::Vault,
};

use super::{APP, SECRET, Scene, Serving};

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

/// What seals the secrets of an endpoint that keeps its own.
const KEY: &str = "canary-of-the-key-that-seals-secrets";

#[tokio::test]
async fn neither_server_nor_command_prints_a_secret_that_the_program_made_itself() {
    let scene = Scene::new().await;
    let config = std::fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    let managed = "secrets = [{ file = 'my-app.secret' }]";
    assert!(config.contains(managed));
    let config = config.replace("log = 'off'", "log = 'trace'").replace(managed, "managed_secrets = true");
    scene.place.write("config.toml", &config.replace("[store]", &format!("[store]\nsecrets_key = '{KEY}'")));
    let log = scene.place.path().join("server.log");
    let mut server = scene.place.command(&["serve"]);
    let _serving = Serving(server.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap());
    scene.place.until_ready().await;

    scene.apple.register(APP, "left over", &format!("http://{}/old", scene.place.listen), &Secret::new(SECRET)).unwrap();
    let commands: [(&[&str], i32); 10] = [
        (&["webhooks", "plan"], 5),
        (&["webhooks", "apply", "--dry-run"], 0),
        (&["webhooks", "apply"], 0),
        (&["check", "--online", "--timeout", "10s"], 0),
        (&["webhooks", "rotate-secret", "my-app", "--dry-run"], 0),
        (&["webhooks", "rotate-secret", "my-app"], 0),
        (&["webhooks", "rotate-secret", "my-app", "--json"], 0),
        (&["deliveries", "recover", "--since", "1d"], 0),
        (&["events", "stats"], 0),
        (&["webhooks", "apply", "--prune", "--yes"], 0),
    ];
    let mut printed = Vec::new();
    for (command, code) in commands {
        printed.push(scene.place.run(command).await.ends_with(code).told());
    }
    scene.apple.drive(Scenario::Feedback).await.unwrap();
    printed.push(std::fs::read_to_string(log).unwrap());

    let store = Sqlite::open(Options::new(scene.place.path().join("inbox.db")).shared()).unwrap();
    let vault = Vault::new(Arc::new(store), &Secret::new(KEY), Arc::new(SystemClock::new()));
    let contents = vault.open().await.unwrap();
    let made = contents.of("my-app");
    assert_eq!(made.len(), 3, "one, and two rotations");
    let canaries: Vec<&str> =
        made.iter().map(|one| one.secret.expose()).chain([KEY, SECRET, "PRIVATE KEY", "Bearer", "eyJ"]).collect();
    for told in &printed {
        let found: Vec<&&str> = canaries.iter().filter(|canary| told.contains(**canary)).collect();
        assert!(found.is_empty(), "{found:?} was printed: {told}");
    }
    let traced = printed.iter().filter(|told| told.contains("TRACE")).count();
    assert!(traced > 5, "only {traced} of them at trace level");
}
