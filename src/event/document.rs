//! Our own JSON document of an event: what programs get on standard input, what is forwarded as JSON, what `--json` prints.
//!
//! It has the same members for every kind of event, `null` where Apple tells nothing, so that a script need not know the three ways in
//! which Apple spells "the state now". Apple's own text is in [`Event::raw`].

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value as Plain};

use super::{
    Event, FamilyName, Payload,
    json::{Json, Shape, Value},
    kind::EventKind,
};

/// How deep values may be nested before they are given as text: below this, any JSON reader in use can take them.
const DEEPEST: usize = 64;

impl Event {
    /// The attributes of the notification, as an object; an empty one if it has none. Of a notification of Xcode Cloud: the whole of it.
    ///
    /// What JSON readers in common use could not take is given as text: numbers out of their range, and what is nested deeper than
    /// 64 levels.
    pub fn attributes(&self) -> Plain {
        let attributes = Json::read(&self.raw).ok().and_then(|json| {
            let attributes = match &self.payload {
                // A notification of Xcode Cloud has them apart, by resource: it is all one.
                Payload::XcodeCloud(_) => json.root(),
                _ => json.root().member("data")?.member("attributes")?,
            };
            attributes.members().is_some().then(|| plain(attributes, DEEPEST))
        });
        attributes.unwrap_or_else(|| Plain::Object(Map::new()))
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document {
            id: &self.id,
            kind: &self.kind,
            family: self.payload.family(),
            version: self.version,
            time: self.time.map(|time| time.to_string()),
            state: self.state(),
            previous_state: self.previous_state(),
            subject: self.subject.as_ref().map(|subject| SubjectDocument { kind: &subject.kind, id: &subject.id }),
            app_id: self.app_id(),
            attributes: self.attributes(),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct Document<'e> {
    id: &'e str,
    kind: &'e EventKind,
    family: FamilyName,
    version: Option<u64>,
    time: Option<String>,
    state: Option<&'e str>,
    previous_state: Option<&'e str>,
    subject: Option<SubjectDocument<'e>>,
    app_id: Option<&'e str>,
    attributes: Plain,
}

#[derive(Serialize)]
struct SubjectDocument<'e> {
    #[serde(rename = "type")]
    kind: &'e str,
    id: &'e str,
}

/// The value as any program can read it. `levels` is how many more may be nested.
fn plain(value: Value<'_>, levels: usize) -> Plain {
    match value.shape() {
        Shape::Object(_) | Shape::Array(_) if levels == 0 => Plain::String(as_written(value)),
        Shape::Object(members) => members.map(|(key, value)| (key.decoded().into_owned(), plain(value, levels - 1))).collect(),
        Shape::Array(items) => items.map(|item| plain(item, levels - 1)).collect(),
        Shape::String(text) => Plain::String(text.decoded().into_owned()),
        Shape::Number(_) => {
            let literal = as_written(value);
            number(&literal).map_or(Plain::String(literal), Plain::Number)
        }
        Shape::Bool(truth) => Plain::Bool(truth),
        Shape::Null => Plain::Null,
    }
}

/// The number, unless it is out of the range that others can read.
fn number(literal: &str) -> Option<Number> {
    if literal.contains(['.', 'e', 'E']) {
        Number::from_f64(literal.parse().ok()?)
    } else {
        literal.parse().map(u64::into).or_else(|_| literal.parse().map(i64::into)).ok()
    }
}

fn as_written(value: Value<'_>) -> String {
    String::from_utf8_lossy(value.raw()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{KindPattern, sample};

    #[test]
    fn a_document_of_every_family() {
        let mut families = FamilyName::ALL.into_iter().filter(|family| *family != FamilyName::Unknown);
        let documents = families.by_ref().map(|family| {
            let of_family = KindPattern::parse(family.as_str()).unwrap();
            let kind = EventKind::ALL.iter().find(|kind| of_family.matches(kind)).unwrap();
            sample::of(kind).event().unwrap()
        });
        insta::assert_json_snapshot!(documents.collect::<Vec<_>>());
    }

    #[track_caller]
    fn check(attributes: &str, expected: &Plain) {
        let event = Event::parse(format!(r#"{{"data":{{"type":"new","attributes":{attributes}}}}}"#).into()).unwrap();
        assert_eq!(event.attributes(), *expected);
    }

    #[test]
    fn attributes_that_others_could_not_read() {
        check(
            r#"{"a":1e999,"b":-12,"c":1.5,"d":123456789012345678901234567890}"#,
            &serde_json::json!({"a": "1e999", "b": -12, "c": 1.5, "d": "123456789012345678901234567890"}),
        );
        check(r#"{"a":"\ud800","a":"\ud83d\ude00","b":[true,null]}"#, &serde_json::json!({"a": "😀", "b": [true, null]}));
        check("[1]", &serde_json::json!({}));
        check(&format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)), &{
            let text = Plain::String(format!("{}{}", "[".repeat(37), "]".repeat(37)));
            serde_json::json!({"a": (0..63).fold(text, |inner, _| serde_json::json!([inner]))})
        });
    }
}
