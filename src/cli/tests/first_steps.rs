//! How somebody begins: the first configuration, the first event, a demonstration.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{dispatch, receipt, rejected};
use crate::{
    cli::{
        demo, init,
        serve::{first_event, first_ping},
    },
    config::{Sources, load},
    event::details::Details,
    inbox::{Content, DispatchState, query::Listed},
};

#[test]
fn the_first_event_is_one_line_away() {
    insta::assert_snapshot!(
        "first_event",
        first_event(Some("target/release/asc-webhooks"), Some(Path::new("config/example.toml")), None)
    );
    let url = "http://127.0.0.1:9/apple".parse().unwrap();
    assert!(first_event(None, None, Some(&url)).ends_with(" --url http://127.0.0.1:9/apple"), "a `--listen` is passed on");
    let spaced = first_event(Some("./my tool"), Some(Path::new("it's mine.toml")), None);
    assert_eq!(spaced, r"'./my tool' send app_version --state REJECTED --config 'it'\''s mine.toml'");
    assert_eq!(
        first_ping(None, Some(Path::new("my.toml")), "harbor"),
        "asc-webhooks webhooks apply --config my.toml && asc-webhooks webhooks ping --endpoint harbor --config my.toml",
        "what only Apple can sign"
    );
}

#[test]
fn a_first_configuration_is_valid_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let (file, secret_file) = (folder.path().join("config.toml"), folder.path().join("my-app.secret"));
    init::write(&file, &secret_file, "my-app").unwrap();
    let loaded = load(&Sources { file: Some(file.clone()), ..Sources::default() }).unwrap();
    let secret = &loaded.config.endpoints[0].secrets[0].secret;
    assert_eq!(secret.weakness(), None);
    assert_eq!(loaded.warnings, []);
    assert_eq!(fs::metadata(&secret_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(&file).unwrap().contains(secret.expose()));

    let before = fs::read(&file).unwrap();
    assert!(init::write(&file, &folder.path().join("other.secret"), "other").is_err());
    assert!(init::write(&folder.path().join("other.toml"), &secret_file, "other").is_err());
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_to_string(&secret_file).unwrap().trim_end(), secret.expose());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a failed `init` leaves nothing behind");
    assert!(init::write(&folder.path().join("no/a"), Path::new("b"), "a").unwrap_err().words().contains("mkdir -p"));
}

#[test]
fn a_first_configuration_with_a_wrong_name_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let failure = init::write(&folder.path().join("config.toml"), &folder.path().join("a.secret"), "My App").unwrap_err();
    assert!(failure.words().contains("endpoint[0].name"), "{}", failure.words());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn next_steps_read_well() {
    insta::assert_snapshot!("next_steps", init::next_steps(Path::new("config.toml"), Path::new("my-app.secret"), "my-app"));
}

#[test]
fn a_demo_reads_well() {
    let taken = [dispatch("log", DispatchState::Done, 1), dispatch("bot", DispatchState::Dead, 1)];
    let lines = [
        Listed { receipt: receipt(2, rejected()), dispatches: taken[..1].to_vec() },
        Listed { receipt: receipt(3, rejected()), dispatches: taken[1..].to_vec() },
        Listed { receipt: receipt(1, Content::Unparsed { reason: "it is not JSON".to_owned() }), dispatches: Vec::new() },
    ];
    let everything = Details::read(include_bytes!("../../../tests/fixtures/details/everything.json"));
    let about = [everything.unwrap(), Details::default(), Details::default()];
    let lines = lines.iter().zip(&about).map(|(listed, details)| demo::receipt_line(listed, details));
    let lines: Vec<String> = [demo::receipts_header()].into_iter().chain(lines).collect();
    insta::assert_snapshot!("demo_receipts", lines.join("\n"));
    let config = Path::new("/tmp/demo/demo.toml");
    insta::assert_snapshot!(
        "demo_what_next",
        demo::what_next("asc-webhooks", config, "http://127.0.0.1:8089", Some(Path::new("/tmp/demo")))
    );
}
