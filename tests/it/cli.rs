//! The program as people run it: what it prints, and the codes it ends with.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use asc_webhooks::event::{EventKind, sample};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_asc-webhooks");

/// A folder of its own for a first configuration, and an address that is free.
struct Place {
    folder: tempfile::TempDir,
    listen: String,
}

impl Place {
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), listen: free.to_string() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder.path()).env("ASC_WEBHOOKS__SERVER__LISTEN", &self.listen);
        command.env("ASC_WEBHOOKS__ADMIN__LISTEN", "false").env_remove("ASC_WEBHOOKS_CONFIG");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], code: i32) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        output
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.check(arguments, 0).stdout).expect("standard output is JSON and nothing else")
    }

    fn serve(&self) -> Serving {
        let serving = Serving(self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.run(&["healthcheck"]).status.success() {
            assert!(Instant::now() < deadline, "the server does not become ready");
            thread::sleep(Duration::from_millis(50));
        }
        serving
    }
}

/// A server that ends with its test, whatever comes of it.
struct Serving(Child);

impl Serving {
    fn stop(mut self) -> Option<i32> {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn from_nothing_to_a_kept_event() {
    let place = Place::new();
    place.check(&["init"], 0);
    place.check(&["init"], 1);
    place.check(&["check"], 0);
    let down: Value = serde_json::from_slice(&place.check(&["healthcheck", "--json"], 4).stdout).unwrap();
    assert_eq!((&down["ready"], &down["status"]), (&Value::Bool(false), &Value::Null));
    place.check(&["send", "ping"], 4);

    let serving = place.serve();
    place.check(&["send", "app_version", "--state", "REJECTED", "--id", "of-the-test"], 0);
    let listed = place.json(&["events", "list", "--json", "--event-id", "of-the-test"]);
    assert_eq!(listed["items"][0]["content"]["event"]["state"], "REJECTED");
    assert_eq!(listed["next"], Value::Null);
    let number = listed["items"][0]["id"].to_string();
    let shown = place.json(&["events", "show", &number, "--json"]);
    let raw = place.check(&["events", "show", &number, "--raw"], 0).stdout;
    assert_eq!(shown["body"].as_str().map(str::as_bytes), Some(&raw[..]));
    place.check(&["events", "show", "4711"], 3);
    assert_eq!(place.json(&["healthcheck", "--json"])["ready"], true);
    place.check(&["events", "list", "--handler", "log", "--endpoint", "my-app"], 0);
    for (flag, wrong, meant) in [("--handler", "logs", "log"), ("--endpoint", "my-ap", "my-app")] {
        let output = place.check(&["events", "list", flag, wrong], 3);
        assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("did you mean `{meant}`?")), "{output:?}");
    }
    place.check(&["events", "replay", "--dead", "--handler", "logs"], 3);
    place.check(&["events", "replay", &number, "--handler", "logs"], 3);
    place.check(&["events", "replay", "--dead", "--handler", "log"], 0);

    fs::write(place.folder.path().join("wrong"), "a-secret-that-apple-does-not-have").unwrap();
    place.check(&["send", "ping", "--secret-file", "wrong"], 4);
    assert_eq!(serving.stop(), Some(0));
    assert_eq!(place.json(&["events", "stats", "--json"])["receipts"], 1, "what is kept can be seen while no server runs");
    place.check(&["events", "replay", &number], 0);
    let waiting = &place.json(&["events", "show", &number, "--json"])["dispatches"][0];
    assert_eq!((&waiting["state"], &waiting["due_at"]), (&"waiting".into(), &Value::Null), "the next server takes it up at once");
    assert_eq!(place.check(&["events", "export"], 0).stdout.split_inclusive(|byte| *byte == b'\n').count(), 1);
}

