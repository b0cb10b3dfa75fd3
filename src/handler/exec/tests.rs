//! Real programs: what reaches them, what their end means, and that none outlives its attempt.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use super::*;
use crate::event::{EventKind, sample};

fn event() -> Arc<Event> {
    Arc::new(Event::parse(sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").body()).unwrap())
}

fn sh(script: &str, more: &str) -> Exec {
    let command = toml::Value::from(vec!["/bin/sh", "-c", script, "argument zero", "$(id)", "`id`;&|", ""]);
    let keys = ["cwd = '/'", "env = {}", "input = 'json'", "reject_codes = [65]"];
    let keys = keys.into_iter().filter(|key| !more.contains(key.split(' ').next().unwrap())).collect::<Vec<_>>().join("\n");
    Exec::new(Section::sample(&format!("command = {command}\n{keys}\n{more}"))).unwrap()
}

async fn run(script: &str) -> Result<(), HandlerError> {
    sh(script, "").handle(event(), Context::sample()).await
}

/// What the script writes to the file `$OUT`.
async fn written(script: &str, event: Arc<Event>, input: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let exec = sh(script, &format!("env = {{ OUT = {file:?} }}\ninput = '{input}'"));
    exec.handle(event, Context::sample()).await.unwrap();
    fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn exit_codes_have_their_words() {
    assert!(run("exit 0").await.is_ok());
    for (script, is_reject, said) in [
        ("exit 65", true, "exit status: 65"),
        ("echo first >&2; echo 'the reason\u{7}' >&2; exit 65", true, "exit status: 65: first | the reason"),
        ("exit 75", false, "exit status: 75"),
        ("exit 1", false, "exit status: 1"),
        ("echo only on stdout; exit 1", false, "exit status: 1: only on stdout"),
        ("exit 137", false, "exit status: 137"),
        ("kill -9 $$", false, "signal: 9 (SIGKILL)"),
    ] {
        let error = run(script).await.unwrap_err();
        assert_eq!((error.is_reject(), error.to_string().as_str()), (is_reject, said), "{script}");
    }
}

#[tokio::test]
async fn a_program_that_is_gone_is_named_with_where_it_was_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("notify");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let keys = "cwd = '/'\nenv = {}\ninput = 'raw'\nreject_codes = []";
    let exec = Exec::new(Section::sample(&format!("command = [{program:?}]\n{keys}"))).unwrap();
    assert!(exec.handle(event(), Context::sample()).await.is_ok());
    fs::remove_file(&program).unwrap();
    let error = exec.handle(event(), Context::sample()).await.unwrap_err();
    let expected = format!("cannot run `{}` in `/`: No such file or directory (os error 2)", program.display());
    assert_eq!((error.to_string(), error.is_reject()), (expected, false));
}

#[tokio::test]
async fn arguments_and_input_arrive_byte_for_byte() {
    let nasty = "$(touch /tmp/x) `id` ; | & > < * ? ~ # \\ \" ' ! {a,b} \u{0} \n é";
    let kind = EventKind::AppStoreVersionAppVersionStateUpdated;
    let event = Arc::new(Event::parse(sample::of(&kind).set("attributes.note", nasty.into()).body()).unwrap());
    let raw = written("cat > \"$OUT\"", Arc::clone(&event), "raw").await;
    assert_eq!(raw.as_bytes(), event.raw());
    let json: serde_json::Value = serde_json::from_str(&written("cat > \"$OUT\"", Arc::clone(&event), "json").await).unwrap();
    assert_eq!(json["event"]["attributes"]["note"], nasty);
    let arguments = written("printf '[%s]' \"$0\" \"$@\" > \"$OUT\"", event, "json").await;
    assert_eq!(arguments, "[argument zero][$(id)][`id`;&|][]");
}

#[tokio::test]
async fn the_environment_is_clean() {
    // The test runner has given us variables of its own; one of them stands for all the secrets a parent may have.
    assert!(fs::read_to_string("/proc/self/environ").unwrap().contains("CARGO_PKG_NAME="));
    let seen = written("/usr/bin/env > \"$OUT\"", event(), "json").await;
    let mut names: Vec<_> = seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    // The shell adds these two by itself.
    names.retain(|name| !["PWD", "_", "SHLVL", "OLDPWD"].contains(name));
    let told =
        ["ATTEMPT", "ENDPOINT", "EVENT_ID", "EVENT_KIND", "EVENT_STATE", "HANDLER", "IDEMPOTENCY_KEY", "RECEIPT", "RECOVERED"];
    let expected: Vec<_> =
        told.iter().map(|name| format!("ASC_{name}")).chain(["LANG", "OUT", "PATH"].map(str::to_owned)).collect();
    assert_eq!(names, expected);
    assert!(seen.contains("ASC_EVENT_STATE=REJECTED\n") && seen.contains("ASC_RECEIPT=7\n") && seen.contains("ASC_ATTEMPT=1\n"));
}

#[tokio::test]
async fn what_does_not_fit_in_a_variable_is_on_standard_input() {
    let kind = EventKind::WebhookPingCreated;
    let event = Arc::new(Event::parse(sample::of(&kind).id("i".repeat(900_000)).body()).unwrap());
    assert_eq!(written("cat > /dev/null; echo \"${ASC_EVENT_ID-absent}\" > \"$OUT\"", event, "json").await, "absent\n");
}

fn megabyte() -> Arc<Event> {
    let body = sample::of(&EventKind::WebhookPingCreated).set("attributes.note", "n".repeat(1 << 20).into()).body();
    Arc::new(Event::parse(body).unwrap())
}

#[tokio::test]
async fn a_large_input_goes_through() {
    let event = megabyte();
    assert_eq!(written("wc -c > \"$OUT\"", Arc::clone(&event), "raw").await.trim(), event.raw().len().to_string());
}

#[tokio::test]
async fn a_program_need_not_read_its_input() {
    assert!(sh("exit 0", "input = 'raw'").handle(megabyte(), Context::sample()).await.is_ok());
    assert!(sh("exec <&-; sleep 0.1; exit 0", "input = 'raw'").handle(megabyte(), Context::sample()).await.is_ok());
}

#[tokio::test]
async fn of_a_huge_output_the_end_is_kept() {
    let error = run(
        "head -c 10485760 /dev/zero | tr '\\0' x; head -c 10485760 /dev/zero | tr '\\0' y >&2; echo >&2; echo the end >&2; exit 1",
    )
    .await
    .unwrap_err()
    .to_string();
    assert!(error.ends_with("the end") && error.chars().count() < 600, "{error}");
}

/// A command that sleeps for very long and that no other run of the tests has.
fn sleep(turn: u8) -> String {
    format!("sleep 8639{turn}.{}", std::process::id())
}

/// The processes whose command line contains `mark`; a zombie has none.
fn alive(mark: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok());
    let lines = processes.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(mark)).collect()
}

