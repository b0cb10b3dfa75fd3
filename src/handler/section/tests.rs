//! What is said about a wrong section: everything, and no value.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::secret::Secret;

#[derive(Debug, Deserialize)]
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
fn what_is_read_as_a_secret_is_known_as_one() {
    let toml = VALID.replace(r#"{ a = "b" }"#, r#"{ a = "in-a-header", b = 'say "it"' }"#) + "secret = 'hunter2'";
    let section = Section::sample(&toml).with_secrets(&[Secret::new("somebody-elses")]);
    section.parse::<Keys>().unwrap();
    let said = r#"hunter2, in-a-header, say "it", somebody-elses, large"#;
    assert_eq!(section.secrets().redactor().strike_out(said), "***, ***, ***, ***, large");
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

/// A section all of whose keys the environment gave.
fn of_environment(toml: &str, keys: &[&str]) -> Section {
    Section::sample(toml).with_environment(keys.iter().map(ToString::to_string).collect())
}

#[test]
fn a_text_of_the_environment_is_what_is_asked_for() {
    let keys = ["url", "room", "room.ID", "room.Name", "secret", "retries", "loud", "words[0]", "words[1]", "size", "headers.X_A"];
    let toml = r#"
        url = "-1001234567890"
        room = { ID = "7", Name = "1979-05-27" }
        secret = "12345678"
        retries = "3"
        loud = "true"
        words = ["true", "1.0"]
        headers = { X_A = "0x10", x_a = "b" }
        size = "large"
    "#;
    let keys: Keys = of_environment(toml, &keys).parse().unwrap();
    assert_eq!((keys.url.as_str(), keys.room.id, keys.room.name.as_str()), ("-1001234567890", 7, "1979-05-27"));
    assert_eq!((keys.secret.unwrap().expose(), keys.retries, keys.loud), ("12345678", 3, true));
    assert_eq!(keys.words, ["true", "1.0"]);
    let headers: Vec<_> = keys.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("X_A", "0x10"), ("x_a", "b")]);
}

#[test]
fn what_the_environment_gave_and_what_a_file_did_are_told_apart() {
    let said = |keys: &[&str]| {
        let toml = "url = '\"7\"'\nroom = { ID = '7' }\nretries = 'many'\nloud = '3'\nwords = '5'\nheaders = {}\nsize = 'small'";
        let error = of_environment(toml, keys).parse::<Keys>().unwrap_err();
        error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let keys = ["url", "room", "room.ID", "retries", "loud", "words", "size"];
    insta::assert_snapshot!([said(&keys), said(&[])].join("\n\n"));
}

#[test]
fn what_could_be_anything_is_a_number_if_it_looks_like_one() {
    let parsed = |keys: &[&str]| of_environment("limit = '5'\ntitle = 'five'", keys).parse::<Table>().unwrap().to_string();
    assert_eq!(parsed(&["limit", "title"]), "limit = 5\ntitle = \"five\"\n");
    assert_eq!(parsed(&[]), "limit = \"5\"\ntitle = \"five\"\n");
}

#[track_caller]
fn check_word(size: &str, expected: &str) {
    let told = problems(&format!("size = '{size}'"));
    assert!(told.contains(&format!("`size`: found {expected}, expected one of `small`, `large`")), "{told}");
}

#[test]
fn of_one_of_a_few_words_only_what_looks_like_a_word_is_shown() {
    check_word("Medium", "`Medium`");
    check_word("extra-large_one", "`extra-large_one`");
    check_word("", "an empty text");
    for secret in ["hunter2", "correct horse", "whsec.AbCd", "AbCdEfGhIjKlMnOpQrStUvWxY"] {
        check_word(secret, "another text");
    }
}

#[test]
fn no_value_is_shown() {
    let text =
        problems("secret = ['hunter2-secret']\nroom = 'hunter2-secret'\nretries = 98765\nsize = 'hunter2-secret'\nloud = 98765");
    assert!(!text.contains("hunter2") && !text.contains("98765"), "{text}");
    let section = Section::sample("secret = 'hunter2-secret'");
    assert!(!format!("{section:?}").contains("hunter2"));
}