#[test]
fn a_handler_is_paused_beside_a_running_server() {
    let place = Place::new();
    place.check(&["init"], 0);
    let serving = place.serve();
    place.check(&["handlers", "pause", "logs", "--reason", "a slip"], 3);
    place.check(&["handlers", "pause", "log"], 2);
    assert_eq!(place.json(&["handlers", "pause", "log", "--reason", "it is being moved", "--json"])["changed"], true);
    assert_eq!(place.json(&["handlers", "pause", "log", "--reason", "again", "--json"])["changed"], false);
    place.check(&["send", "ping"], 0);
    place.check(&["send", "app_version"], 0);
    let listed = || place.json(&["handlers", "list", "--json"])["items"][0].clone();
    let paused = listed();
    assert_eq!(
        (&paused["handler"], &paused["kind"], &paused["paused"]["reason"]),
        (&"log".into(), &"log".into(), &"it is being moved".into())
    );
    let table = String::from_utf8(place.check(&["handlers", "list"], 0).stdout).unwrap();
    assert!(table.contains("it is being moved"), "{table}");
    // Longer than the server would take to notice work of another process.
    thread::sleep(Duration::from_secs(2));
    assert_eq!((&listed()["waiting"], &listed()["done"]), (&2.into(), &0.into()));
    assert_eq!(serving.stop(), Some(0));

    let serving = place.serve();
    assert_eq!(listed()["waiting"], 2, "a restart does not end it");
    assert_eq!(place.json(&["handlers", "resume", "log", "--json"])["changed"], true);
    let deadline = Instant::now() + Duration::from_secs(20);
    while listed()["done"] != 2 {
        assert!(Instant::now() < deadline, "it does not go on: {}", listed());
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(listed()["paused"], Value::Null);
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn a_configuration_with_four_mistakes_ends_with_one_and_names_them_all() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config/invalid/four_at_once.toml");
    let output = Command::new(PROGRAM)
        .args(["check", "--json", "--config"])
        .arg(file)
        .env("MY_APP_SECRET", "a-secret-that-is-long-enough")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["ok"], false);
    assert_eq!(found["problems"].as_array().map(Vec::len), Some(4), "{found}");
}

/// Nine mistakes; some can only be seen by those who know the kinds of handlers, and by the routes.
const MISTAKES: &str = r#"
[server]
max_body = 1024

[[endpoint]]
name = "my-app"
path = "/livez"
secrets = ["a-secret-that-is-long-enough"]

[[handler]]
name = "bot"
kind = "forward"
url = "https://bot.example.com"
body = "jsno"
timeout = 30
endpoints = ["my-ap"]

[[handler]]
name = "bot"
kind = "log"
when = "event.stat == 'REJECTED'"

[[handler]]
name = "chat"
kind = "lgo"
token = { env = "NOBODY_HAS_SET_THIS" }
"#;

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let place = Place::new();
    fs::write(place.folder.path().join("config.toml"), MISTAKES).unwrap();
    let found: Value = serde_json::from_slice(&place.check(&["check", "--json"], 1).stdout).unwrap();
    let problems = found["problems"].as_array().unwrap();
    let told: Vec<(u64, &str)> = problems
        .iter()
        .map(|problem| (problem["origin"]["file"]["line"].as_u64().unwrap(), problem["key"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            (3, "server.max_body"),
            (7, "endpoint[0].path"),
            (14, "handler[0].body"),
            (15, "handler[0].timeout"),
            (16, "handler[0].endpoints[0]"),
            (19, "handler[1].name"),
            (21, "handler[1].when"),
            (25, "handler[2].kind"),
            (26, "handler[2].token.env"),
        ],
        "{problems:#?}"
    );
    assert!(
        problems.iter().all(|problem| {
            let words = problem["message"].as_str().unwrap();
            words.find("found ").zip(words.find(", expected ")).is_some_and(|(found, expected)| found < expected)
        }),
        "{problems:#?}"
    );
    let serving = String::from_utf8(place.check(&["serve"], 1).stderr).unwrap();
    assert!(serving.contains("handler[1].when") && serving.ends_with("9 problems in the configuration\n"), "{serving}");
}

