//! What strangers write, in every run: the properties that `tests/fuzz` looks for holes in at length, on valid inputs with a few bytes
//! changed.

use asc_webhooks::event::{EventKind, sample};
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};

#[path = "../fuzz/properties.rs"]
mod properties;

#[test]
fn any_signature_header_is_answered() {
    let valid = "hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657";
    check(vec![valid.into(), valid.to_uppercase().into()], 20_000, properties::signature);
}

#[test]
fn any_body_is_answered() {
    let samples = EventKind::ALL.iter().map(|kind| sample::of(kind).body().to_vec());
    check(samples.collect(), 20_000, properties::event);
}

#[test]
fn any_configuration_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let valid = [include_str!("../../config/example.toml"), include_str!("../../config/default.toml")];
    check(valid.map(Vec::from).into(), 2_000, |text| properties::config(text, &folder.path().join("config.toml")));
}

#[test]
fn any_condition_is_answered() {
    let valid = [r#"event.state == "REJECTED" and event.kind in ["a", "b"]"#, "event.subject is defined or (1 + 2) * 3 > 4"];
    check(valid.map(Vec::from).into(), 20_000, properties::when);
}

#[test]
fn any_spelling_of_an_address_is_judged() {
    let valid = [
        "127.0.0.1",
        "0x7f.1",
        "017700000001",
        "10.1.2.3",
        "[::1]",
        "[::ffff:192.168.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ];
    check(valid.map(Vec::from).into(), 20_000, properties::address);
}

/// The simplest way to get it wrong: taking bytes for characters. It falls at the first changed byte that is half of one.
#[test]
fn control_a_careless_parser_is_caught() {
    let careless = |value: &[u8]| drop(String::from_utf8(value.into()).unwrap());
    let caught = std::panic::catch_unwind(|| check(vec![b"hmacsha256=00".to_vec()], 20_000, careless));
    assert!(caught.is_err());
}

/// Changes, removes and repeats bytes of valid inputs, and asks whether the property still holds.
fn check(valid: Vec<Vec<u8>>, cases: u32, property: impl Fn(&[u8])) {
    let changes = prop::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..8);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let strategy = (prop::sample::select(valid), changes);
    TestRunner::new(config)
        .run(&strategy, |(mut bytes, changes)| {
            for (at, byte, change) in changes {
                let at = at.index(bytes.len());
                match change {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.extend_from_within(at..),
                }
            }
            property(&bytes);
            Ok(())
        })
        .unwrap();
}
