//! Nothing that opens anything is ever printed by a command, however much is logged.

use std::{
    fs::{self, File},
    net::TcpListener,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use asc_webhooks::{
    clock::SystemClock,
    inbox::sqlite::{Options, Sqlite},
    sandbox::Scenario,
    secret::Secret,
    vault::Vault,
};

use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::{APP, SECRET, Scene, Serving};
use crate::support::peer::Peer;

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

/// What handlers are configured with, and quoted with by those they call.
const OF_HANDLERS: [&str; 4] =
    ["canary-in-a-header-0001", "canary-in-a-query-0002", "canary-in-the-environment-0003", "canary-among-arguments-0004"];

const READER: &str = "the token of a reader of this test";

/// What the services and programs that handlers call say is kept and shown, but for the secrets in it.
#[tokio::test]
async fn what_a_handler_is_quoted_with_is_kept_and_shown_without_its_secrets() {
    let scene = Scene::new().await;
    let service = MockServer::start().await;
    let refuse = |request: &Request| {
        let credential = request.headers["authorization"].to_str().unwrap();
        ResponseTemplate::new(403).set_body_string(format!("unknown credential {credential} at {}", request.url))
    };
    Mock::given(any()).respond_with(refuse).mount(&service).await;
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [header, query, variable, argument] = OF_HANDLERS;
    let handlers = format!(
        r#"
[[handler]]
name = "forward"
kind = "forward"
url = "{}/?token={query}"
body = "raw"
allow_private = true
headers = {{ authorization = "Bearer {header}" }}

[[handler]]
name = "exec"
kind = "exec"
command = ["/bin/sh", "-c", "set -x; : $CI_TOKEN $0; exit 1", {{ file = "argument" }}]
env = {{ CI_TOKEN = "{variable}" }}
retry = []
"#,
        service.uri()
    );
    let config = fs::read_to_string(scene.place.path().join("config.toml")).unwrap();
    let config = config.replace("log = 'off'", "log = 'trace'");
    let desk = format!("[admin]\nlisten = '{admin}'\ntoken = 'the token of an operator of this test'\nread_token = '{READER}'");
    scene.place.write("argument", argument);
    scene.place.write("config.toml", &(config.replace("[admin]\nlisten = false", &desk) + &handlers));
    let log = scene.place.path().join("server.log");
    let mut server = scene.place.command(&["serve"]);
    let _serving = Serving(server.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap());
    scene.place.until_ready().await;
    scene.place.run(&["send", "app_version", "--state", "REJECTED"]).await.ends_with(0);

    let deadline = Instant::now() + Duration::from_secs(20);
    let shown = loop {
        let shown = scene.place.run(&["events", "show", "1", "--json"]).await.ends_with(0).told();
        if shown.matches("\"dead\"").count() == 2 {
            break shown;
        }
        assert!(Instant::now() < deadline, "{shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(shown.contains("unknown credential *** at "), "{shown}");
    assert!(shown.contains("+ : *** ***"), "{shown}");
    let mut seen = vec![shown, scene.place.run(&["events", "show", "1"]).await.told(), fs::read_to_string(log).unwrap()];
    for path in ["/events/1", "/api/v1/receipts/1"] {
        let mut reader = Peer::connect(admin).await;
        let head = format!("host: {admin}\r\nauthorization: Bearer {READER}\r\nconnection: close");
        reader.say(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n")).await;
        let answer = reader.hear_all().await;
        assert!(answer.contains("unknown credential ***"), "{answer}");
        seen.push(answer);
    }
    for file in ["inbox.db", "inbox.db-wal"] {
        seen.push(String::from_utf8_lossy(&fs::read(scene.place.path().join(file)).unwrap()).into_owned());
    }
    for told in &seen {
        let found: Vec<&&str> = OF_HANDLERS.iter().filter(|canary| told.contains(**canary)).collect();
        assert!(found.is_empty(), "{found:?} is shown: {told}");
    }
}