async fn none_alive(mark: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !alive(mark).is_empty() {
        assert!(Instant::now() < deadline, "still there: {:?}", alive(mark));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Our children that have ended and were not reaped.
fn zombies() -> usize {
    let own = std::process::id().to_string();
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("stat")).ok());
    let after_name = stats.filter_map(|stat| stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()));
    after_name.filter(|rest| rest.starts_with("Z ") && rest.split(' ').nth(1) == Some(own.as_str())).count()
}

#[tokio::test]
async fn giving_up_kills_the_grandchildren_too() {
    let sleep = sleep(1);
    let mut seen = 0;
    for _ in 0..20 {
        let exec = sh(&format!("{sleep} & ({sleep} & wait) & {sleep}"), "");
        let attempt = tokio::time::timeout(Duration::from_millis(60), exec.handle(event(), Context::sample()));
        let look = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            alive(&sleep).iter().filter(|line| !line.contains("sh -c")).count()
        };
        let (ended, there) = tokio::join!(attempt, look);
        assert!(ended.is_err());
        seen = seen.max(there);
    }
    assert!(seen >= 2, "{seen} at a time were there to be killed");
    none_alive(&sleep).await;
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_does_not_keep_us() {
    let (start, sleep) = (Instant::now(), sleep(2));
    assert!(run(&format!("{sleep} & exit 0")).await.is_ok());
    assert!(start.elapsed() < Duration::from_secs(2));
    none_alive(&sleep).await;
}

#[tokio::test]
async fn one_that_closes_its_pipes_is_awaited_all_the_same() {
    let error = run("exec <&- >&- 2>&-; sleep 0.2; exit 7").await.unwrap_err();
    assert_eq!(error.to_string(), "exit status: 7");
}

#[tokio::test]
async fn no_zombies_are_left() {
    let sleep = sleep(3);
    let long = format!("{sleep} & {sleep}");
    for turn in 0..100 {
        let exec = sh(if turn % 2 == 0 { "exit 0" } else { &long }, "");
        let attempt = exec.handle(event(), Context::sample());
        assert_eq!(
            tokio::time::timeout(Duration::from_millis(if turn % 2 == 0 { 10_000 } else { 5 }), attempt).await.is_ok(),
            turn % 2 == 0
        );
    }
    none_alive(&sleep).await;
    // The runtime reaps what was dropped when the next child ends.
    let deadline = Instant::now() + Duration::from_secs(5);
    while zombies() > 0 {
        assert!(Instant::now() < deadline, "{} zombies", zombies());
        run("exit 0").await.unwrap();
    }
}

#[tokio::test]
async fn a_program_that_vanished_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    std::os::unix::fs::symlink("/bin/true", &file).unwrap();
    let keys = format!("command = [{file:?}]\ncwd = '/'\nenv = {{}}\ninput = 'json'\nreject_codes = []");
    let exec = Exec::new(Section::sample(&keys)).unwrap();
    assert!(exec.handle(event(), Context::sample()).await.is_ok());
    fs::remove_file(&file).unwrap();
    assert!(!exec.handle(event(), Context::sample()).await.unwrap_err().is_reject());
}

#[test]
fn what_is_wrong_with_a_section_is_said() {
    let said = [
        "command = ['no-such-program']\ncwd = 'relative'\nenv = { ASC_X = 'a', 'B=C' = 'd' }\ninput = 'json'\nreject_codes = [0]",
        "command = '/bin/true'\ncwd = '/'\nenv = {}\ninput = 'text'\nreject_codes = [300, 'x']",
        "comand = []",
        "comand = []\ncommand = ['', 5]\ncwd = 'relative'\nenv = { ASC_X = 'a', B = 5 }\ninput = 'text'\nreject_codes = [0, 300]",
    ];
    let said: Vec<_> = said.into_iter().map(|toml| Exec::new(Section::sample(toml)).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(said.join("\n"));
}
