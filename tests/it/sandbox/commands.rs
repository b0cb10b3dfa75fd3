//! The commands `sandbox` and `demo` as people run them: real processes, and the codes they end with.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use asc_webhooks::{config, shutdown::Shutdown};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Receiver, SECRET, http_client};

const PROGRAM: &str = env!("CARGO_BIN_EXE_asc-webhooks");

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder).env_remove("ASC_WEBHOOKS_CONFIG");
    command
}

#[track_caller]
fn check(folder: &Path, arguments: &[&str], code: i32) -> Output {
    let output = command(folder, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    output
}

/// What a command says: data, and talk.
fn texts(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("standard output is JSON and nothing else")
}

/// A sandbox of its own process, which ends with the test.
struct Process {
    child: Child,
    says: Value,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = command(folder, &["sandbox", "--listen", "127.0.0.1:0", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let says = serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter().next().unwrap().unwrap();
        Self { child, says }
    }

    fn url(&self) -> &str {
        self.says["base_url"].as_str().unwrap()
    }

    fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_is_started_and_driven_by_commands() {
    let folder = tempfile::tempdir().unwrap();
    let (shutdown, sandbox) = (Shutdown::new(), Process::start(folder.path()));
    let receiver = Receiver::start(&shutdown).await;
    let form = format!("url={}&secret={}", receiver.url, SECRET.replace(' ', "+"));
    let request = http_client().post(format!("{}/sandbox/webhooks", sandbox.url())).body(form);
    assert_eq!(request.send().await.unwrap().status(), 200);

    let at = |arguments: &[&'static str]| [arguments, &["--url", sandbox.url()]].concat();
    let driven = check(folder.path(), &at(&["sandbox", "drive", "release", "--pace", "0s", "--json"]), 0);
    let steps: Vec<Value> = texts(&driven).0.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(steps.iter().map(|step| step["last"] == true).collect::<Vec<_>>(), [vec![false; 8], vec![true]].concat());
    assert!(steps.iter().all(|step| step["deliveries"][0]["status"] == 200), "{steps:#?}");
    assert_eq!(receiver.received().len(), 9);
    assert!(receiver.received().iter().all(|received| received.verify(SECRET).is_ok()));

    check(folder.path(), &at(&["sandbox", "fault", "drop"]), 0);
    let (lines, account) = texts(&check(folder.path(), &at(&["sandbox", "drive", "feedback", "--pace", "0s"]), 0));
    assert_eq!(lines, "  –  feedback with a screenshot (the request was lost on the way)\n200  feedback with a crash\n");
    assert_eq!(account, "2 events, 2 deliveries: 1 succeeded, 1 failed\n");
    assert_eq!(json(&check(folder.path(), &at(&["sandbox", "deliveries", "--json"]), 0))["items"].as_array().unwrap().len(), 11);

    let told_nobody = check(folder.path(), &at(&["sandbox", "drive", "beta", "--app", "6700000002", "--pace", "0s"]), 0);
    assert!(texts(&told_nobody).1.starts_with("7 events, and nobody was told: register a webhook"), "{told_nobody:?}");
    let unknown = texts(&check(folder.path(), &at(&["sandbox", "drive", "release", "--app", "7"]), 3)).1;
    assert_eq!(unknown, "error: the sandbox has no app `7`; it has `6700000001` (Harbor), `6700000002` (Lantern)\n");
    sandbox.end();
}

#[test]
fn a_sandbox_keeps_its_key_and_says_how_to_ask_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(folder.path());
    let key = fs::read_to_string(folder.path().join("sandbox.p8")).unwrap();
    assert_eq!(fs::metadata(folder.path().join("sandbox.p8")).unwrap().permissions().mode() & 0o777, 0o600);
    let said = first.says.clone();
    first.end();

    let mut second = command(folder.path(), &["sandbox", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let block: Vec<String> = BufReader::new(second.stdout.take().unwrap()).lines().take(5).map(Result::unwrap).collect();
    kill_process(Pid::from_child(&second), Signal::INT).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_to_string(folder.path().join("sandbox.p8")).unwrap(), key);

    let file = folder.path().join("config.toml");
    let endpoint = "[[endpoint]]\nname = 'app'\npath = '/app'\nsecrets = ['a secret of this test']\n";
    fs::write(&file, format!("{}\n{endpoint}", block.join("\n"))).unwrap();
    let loaded = config::load(&config::Sources { file: Some(file), ..config::Sources::default() }).unwrap();
    let asc = loaded.config.asc.expect("the block is one");
    assert_eq!((said["key_id"].as_str(), said["issuer_id"].as_str()), (Some(&*asc.key_id), asc.issuer_id.as_deref()));
    assert_eq!(asc.private_key.expose(), key.trim_end());
}

#[test]
fn a_sandbox_that_cannot_be_had_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Process::start(folder.path());
    let listen = sandbox.url().trim_start_matches("http://").to_owned();
    let taken = texts(&check(folder.path(), &["sandbox", "--listen", &listen], 4)).1;
    assert!(taken.starts_with(&format!("error: cannot listen on `{listen}`: Address already in use")), "{taken}");
    assert!(texts(&check(folder.path(), &["sandbox", "--key", "/dev/null/key.p8"], 1)).1.contains("`/dev/null/key.p8`"));
    fs::write(folder.path().join("text"), "no key").unwrap();
    let no_key = texts(&check(folder.path(), &["sandbox", "--listen", "127.0.0.1:0", "--key", "text"], 1)).1;
    assert!(no_key.contains("/text`: the private key is not a P-256 key") && no_key.contains("hint: "), "{no_key}");

    let drive = ["sandbox", "drive", "release", "--pace", "100ms", "--url", sandbox.url()];
    let mut driving = command(folder.path(), &drive).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(driving.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("build upload"));
    let url = sandbox.url().to_owned();
    drop(sandbox);
    let ended = driving.wait_with_output().unwrap();
    let words = texts(&ended).1;
    assert_eq!(ended.status.code(), Some(4), "{words}");
    assert!(words.starts_with(&format!("error: cannot reach a sandbox at `{url}/`: ")), "{words}");
    assert!(words.ends_with("  hint: `asc-webhooks sandbox` starts one; `--url` says where another is\n"), "{words}");
}

#[test]
fn the_demo_delivers_keeps_and_handles_every_event() {
    let folder = tempfile::tempdir().unwrap();
    for run in 1..=2 {
        let demo = check(folder.path(), &["demo", "--once", "--pace", "0s", "--data", "data"], 0);
        let (lines, talk) = texts(&demo);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 12, "a header, nine receipts, and the account:\n{lines:#?}");
        assert!(lines[9].ends_with("log       app_version                 REPLACED_WITH_NEW_VERSION"), "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert_eq!(lines[11], "9 events happened: 9 delivered, 9 kept, 9 handled");
        assert!(talk.contains("data/demo.toml"), "{talk}");
        let token = fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
        assert!(talk.contains(&format!("log in with {})", token.trim())), "{talk}");

        let list = json(&check(folder.path(), &["events", "list", "--json", "--config", "data/demo.toml"], 0));
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 9 * run, "the second run adds to what the first has kept");
        assert!(items.iter().all(|item| item["dispatches"][0]["state"] == "done"), "{items:#?}");
    }
}

#[test]
fn a_demo_that_cannot_start_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, code) in [(["--sandbox", &address], 4), (["--listen", &address], 4), (["--data", "/dev/null/demo"], 1)] {
        let arguments = [&["demo", "--once", "--pace", "0s"], &arguments[..]].concat();
        let words = texts(&check(folder.path(), &arguments, code)).1;
        assert!(words.starts_with("error: cannot ") && words.contains(arguments[5]), "{words}");
    }
}
