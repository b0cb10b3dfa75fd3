//! Tests of the canonical form.

use super::*;

/// Keeps the form instead of digesting it.
struct Form(Vec<u8>);

impl Update for Form {
    fn update(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }
}

fn form(text: &str) -> Vec<u8> {
    let mut form = Form(Vec::new());
    canonical(&Json::read(text.as_bytes()).unwrap(), &mut form);
    form.0
}

#[track_caller]
fn check_same(texts: &[&str]) {
    for text in texts {
        assert_eq!(form(text), form(texts[0]), "{text} should be the same as {}", texts[0]);
    }
}

#[track_caller]
fn check_all_different(texts: &[&str]) {
    for (index, one) in texts.iter().enumerate() {
        for other in &texts[..index] {
            assert_ne!(form(one), form(other), "{one} should differ from {other}");
        }
    }
}

#[test]
fn numbers() {
    check_same(&["1", "1.0", "1e0", "1E+0", "10e-1", "0.1e1", "0.001e3", "01", "100e-2"]);
    check_same(&["0", "-0", "0.0", "-0.00e17", "0e99999999999999999999"]);
    check_same(&["120", "1.2e2", "12e1", "0.12e3", "120.000"]);
    check_same(&["-0.0050", "-5e-3", "-0.5e-2"]);
    check_same(&["12345678901234567890123456789012345", "1.2345678901234567890123456789012345e34"]);
    check_same(&["1e999", "10e998"]);
    check_all_different(&[
        "0",
        "1",
        "-1",
        "10",
        "101",
        "1.01",
        "0.101",
        "1e999",
        "1e998",
        "1e-999",
        "12345678901234567890123456789012345",
        "12345678901234567890123456789012346",
        "0.1",
        "0.10000000000000000000000000001",
        "1e99999999999999999999",
        "1e99999999999999999998",
        "1.",
        "1e",
        "1-1",
        "\"1\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "\"\"",
        "[1]",
        "[0]",
    ]);
}

#[test]
fn strings_and_structure() {
    check_same(&[r#""é/\"\n""#, r#""\u00e9\/\u0022\u000A""#, "\"\\u00E9/\\\"\n\""]);
    check_same(&[r#"{"a":1,"b":[1,{"c":2,"d":3}]}"#, r#" { "b" : [ 1.0 , { "d":3, "\u0063":2 } ], "a":9, "a":1 } "#]);
    check_all_different(&[
        r#""\ud800""#,
        r#""\ud801""#,
        r#""\ufffd""#,
        r#""\ud800\ud800""#,
        r#"["a","b"]"#,
        r#"["b","a"]"#,
        r#"["ab"]"#,
        r#"["a",["b"]]"#,
        r#"[["a"],"b"]"#,
        r#"[["a","b"]]"#,
        r#"{"a":"b"}"#,
        r#"{"b":"a"}"#,
        r#"{"a":{"b":0}}"#,
        r#"{"a":{},"b":0}"#,
        r#"{"a":[{},{"b":0}]}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"A":1}"#,
    ]);
}

#[test]
fn links_are_left_out_where_json_api_puts_them() {
    check_same(&[
        r#"{"data":{"relationships":{"instance":{"data":{"id":"1"}}}}}"#,
        r#"{"links":{"self":"x"},"data":{"links":[],"relationships":{"instance":{"links":{"self":"y"},"data":{"id":"1"}}}}}"#,
    ]);
    check_same(&[
        r#"{"data":{"relationships":{"instance":{"id":"1"}}}}"#,
        r#"{"data":{"relationships":{"instance":{"id":"1","\u006cinks":"z"}}}}"#,
    ]);
    check_all_different(&[
        r#"{"data":{"attributes":{}}}"#,
        r#"{"data":{"attributes":{"links":{"self":"x"}}}}"#,
        r#"{"data":{"attributes":{"links":{"self":"y"}}}}"#,
        r#"{"data":{"relationships":{"links":{"id":"x"}}}}"#,
        r#"{"data":{"relationships":{"instance":{"data":{"links":"x"}}}}}"#,
        r#"{"meta":{"links":"x"}}"#,
    ]);
}

#[test]
fn depth_is_no_matter() {
    let nested = |inner: &str| format!("{}{inner}{}", r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
    assert_eq!(form(&nested("1")), form(&nested("1.0")));
    assert_ne!(form(&nested("1")), form(&nested("2")));
}
