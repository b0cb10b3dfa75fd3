//! What a handler is given whose keys stand in the environment, from the variables to its own struct.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use asc_webhooks::{
    App, Registry,
    clock::SystemClock,
    config::{self, Sources},
    handler::handler_fn,
    inbox::memory::Memory,
};
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq)]
struct Keys {
    chat: String,
    password: String,
    since: String,
    is_quiet: Option<bool>,
    codes: Vec<u8>,
    room: Room,
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Room {
    number: u16,
    name: String,
}

#[test]
fn a_handler_gets_what_its_struct_asks_for() {
    let variables = [
        ("ENDPOINT__0__NAME", "my-app"),
        ("ENDPOINT__0__PATH", "/apple"),
        ("ENDPOINT__0__SECRETS__0", "a secret that is long enough"),
        ("HANDLER__0__NAME", "mine"),
        ("HANDLER__0__KIND", "our-own"),
        ("HANDLER__0__CHAT", "-1001234567890"),
        ("HANDLER__0__PASSWORD", "12345678"),
        ("HANDLER__0__SINCE", "1979-05-27"),
        ("HANDLER__0__IS_QUIET", "true"),
        ("HANDLER__0__CODES__0", "65"),
        ("HANDLER__0__CODES__1", "66"),
        ("HANDLER__0__ROOM__NUMBER", "7"),
        ("HANDLER__0__ROOM__NAME", "8"),
        ("HANDLER__0__VARIABLES__MY_LANE", "true"),
        ("HANDLER__0__VARIABLES__my_lane", "beta"),
    ];
    let environment = variables.map(|(name, value)| (format!("ASC_WEBHOOKS__{name}"), value.to_owned())).into();
    let file = tempfile::NamedTempFile::new().unwrap();
    let sources = Sources { file: Some(file.path().to_owned()), environment, ..Sources::default() };
    let loaded = config::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
    let read: Arc<Mutex<Vec<Keys>>> = Arc::default();
    let keep = Arc::clone(&read);
    let registry = Registry::empty().register("our-own", move |section| {
        keep.lock().unwrap().push(section.parse()?);
        Ok(handler_fn(async |_, _| Ok(())))
    });
    App::with_store(&loaded, &registry, Arc::new(Memory::new()), Arc::new(SystemClock::new())).unwrap();

    let texts = |texts: [(&str, &str); 2]| texts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let expected = Keys {
        chat: "-1001234567890".to_owned(),
        password: "12345678".to_owned(),
        since: "1979-05-27".to_owned(),
        is_quiet: Some(true),
        codes: vec![65, 66],
        room: Room { number: 7, name: "8".to_owned() },
        variables: texts([("MY_LANE", "true"), ("my_lane", "beta")]),
    };
    assert_eq!(*read.lock().unwrap(), [expected]);
}
