//! What is said about a wrong section: everything, and no value.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::secret::Secret;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read into")]
struct Keys {
    url: String,
    room: Room,
    secret: Option<Secret>,
    retries: u8,
    loud: bool,
    words: Vec<String>,
    headers: BTreeMap<String, Secret>,
    size: Size,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read into")]
struct Room {
    id: u64,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Size {
    Small,
    Large,
}

const VALID: &str = r#"
    url = "u"
    room = { id = 7, name = "r" }
    retries = 3
    loud = true
    words = ["a", "b"]
    headers = { a = "b" }
    size = "large"
"#;

fn problems(toml: &str) -> String {
    let error = Section::sample(toml).parse::<Keys>().unwrap_err();
    error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn reads() {
    let keys: Keys = Section::sample(VALID).parse().unwrap();
    assert_eq!((keys.room.id, keys.retries, keys.words.len()), (7, 3, 2));
    assert!(keys.secret.is_none());
    assert!(matches!(keys.size, Size::Large), "not {:?}", Size::Small);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    insta::assert_snapshot!(problems(
        r#"
        ulr = "u"
        room = { id = "seven", nmae = "hunter2-secret" }
        secret = 123456
        retries = 300
        loud = "hunter2-secret"
        words = ["a", 5, "b", false]
        headers = { a = "b", c = ["hunter2-secret"] }
        size = "larg"
    "#
    ));
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    insta::assert_snapshot!(problems("size = \"small\""));
}

#[test]
fn a_missing_key_may_begin_as_its_table_does() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read into")]
    struct Keys {
        app: App,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read into")]
    struct App {
        app_id: u64,
    }
    let error = Section::sample("app = {}").parse::<Keys>().unwrap_err();
    assert_eq!(error.to_string(), "`app.app_id`: found nothing, expected a value");
}

#[test]
fn a_key_of_every_handler_may_be_what_was_meant() {
    assert_eq!(
        problems(&format!("{VALID}\ntimout = '5s'")),
        "`timout`: found an unknown key, expected one of `url`, `room`, `secret`, `retries`, `loud`, `words`, `headers`, `size`, \
         or one that every handler has (did you mean `timeout`?)"
    );
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../../config/schema.json")).unwrap();
    let all = schema["properties"]["handler"]["items"]["properties"].as_object().unwrap();
    assert_eq!(all.keys().collect::<BTreeSet<_>>(), reader::COMMON.map(str::to_owned).iter().collect());
}

#[test]
fn no_value_is_shown() {
    let text =
        problems("secret = ['hunter2-secret']\nroom = 'hunter2-secret'\nretries = 98765\nsize = 'hunter2-secret'\nloud = 98765");
    assert!(!text.contains("hunter2") && !text.contains("98765"), "{text}");
    let section = Section::sample("secret = 'hunter2-secret'");
    assert!(!format!("{section:?}").contains("hunter2"));
}
