//! `webhooks plan` and `webhooks apply`, the real program against a local App Store Connect.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use asc_webhooks::{
    clock::SystemClock,
    sandbox::{Running, Sandbox, Settings},
    secret::Secret,
    shutdown::Shutdown,
};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_asc-webhooks");

/// The apps of the sandbox.
const APPS: [&str; 2] = ["6700000001", "6700000002"];

/// A sandbox in the place of Apple, and a folder with a configuration that names it.
struct Scene {
    sandbox: Running,
    shutdown: Shutdown,
    folder: tempfile::TempDir,
}

impl Scene {
    /// With these endpoints, each of an app.
    async fn new(endpoints: &[(&str, &str)]) -> Self {
        let shutdown = Shutdown::new();
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock::new()));
        let sandbox = Sandbox::start(settings, &shutdown).await.unwrap();
        let scene = Self { sandbox, shutdown, folder: tempfile::tempdir().unwrap() };
        scene.configure(endpoints);
        scene
    }

    fn configure(&self, endpoints: &[(&str, &str)]) {
        let (api, key) = (self.sandbox.api_url(), self.sandbox.team_key());
        let (id, issuer, pem) = (&key.id, key.issuer_id.as_deref().unwrap(), key.private_key_pem.expose());
        let text = format!(
            "[server]\npublic_url = 'https://hooks.example.com'\n\
             [asc]\nkey_id = '{id}'\nissuer_id = '{issuer}'\nbase_url = '{api}'\nprivate_key = '''\n{pem}'''\n"
        );
        let blocks = endpoints.iter().map(|(name, app)| {
            format!(
                "[[endpoint]]\nname = '{name}'\npath = '/{name}'\napp_id = '{app}'\nsecrets = ['a secret of the endpoint {name}']\n"
            )
        });
        let text: String = std::iter::once(text).chain(blocks).collect();
        fs::write(self.folder.path().join("config.toml"), text).unwrap();
    }

    /// A webhook at Apple that was not made by us.
    fn register(&self, app: &str, name: &str, url: &str) -> String {
        self.sandbox.register(app, name, url, &Secret::new("a secret of somebody else")).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("webhooks").args(arguments).current_dir(self.folder.path()).env_remove("ASC_WEBHOOKS_CONFIG");
        command
    }

    /// Runs a command that is to end with this code.
    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> Output {
        let output = tokio::task::block_in_place(|| self.command(arguments).output().unwrap());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        output
    }

    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        serde_json::from_slice(&self.run(arguments, code).stdout).expect("standard output is JSON and nothing else")
    }

    /// The webhooks of an app, as Apple has them.
    #[track_caller]
    fn webhooks(&self, app: &str) -> Vec<Value> {
        self.json(&["list", "--app", app, "--json"], 0)["items"].as_array().unwrap().clone()
    }
}

