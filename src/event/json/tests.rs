//! Tests of the reader.

use proptest::prelude::*;
use serde_json::Value as Plain;

use super::*;

/// What an ordinary reader would have made of it.
fn plain(value: Value<'_>) -> Plain {
    match value.shape() {
        Shape::Object(members) => members.map(|(key, value)| (key.decoded().into_owned(), plain(value))).collect(),
        Shape::Array(items) => items.map(plain).collect(),
        Shape::String(text) => Plain::String(text.decoded().into_owned()),
        Shape::Number(literal) => serde_json::from_slice(literal).unwrap(),
        Shape::Bool(truth) => Plain::Bool(truth),
        Shape::Null => Plain::Null,
    }
}

fn any_value() -> impl Strategy<Value = Plain> {
    let scalar = prop_oneof![
        Just(Plain::Null),
        any::<bool>().prop_map(Plain::from),
        any::<i64>().prop_map(Plain::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Plain::from),
        any::<String>().prop_map(Plain::from),
        "[\"\\\\/{}\\[\\],:é😀\u{0}-\u{1f}]{0,8}".prop_map(Plain::from),
    ];
    scalar.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Plain::from),
            prop::collection::hash_map(".{0,3}", inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_another_wrote(value in any_value(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let json = Json::read(&text).unwrap();
        let expected: Plain = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(plain(json.root()), expected);
        prop_assert_eq!(json.root().raw(), &text[..]);
    }

    #[test]
    fn a_part_of_a_text_is_no_text(value in any_value(), cut: prop::sample::Index) {
        let text = serde_json::to_vec(&serde_json::json!([value])).unwrap();
        prop_assert!(Json::read(&text[..cut.index(text.len())]).is_err());
    }

    #[test]
    fn takes_whatever_another_takes(text in r#"[\[\]{}",:0-9a-fnul\\ .eE+-]{0,24}"#) {
        let other = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        prop_assert!(other.is_err() || Json::read(text.as_bytes()).is_ok());
    }

    #[test]
    fn no_bytes_make_it_panic(text in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(br#"[]{}",:\u0dt"#)], 0..64)) {
        if let Ok(json) = Json::read(&text) {
            let mut values = vec![json.root()];
            while let Some(value) = values.pop() {
                match value.shape() {
                    Shape::Object(members) => values.extend(members.map(|(key, value)| { key.exact(); value })),
                    Shape::Array(items) => values.extend(items),
                    Shape::String(text) => { text.decoded(); text.exact(); }
                    Shape::Number(_) | Shape::Bool(_) | Shape::Null => {}
                }
            }
        }
    }
}

#[track_caller]
fn check_string(written: &str, decoded: &str, exact: &[u8]) {
    let text = format!("\"{written}\"");
    let json = Json::read(text.as_bytes()).unwrap();
    let Shape::String(text) = json.root().shape() else { panic!("not a string") };
    assert_eq!((&*text.decoded(), &*text.exact()), (decoded, exact));
}

#[test]
fn strings() {
    check_string("", "", b"");
    check_string(r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t", b"\"\\/\x08\x0C\n\r\t");
    check_string(r"\u00e9\uD83D\uDE00!", "é😀!", "é😀!".as_bytes());
    check_string(r"\ud800", "\u{FFFD}", b"\xED\xA0\x80");
    check_string(r"\udfff\ud800\u0041", "\u{FFFD}\u{FFFD}A", b"\xED\xBF\xBF\xED\xA0\x80A");
    check_string(r"\ud83d\ud83d\ude00", "\u{FFFD}😀", b"\xED\xA0\xBD\xF0\x9F\x98\x80");
    check_string(r"\u12g4\x\u12", r"\u12g4\x\u12", br"\u12g4\x\u12");
    check_string("line\nbreak\u{0}", "line\nbreak\u{0}", b"line\nbreak\0");
}

#[test]
fn the_last_member_of_a_name_counts() {
    let json = Json::read(br#"{"a":1,"\u0061":{"b":[]},"c":[{"a":0}]}"#).unwrap();
    assert_eq!(json.root().member("a").unwrap().raw(), br#"{"b":[]}"#);
    assert_eq!(json.root().member("c").unwrap().items().unwrap().next().unwrap().member("a").unwrap().raw(), b"0");
    assert!(json.root().member("b").is_none());
}

#[test]
fn bombs_cost_no_more_than_eight_bytes_a_container() {
    let depth = 500_000;
    let nested = ["[".repeat(depth), "]".repeat(depth)].concat();
    let json = Json::read(nested.as_bytes()).unwrap();
    assert_eq!(json.containers.len(), depth);
    assert_eq!(json.root().items().unwrap().next().unwrap().raw().len(), 2 * (depth - 1));

    let zeros = format!("[{}0]", "0,".repeat(depth));
    let json = Json::read(zeros.as_bytes()).unwrap();
    assert_eq!((json.containers.len(), json.root().items().unwrap().count()), (1, depth + 1));

    assert!(Json::read("[".repeat(1 << 20).as_bytes()).is_err());
    assert_eq!(size_of::<Container>(), 8);
}
