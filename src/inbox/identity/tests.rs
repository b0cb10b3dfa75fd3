//! Tests of sameness.

use std::fmt::Write as _;

use bytes::Bytes;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::*;
use crate::event::{EventKind, sample};

fn identity(body: impl Into<Bytes>) -> Identity {
    let body = body.into();
    let event = Event::parse(body.clone()).or_else(|_| Event::parse_xcode_cloud(body));
    Identity::of_event("main", &event.unwrap())
}

/// Writes the same event in another dress: members in another order, white space, escapes, other links.
fn redress(value: &Value, dice: &mut impl Iterator<Item = usize>, text: &mut String) {
    let space = |dice: &mut dyn Iterator<Item = usize>, text: &mut String| {
        text.push_str(["", " ", "\n\t", "\r\n  "][dice.next().unwrap() % 4]);
    };
    space(dice, text);
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if !members.is_empty() {
                let turn = dice.next().unwrap() % members.len();
                members.rotate_left(turn);
            }
            text.push('{');
            for (index, (key, value)) in members.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                if dice.next().unwrap().is_multiple_of(4) {
                    // A name that comes again does not count.
                    write_string(key, dice, text);
                    text.push_str(":{\"shadowed\":[1,2]},");
                }
                space(dice, text);
                write_string(key, dice, text);
                space(dice, text);
                text.push(':');
                redress(value, dice, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                redress(item, dice, text);
            }
            text.push(']');
        }
        Value::String(string) => write_string(string, dice, text),
        Value::Number(number) if number.is_u64() => {
            text.push_str(&number.to_string());
            text.push_str(["", ".00", "0e-1", "E+0"][dice.next().unwrap() % 4]);
        }
        other => text.push_str(&other.to_string()),
    }
    space(dice, text);
}

fn write_string(string: &str, dice: &mut impl Iterator<Item = usize>, text: &mut String) {
    text.push('"');
    for unit in string.chars() {
        if dice.next().unwrap().is_multiple_of(3) || unit == '"' || unit == '\\' {
            for unit in unit.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}").unwrap();
            }
        } else {
            text.push(unit);
        }
    }
    text.push('"');
}

fn relinked(mut body: Value, link: &str) -> Value {
    body["links"] = json!({ "self": link });
    if body.get("data").is_none() {
        return body;
    }
    body["data"]["links"] = json!(link);
    if let Some(instance) = body.pointer_mut("/data/relationships/instance") {
        instance["links"] = json!({ "self": link, "related": link });
    }
    body
}

fn any_body() -> impl Strategy<Value = Value> {
    (prop::sample::select(EventKind::ALL), ".{0,12}", any::<u64>(), ".{0,8}").prop_map(|(kind, state, number, note)| {
        let body =
            sample::of(&kind).state(state).set("attributes.extra.number", number.into()).set("attributes.note", note.into()).body();
        serde_json::from_slice(&body).unwrap()
    })
}

proptest! {
    #[test]
    fn the_same_event_in_other_dress_is_the_same(body in any_body(), dice in prop::collection::vec(any::<usize>(), 64), link in ".{0,8}") {
        let mut text = String::new();
        redress(&relinked(body.clone(), &link), &mut dice.into_iter().cycle(), &mut text);
        let plain = identity(body.to_string());
        let dressed = identity(text.clone());
        prop_assert_eq!(plain, dressed, "{}", text);
    }

    #[test]
    fn an_event_with_another_value_anywhere_is_another(body in any_body(), place: Index, value in "[^\u{0}]{1,6}") {
        let mut places = Vec::new();
        leaves(&body, String::new(), &mut places);
        places.retain(|place| !place.contains("/links") && !place.ends_with("/type") && !place.ends_with("/eventType"));
        places.retain(|place| body.pointer(place).is_some_and(|leaf| !leaf.is_null()));
        let place = place.get(&places);
        let mut changed = body.clone();
        let leaf = changed.pointer_mut(place).unwrap();
        let before = std::mem::replace(leaf, json!([value]));
        prop_assert_ne!(identity(body.to_string()).content, identity(changed.to_string()).content, "{} was {}", place, before);
        changed.pointer_mut(place).unwrap().take();
        prop_assert_ne!(identity(body.to_string()).content, identity(changed.to_string()).content, "{} was {}", place, before);
    }
}

/// The place of every scalar.
fn leaves(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| leaves(value, format!("{place}/{key}"), places)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| leaves(item, format!("{place}/{index}"), places)),
        _ => places.push(place),
    }
}

#[test]
fn one_id_with_other_content_is_another_event_of_the_same_group() {
    let kind = &EventKind::AppStoreVersionAppVersionStateUpdated;
    let rejected = identity(sample::of(kind).state("REJECTED").body());
    let accepted = identity(sample::of(kind).state("ACCEPTED").body());
    assert_eq!(rejected.event, accepted.event);
    assert_ne!(rejected.content, accepted.content);
    let other_id = identity(sample::of(kind).state("REJECTED").id("other").body());
    assert_ne!(rejected.event, other_id.event);
}

#[test]
fn nothing_passes_for_something_else() {
    let event = Event::parse(r#"{"data":{"type":"new","id":"b"}}"#.into()).unwrap();
    let identities = [
        Identity::of_event("a", &event),
        Identity::of_event("ab", &event),
        Identity::of_bytes("a", event.raw()),
        Identity::of_bytes("a", b""),
        Identity::of_bytes("", b"a"),
        Identity::of_bytes("ab", b""),
        Identity::of_bytes("a", b"b"),
    ];
    for (index, one) in identities.iter().enumerate() {
        for other in &identities[..index] {
            assert_ne!(one.content, other.content);
        }
    }
}

/// Identities are kept for longer than programs are, so they must not change from one version to the next.
#[test]
fn identities_stay_what_they_are() {
    let event =
        Event::parse(r#"{"data":{"type":"new","id":"1","attributes":{"b":[1.50,null,"\u00e9"],"a":true}}}"#.into()).unwrap();
    let identity = Identity::of_event("main", &event);
    insta::assert_snapshot!(format!("{} {identity}\n{}", identity.event, Identity::of_bytes("main", b"not an event")));
}

#[test]
fn a_summary_is_what_receipts_are_listed_by() {
    let kind = &EventKind::BackgroundAssetVersionStateUpdated;
    insta::assert_json_snapshot!(Summary::of(&Event::parse(sample::of(kind).body()).unwrap()));
}