#[track_caller]
fn check_key(asc: &str, expected: &[&str]) {
    let place = Place::new();
    let endpoint = "[[endpoint]]\nname = 'my-app'\npath = '/a'\nsecrets = ['a-secret-that-is-long-enough']";
    fs::write(place.folder.path().join("config.toml"), format!("{endpoint}\n[asc]\n{asc}")).unwrap();
    let found: Value = serde_json::from_slice(&place.check(&["check", "--json"], 1).stdout).unwrap();
    let problems = found["problems"].as_array().unwrap();
    let told: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} {}", problem["origin"]["file"]["line"], problem["key"].as_str().unwrap()))
        .collect();
    assert_eq!(told, expected, "{problems:#?}");
}

#[test]
fn everything_that_is_wrong_with_the_key_for_app_store_connect_is_said_at_once() {
    let all = "key_id = ''\nissuer_id = ' '\nprivate_key = 'no key'\nbase_url = 'http://example.com'\npatience = 10";
    check_key(all, &["6 asc.key_id", "7 asc.issuer_id", "8 asc.private_key", "9 asc.base_url", "10 asc.patience"]);
    check_key("private_key = 'no key'", &["5 asc.key_id", "6 asc.private_key"]);
    check_key("key_id = 'KEY1234567'\nissuer_id = 3\nprivate_key = 'no key'", &["7 asc.issuer_id", "8 asc.private_key"]);
    check_key("key_id = 'KEY1234567'\nprivate_key = 'no key'", &["7 asc.private_key"]);
}

/// What is said of one mistake, and what to do about it.
#[track_caller]
fn check_hint(mistake: &str, found: &str, hint: &str) {
    let place = Place::new();
    let endpoint = "[[endpoint]]\nname = 'my-app'\npath = '/a'\nsecrets = ['a-secret-that-is-long-enough']";
    fs::write(place.folder.path().join("config.toml"), format!("{endpoint}\n{mistake}")).unwrap();
    let told: Value = serde_json::from_slice(&place.check(&["check", "--json"], 1).stdout).unwrap();
    let problem = &told["problems"][0];
    let (message, advice) = (problem["message"].as_str().unwrap(), problem["hint"].as_str().unwrap_or_default());
    assert!(message.contains(found) && advice.contains(hint), "{told:#}");
}

#[test]
fn what_to_do_about_a_mistake_is_said() {
    let address = "such as `https://hooks.example.com`";
    check_hint(
        "[server]\npublic_url = ''",
        &format!("found an empty text, expected a web address, {address}"),
        "leave the key out",
    );
    check_hint("[server]\npublic_url = 'example.com:8443'", address, "write `https://example.com:8443`");
    let handler = "[[handler]]\nname = 'a'\n";
    check_hint(handler, "found nothing, expected a kind of handler", "write one of `app-store-connect`, `discord`, ");
    check_hint(&format!("{handler}kind = 'lgo'"), "found the unknown kind `lgo`", "did you mean `log`?");
    let log = format!("{handler}kind = 'log'\n");
    let endpoint = "found `y`, expected the name of an endpoint: `my-app`";
    check_hint(&format!("{log}endpoints = ['y']"), endpoint, "leave `endpoints` out if all of them are meant");
    check_hint(&format!("{log}endpoints = ['my-ap']"), "found `my-ap`", "did you mean `my-app`?");
    check_hint(&format!("{log}when = 'event.state = 1'"), "found what is no expression", "did you mean `event.state == 1`?");
}

/// Legal, and hardly meant: by key, what of it is said.
const HARDLY_MEANT: [(&str, &str); 5] = [
    ("endpoint[0].secrets", "everything that comes is refused"),
    ("endpoint[1].secrets", "`old`, which has expired"),
    ("handler[0].when", "`details`, which nobody tells"),
    ("handler[1].enrich", "`required`, while nobody tells details"),
    ("handler[2].events", "which come to none of the handler's endpoints"),
];

