//! Tests of reading notifications: Apple's shapes, and everything that must not make one unreadable.

use super::*;

fn event(body: impl Into<Bytes>) -> Event {
    Event::parse(body.into()).unwrap()
}

fn fixture(kind: &EventKind) -> Event {
    let path = format!("{}/tests/fixtures/events/{kind}.json", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")).into();
    if kind.family().is_unsigned() { Event::parse_xcode_cloud(bytes).unwrap() } else { event(bytes) }
}

#[test]
fn every_kind_has_a_fixture_of_its_family() {
    for kind in EventKind::ALL {
        let event = fixture(kind);
        assert_eq!((&event.kind, event.payload.family()), (kind, kind.family()));
        let id = event.id.split('/').next().unwrap();
        assert_eq!(id.len(), 36, "{kind}");
    }
    let fixtures = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events")).unwrap();
    assert_eq!(fixtures.count(), EventKind::ALL.len(), "a fixture of no kind");
}

#[test]
fn what_the_fixtures_say() {
    let told: Vec<_> = EventKind::ALL.iter().map(fixture).map(|event| (event.time, event.subject, event.payload)).collect();
    insta::assert_debug_snapshot!(told);
}

#[test]
fn an_unknown_kind_tells_what_it_can() {
    let body = r#"{"data": {"type": "reviewSubmissionStateUpdated", "id": "1", "attributes": {"newState": "NEW", "deep": [{}]}}}"#;
    let event = event(body);
    let Payload::Unknown(unknown) = &event.payload else { panic!("{:?}", event.payload) };
    assert_eq!(&unknown.data()[..], &body.as_bytes()[9..body.len() - 1]);
    assert_eq!((event.kind.as_str(), event.state(), event.previous_state()), ("reviewSubmissionStateUpdated", Some("NEW"), None));
    assert_eq!(event.attributes(), serde_json::json!({"newState": "NEW", "deep": [{}]}));
    assert_eq!(event.raw(), body);
}

#[test]
fn a_ping_by_any_name() {
    for data in [r#""type": "webhookPingCreated""#, r#""type": "webhookPings""#, r#""type": "new", "attributes": {"ping": true}"#] {
        assert_eq!(event(format!(r#"{{"data": {{{data}}}}}"#)).payload, Payload::Ping(Ping {}), "{data}");
    }
    let not_one = event(r#"{"data": {"type": "new", "attributes": {"ping": "true"}}}"#);
    assert_eq!(not_one.payload.family(), FamilyName::Unknown);
}

#[test]
fn an_unknown_state_passes() {
    let placeholder = event(r#"{"data": {"type": "buildUploadStateUpdated", "attributes": {"newState": "BuildUploadState"}}}"#);
    assert_eq!(placeholder.state(), Some("BuildUploadState"));
    let Payload::BuildUpload(upload) = placeholder.payload else { panic!() };
    assert_eq!(upload.change, Change { from: None, to: Some(BuildUploadState::from("BuildUploadState")) });
}

#[track_caller]
fn check_id(data: &str, expected: &str) {
    assert_eq!(event(format!(r#"{{"data": {{"type": "new", {data}}}}}"#)).id, expected);
}

#[test]
fn ids() {
    check_id(r#""id": "7c81""#, "7c81");
    check_id(r#""id": """#, "");
    check_id(r#""id": 10795428705123456789012"#, "10795428705123456789012");
    check_id(r#""id": 1e999"#, "1e999");
    check_id(r#""id": "a\u0000b\u0007\u0085""#, "a\u{FFFD}b\u{FFFD}\u{FFFD}");
    check_id(r#""id": "\ud800""#, "\u{FFFD}");
    check_id(r#""id": "first", "id": "last""#, "last");
    check_id(r#""i\u0064": "escaped""#, "escaped");
}

#[test]
fn an_event_without_an_id_gets_one_from_its_content() {
    let id = |data: &str| event(format!(r#"{{"data": {{"type": "new"{data}}}}}"#)).id;
    assert_eq!(id(""), id("  \n"));
    assert_eq!(id(r#", "a": 1"#), id(r#", "a": 1.0"#));
    assert_ne!(id(r#", "a": 1"#), id(r#", "a": 2"#));
    assert_ne!(id(r#", "id": null"#), id(""));
    for odd in ["null", "true", "{}", "[]"] {
        let id = id(&format!(r#", "id": {odd}"#));
        assert!(id.len() == 23 && id.strip_prefix("sha256:").unwrap().bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn fields_of_other_types_are_none() {
    for odd in ["null", "1e999", r#""\ud800""#, "{}", "[]", "[[{}]]", "true", r#""not a time""#] {
        for kind in EventKind::ALL {
            let inside = event(format!(
                r#"{{"data": {{"type": "{kind}", "version": {odd}, "attributes": {{"newValue": {odd}, "timestamp": {odd}, "territories": {odd},
                    "appId": {odd}, "available": {odd}}}, "relationships": {{"instance": {odd}, "marketplaceApp": {odd}}}}}}}"#
            ));
            assert_eq!((inside.version, inside.time, inside.subject), (None, None, None), "{kind} {odd}");
            let around =
                event(format!(r#"{{"data": {{"type": "{kind}", "attributes": {odd}, "relationships": {odd}}}, "meta": {odd}}}"#));
            assert_eq!((&around.kind, around.payload.family()), (kind, kind.family()));
            assert_eq!((around.state(), around.time, &around.subject), (None, None, &None), "{kind} {odd}");
        }
    }
}

#[track_caller]
fn check_time(written: &str, expected: Option<&str>) {
    let event = event(format!(r#"{{"data": {{"type": "webhookPingCreated", "attributes": {{"timestamp": "{written}"}}}}}}"#));
    assert_eq!(event.time, expected.map(|time| time.parse().unwrap()), "{written}");
}

#[test]
fn times() {
    check_time("2025-12-05T14:30:45Z", Some("2025-12-05T14:30:45Z"));
    check_time("2025-05-08T01:29:36.16Z", Some("2025-05-08T01:29:36.160Z"));
    check_time("2025-07-10T22:35:02.541411Z", Some("2025-07-10T22:35:02.541411Z"));
    check_time("2025-06-09T10:09:30.123456789Z", Some("2025-06-09T10:09:30.123456789Z"));
    check_time("2023-11-27T10:40:37.246-08:00", Some("2023-11-27T18:40:37.246Z"));
    check_time("2023-11-27T18:40:32.143-00:00", Some("2023-11-27T18:40:32.143Z"));
    check_time("2023-11-27T18:40:32", None);
    check_time("2023-02-30T00:00:00Z", None);
    check_time("99999-01-01T00:00:00Z", None);
    check_time("", None);
}

#[test]
fn the_event_s_own_time_comes_before_the_notification_s() {
    let time = |attributes: &str| {
        let body = r#"{"data": {"type": "AppUnavailable", "timestamp": "2024-05-17T03:15:47-07:00", "attributes": ATTRIBUTES}}"#;
        event(body.replace("ATTRIBUTES", attributes)).time.unwrap().to_string()
    };
    assert_eq!(time(r#"{"eventTimestamp": "2024-05-17T10:15:42.5-00:00"}"#), "2024-05-17T10:15:42.5Z");
    assert_eq!(time("{}"), "2024-05-17T10:15:47Z");
}

#[test]
fn subjects_flat_and_wrapped() {
    let subject =
        |instance: &str| event(format!(r#"{{"data": {{"type": "new", "relationships": {{"instance": {instance}}}}}}}"#)).subject;
    let expected = |link: Option<&str>| Some(Subject { kind: "builds".into(), id: "1".into(), link: link.map(Into::into) });
    assert_eq!(subject(r#"{"data": {"type": "builds", "id": "1"}}"#), expected(None));
    assert_eq!(
        subject(r#"{"data": {"type": "builds", "id": 1}, "links": {"self": "/v1/builds/1"}}"#),
        expected(Some("/v1/builds/1"))
    );
    assert_eq!(subject(r#"{"type": "builds", "id": "1", "links": {"self": "/v1/builds/1"}}"#), expected(Some("/v1/builds/1")));
    assert_eq!(subject(r#"{"data": {"type": "builds"}}"#), None);
    assert_eq!(subject(r#"{"data": null, "type": "builds", "id": "1"}"#), None);
}

#[test]
fn odd_texts_are_events_all_the_same() {
    let depth = 100_000;
    let bodies: [Vec<u8>; 6] = [
        b"\xEF\xBB\xBF{\"data\":{\"type\":\"new\"}} \r\n".into(),
        b"{\"data\":{\"type\":\"new\",\"attributes\":{\"note\":\"\xFF\xFE\"}}}".into(),
        br#"{"data":{"type":"new","attributes":{"a":1e999,"b":"\ud800","c":"\u0000","d":-0.0e-99999999999999999999}}}"#.into(),
        br#"{"data":1,"data":{"type":"old","type":"new"}}"#.into(),
        br#"{"data":{"type":"new","x":"\q \u12"}}"#.into(),
        [br#"{"data":{"type":"new","x":"#, "[".repeat(depth).as_bytes(), "]".repeat(depth).as_bytes(), b"}}"].concat(),
    ];
    for body in bodies {
        let event = event(body);
        assert_eq!(event.kind.as_str(), "new");
        serde_json::to_string(&event).unwrap();
    }
}

#[test]
fn what_is_no_event_says_why() {
    let no_events = [
        "",
        " ",
        "[]",
        "null",
        "\"data\"",
        "{}",
        "{\"data\":[]}",
        "{\"data\":null}",
        "{\"data\":{}}",
        "{\"data\":{\"type\":7}}",
        "{\"data\":{\"type\":\"new\"}",
        "{\"data\":{\"type\":\"new",
        "{\"data\":{\"type\":\"new\"}} {}",
        "{\"data\" {}}",
        "{data:{}}",
        "{\"data\":{\"type\":\"new\",}}",
        "[1,]",
        "[1 2]",
        "{\"a\":nul}",
        "{\"a\":01x}",
        "[}",
        "hello=world",
        "\u{7}",
    ];
    let reasons = no_events.map(|text| format!("{text:?}: {}", Event::parse(text.into()).unwrap_err()));
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn events_can_be_shared_between_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Event>();
}
