//! The `data` object of a notification, read by name.
//!
//! Everything in it is optional: a field that is absent and a field of another type than expected are the same to us, namely
//! nothing. Texts that leave here are fit to be kept anywhere: their control characters are replaced, because a NUL in an id is
//! valid JSON but no database takes it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{
    json::{Shape, Text, Value},
    state::Change,
};

/// The `data` object of a notification.
#[derive(Clone, Copy)]
pub(super) struct Data<'d> {
    /// The object itself.
    pub(super) value: Value<'d>,
    pub(super) kind: Option<Value<'d>>,
    pub(super) id: Option<Value<'d>>,
    pub(super) version: Option<Value<'d>>,
    pub(super) timestamp: Option<Value<'d>>,
    attributes: Option<Value<'d>>,
    relationships: Option<Value<'d>>,
}

impl<'d> Data<'d> {
    /// Takes an object apart; none if the value is no object.
    pub(super) fn read(value: Value<'d>) -> Option<Self> {
        let mut data = Self { value, kind: None, id: None, version: None, timestamp: None, attributes: None, relationships: None };
        for (key, value) in value.members()? {
            match &*key.exact() {
                b"type" => data.kind = Some(value),
                b"id" => data.id = Some(value),
                b"version" => data.version = Some(value),
                b"timestamp" => data.timestamp = Some(value),
                b"attributes" => data.attributes = Some(value),
                b"relationships" => data.relationships = Some(value),
                _ => {}
            }
        }
        Some(data)
    }

    /// A text among the attributes.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text(self.attribute(name)?)
    }

    /// The texts of a list among the attributes.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.attribute(name).and_then(Value::items).into_iter().flatten().filter_map(text).collect()
    }

    /// A truth value among the attributes.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        if let Shape::Bool(flag) = self.attribute(name)?.shape() { Some(flag) } else { None }
    }

    /// A point in time among the attributes.
    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        time(self.attribute(name)?)
    }

    /// The change of a state, whose two sides are called `from` and `to` among the attributes.
    pub(super) fn change<S: for<'s> From<&'s str>>(&self, from: &str, to: &str) -> Change<S> {
        let state = |name| match self.attribute(name)?.shape() {
            Shape::String(text) => Some(S::from(&printable(text))),
            _ => None,
        };
        Change { from: state(from), to: state(to) }
    }

    /// What stands under a name among the relationships.
    pub(super) fn relationship(&self, name: &str) -> Option<Value<'d>> {
        self.relationships?.member(name)
    }

    fn attribute(&self, name: &str) -> Option<Value<'d>> {
        self.attributes?.member(name)
    }
}

/// A string, or a number as it is written: Apple's ids are strings, but some of them consist of digits.
pub(super) fn text(value: Value<'_>) -> Option<String> {
    match value.shape() {
        Shape::String(text) => Some(printable(text).into_owned()),
        Shape::Number(literal) => Some(String::from_utf8_lossy(literal).into_owned()),
        _ => None,
    }
}

/// A point in time as RFC 3339 writes it.
pub(super) fn time(value: Value<'_>) -> Option<Timestamp> {
    if let Shape::String(text) = value.shape() { text.decoded().parse().ok() } else { None }
}

/// A string without control characters.
pub(super) fn printable(text: Text<'_>) -> Cow<'_, str> {
    let decoded = text.decoded();
    if decoded.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return decoded;
    }
    if decoded.contains(char::is_control) { Cow::Owned(decoded.replace(char::is_control, "\u{FFFD}")) } else { decoded }
}