#[test]
fn what_can_hardly_be_meant_is_warned_about() {
    let place = Place::new();
    let configuration = r#"
        [[endpoint]]
        name = "shut"
        path = "/shut"
        secrets = [{ value = "a secret of nineteen bytes", not_after = "2020-01-01T00:00:00Z" }]
        [[endpoint]]
        name = "rotated"
        path = "/rotated"
        secrets = [
            { value = "another secret of the same sort", not_after = "2020-01-01T00:00:00Z", label = "old" },
            { value = "and one that goes on being one", not_after = "9000-01-01T00:00:00Z" },
        ]
        [[handler]]
        name = "deaf"
        kind = "log"
        when = "details.app.name == 'Harbor'"
        [[handler]]
        name = "eager"
        kind = "log"
        enrich = "required"
        [[handler]]
        name = "builder"
        kind = "log"
        events = ["xcode_cloud"]
    "#;
    let file = place.folder.path().join("config.toml");
    fs::write(&file, configuration).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let found = place.json(&["check", "--json"]);
    assert_eq!(found["ok"], true);
    let warnings = found["warnings"].as_array().unwrap();
    for (at, words) in HARDLY_MEANT {
        let is_said = |warning: &Value| warning["key"] == at && warning["message"].as_str().unwrap().contains(words);
        assert!(warnings.iter().any(is_said), "{at}: {warnings:#?}");
    }
    assert_eq!(warnings.len(), HARDLY_MEANT.len(), "{warnings:#?}");
}

#[test]
fn what_is_not_understood_ends_with_two() {
    let place = Place::new();
    for arguments in [&["serv"][..], &["send"], &["send", "ping", "--count", "0"], &["events", "list", "--dispatch", "gone"]] {
        place.check(arguments, 2);
    }
    let no_time = [
        &["deliveries", "list", "--follow", "--every", "0s"][..],
        &["webhooks", "ping", "9c1e", "--timeout", "0s"],
        &["check", "--online", "--timeout", "0ms"],
    ];
    for arguments in no_time {
        let told = String::from_utf8(place.check(arguments, 2).stderr).unwrap();
        assert!(told.contains("expected longer than nothing, such as `30s`"), "{told}");
    }
}

/// One handler with words of its own, one that sends JSON, and one that tells nobody.
const TELLING: &str = r#"
[[endpoint]]
name = "my-app"
path = "/apple/my-app"
secrets = ["a-secret-that-is-long-enough"]

[[handler]]
name = "releases"
kind = "slack"
events = ["app_version"]
url = "https://hooks.example.com/1"
mention = "here"
template = "{{ details.app.name }} is {{ event.state | lower }}"

[[handler]]
name = "desk"
kind = "forward"
events = ["beta_feedback", "ping"]
url = "https://desk.example.com/1"
body = "template"
template = '{"text": {{ message.sentence | tojson }}}'

[[handler]]
name = "line"
kind = "log"
"#;

#[test]
fn what_handlers_would_say_can_be_seen() {
    let place = Place::new();
    let config = place.folder.path().join("config.toml");
    fs::write(&config, TELLING).unwrap();
    let told = |arguments: &[&str]| {
        let output = place.check(&[&["messages", "preview"], arguments].concat(), 0);
        String::from_utf8([output.stderr, output.stdout].concat()).unwrap()
    };
    insta::assert_snapshot!("messages_preview", told(&[]));
    insta::assert_snapshot!("messages_preview_of_nobody", told(&["--kind", "unknown"]));

    let found = place.json(&["messages", "preview", "--handler", "releases", "--json"]);
    let items = found["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["handler"] == "releases" && item["error"].is_null()));
    let states = sample::states(&EventKind::AppStoreVersionAppVersionStateUpdated);
    assert_eq!(items.len(), states.len() + 1, "every state, and one that nobody knows yet");
    let rejected = items.iter().find(|item| item["state"] == "REJECTED").unwrap();
    insta::assert_json_snapshot!("messages_preview_payload", rejected["payload"]);

    for (arguments, code) in [(["--handler", "line"], 3), (["--handler", "relases"], 3), (["--kind", "bulid_upload"], 2)] {
        place.check(&[&["messages", "preview"][..], &arguments].concat(), code);
    }
    // It goes wrong only once there are details, which the start does not try.
    fs::write(&config, TELLING.replace("{{ details.app.name }}", "{{ details.app.name | abs if details.app else '' }}")).unwrap();
    let output = place.check(&["messages", "preview", "--kind", "app_version"], 1);
    let all = format!("{} events cannot be put into words", states.len() + 1);
    assert!(String::from_utf8(output.stderr).unwrap().contains(&all));
}