/// What a command has told the person at the terminal.
fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.cut_off();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hands_no_secret_over_needs_none() {
    let scene = Scene::new(&[("one", APPS[0])]).await;
    let file = scene.folder.path().join("config.toml");
    let expired = "secrets = [{ value = 'a secret of the endpoint one', not_after = '2020-01-01T00:00:00Z' }]";
    let text = fs::read_to_string(&file).unwrap().replace("secrets = ['a secret of the endpoint one']", expired);
    fs::write(&file, text).unwrap();
    assert!(told(&scene.run(&["apply"], 1)).contains("every secret of the endpoint `one` has expired"));
    scene.register(APPS[0], "wrong name", "https://hooks.example.com/one");
    scene.run(&["apply"], 0);
    assert_eq!(scene.webhooks(APPS[0])[0]["name"], "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_after_apply_is_empty_and_what_is_foreign_is_untouched() {
    let scene = Scene::new(&[("one", APPS[0]), ("two", APPS[1])]).await;
    let foreign = scene.register(APPS[0], "one", "https://ci.example.net/one");
    let moved = scene.register(APPS[0], "wrong name", "https://hooks.example.com/one");
    let surplus = scene.register(APPS[1], "old", "https://hooks.example.com/old");
    let before = scene.webhooks(APPS[0]).into_iter().find(|webhook| webhook["id"] == *foreign);

    let plan = scene.json(&["plan", "--json"], 5);
    let steps = [&plan["steps"][0], &plan["steps"][1]];
    assert_eq!([&steps[0]["action"], &steps[1]["action"]], ["change", "create"], "{plan}");
    assert_eq!(
        (&steps[0]["webhook"]["id"], &plan["surplus"][0]["webhook"]["id"]),
        (&moved.as_str().into(), &surplus.as_str().into())
    );
    assert_eq!((&plan["foreign"], &plan["differs"]), (&1.into(), &true.into()));

    scene.run(&["apply", "--dry-run"], 0);
    assert_eq!(scene.json(&["plan", "--json"], 5), plan, "a rehearsal changes nothing");

    assert_eq!(scene.json(&["apply", "--json"], 0)["done"].as_array().map(Vec::len), Some(2));
    let plan = scene.json(&["plan", "--json"], 5);
    assert_eq!((plan["steps"].as_array().map(Vec::len), plan["surplus"].as_array().map(Vec::len)), (Some(0), Some(1)), "{plan}");
    assert!(told(&scene.run(&["plan"], 5)).contains("cannot be fetched back afterwards\n"), "no endpoint is where it posts");
    scene.run(&["apply", "--prune"], 1);
    scene.run(&["apply", "--prune", "--yes"], 0);
    let plan = scene.json(&["plan", "--json"], 0);
    assert_eq!((plan["right"].as_array().map(Vec::len), &plan["foreign"]), (Some(2), &1.into()), "{plan}");
    assert_eq!(scene.json(&["apply", "--json"], 0)["done"], Value::Array(Vec::new()));

    let after = scene.webhooks(APPS[0]).into_iter().find(|webhook| webhook["id"] == *foreign);
    assert!(before.is_some());
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_before_that_with_a_webhook_its_deliveries_are_gone() {
    let scene = Scene::new(&[("one", APPS[0])]).await;
    scene.run(&["apply"], 0);
    scene.register(APPS[0], "twice", "https://hooks.example.com/one");
    let loss = "with a webhook, Apple deletes the list of its deliveries, and what was missed cannot be fetched back afterwards: \
        run `deliveries recover` first\n";
    for (arguments, code) in [(&["plan"][..], 5), (&["apply", "--dry-run"], 0), (&["apply", "--prune"], 1)] {
        let told = told(&scene.run(arguments, code));
        assert!(told.contains(loss), "{arguments:?}: {told}");
    }
    assert_eq!(scene.webhooks(APPS[0]).len(), 2, "nobody has said yes");
    assert!(!told(&scene.run(&["apply", "--prune", "--yes"], 0)).contains("deliveries"), "whoever says so beforehand knows");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_is_killed_goes_on_and_makes_nothing_twice() {
    let scene = Scene::new(&[("a", APPS[0]), ("b", APPS[0]), ("c", APPS[0]), ("d", APPS[0])]).await;
    let mut applying = scene.command(&["apply"]).stderr(Stdio::piped()).spawn().unwrap();
    let line = tokio::task::block_in_place(|| BufReader::new(applying.stderr.take().unwrap()).lines().next());
    assert!(line.unwrap().unwrap().starts_with("created"));
    applying.kill().unwrap();
    applying.wait().unwrap();

    let there = scene.webhooks(APPS[0]).len();
    assert!((1..4).contains(&there), "it was killed half way: {there}");
    scene.run(&["apply"], 0);
    assert_eq!(scene.webhooks(APPS[0]).len(), 4);
    scene.run(&["plan"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn room_is_made_by_pruning_only_and_an_app_of_no_endpoint_can_be_looked_at() {
    let scene = Scene::new(&[("ours", APPS[0])]).await;
    for number in 0..9 {
        scene.register(APPS[0], "ci", &format!("https://ci.example.net/{number}"));
    }
    scene.register(APPS[0], "old", "https://hooks.example.com/old");
    let left = scene.register(APPS[1], "older", "https://hooks.example.com/older");
    scene.run(&["apply"], 1);
    scene.run(&["apply", "--prune", "--yes"], 0);
    scene.run(&["plan"], 0);

    let plan = scene.json(&["plan", "--app", APPS[1], "--json"], 5);
    assert_eq!(plan["surplus"][0]["webhook"]["id"], left);
    scene.run(&["apply", "--app", APPS[1], "--prune", "--yes"], 0);
    assert_eq!(scene.webhooks(APPS[1]).len(), 0);
    assert_eq!(scene.webhooks(APPS[0]).len(), 10);
}
