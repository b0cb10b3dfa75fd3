//! TOML values as Serde reads them, with an error that knows its place and no value but a plain word, and stand-ins for what is broken.

use std::{
    cell::RefCell,
    collections::{BTreeSet, VecDeque},
    fmt,
};

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected, Visitor},
    forward_to_deserialize_any,
};
use toml::{Table, Value};

use super::Problem;
use crate::{secret::Secret, spelling::did_you_mean};

/// The keys that every handler has.
pub(super) const COMMON: [&str; 11] =
    ["name", "kind", "events", "endpoints", "when", "retry", "jitter", "timeout", "concurrency", "order", "enrich"];

/// How many letters a text has at most that is taken for a word.
const LONGEST_WORD: usize = 24;

/// One pass over a section.
pub(super) struct Reading<'b> {
    broken: &'b BTreeSet<String>,
    environment: &'b BTreeSet<String>,
    unknown: RefCell<Vec<Problem>>,
    secrets: RefCell<Vec<Secret>>,
}

impl<'b> Reading<'b> {
    pub(super) fn new(broken: &'b BTreeSet<String>, environment: &'b BTreeSet<String>) -> Self {
        Self { broken, environment, unknown: RefCell::default(), secrets: RefCell::default() }
    }

    pub(super) fn root<'r>(&'r self, table: &'r Table) -> Node<'r> {
        Node { reading: self, key: String::new(), content: Content::Table(table) }
    }

    /// The keys that are not known, and the texts that were read as secrets.
    pub(super) fn findings(self) -> (Vec<Problem>, Vec<Secret>) {
        (self.unknown.into_inner(), self.secrets.into_inner())
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The whole path; empty as long as the place is not known.
    pub(super) key: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// What is missing in the table at the place.
    field: Option<&'static str>,
}

impl Wrong {
    /// The same at its place, unless that is known.
    fn at(self, place: &str) -> Self {
        let key = match self.field {
            Some(field) => path(place, field),
            None if self.key.is_empty() => place.to_owned(),
            None => return self,
        };
        Self { key, field: None, ..self }
    }
}

fn path(table: &str, name: &str) -> String {
    if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") }
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.message)
    }
}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { key: String::new(), message: message.to_string(), hint: None, field: None }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("found {}, expected {}", noun(found), plainly(expected)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let noun = noun(found).split_once(' ').map_or("value", |(_, noun)| noun);
        Self::custom(format_args!("found another {noun}, expected {}", plainly(expected)))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("found {length}, expected {expected}"))
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let hint = did_you_mean(found, expected.iter().copied());
        Self { hint, ..Self::custom(format_args!("found {}, expected one of {}", word(found), in_a_row(expected))) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { field: Some(field), ..Self::custom("found nothing, expected a value") }
    }
}

/// What Serde expects, in the words of people.
fn plainly(expected: &dyn de::Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "a string" => "a text",
        "path string" => "a path",
        "a boolean" => "`true` or `false`",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a table",
        text if text.starts_with("struct ") => "a table",
        text if text.starts_with("a tuple") => "a list",
        text => text,
    }
    .to_owned()
}

fn noun(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a truth value",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_) => "a number",
        Unexpected::Str(_) | Unexpected::Char(_) => "a text",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        _ => "another value",
    }
}

/// What stands where one of a few words should. What does not look like a word may be a secret in the wrong place.
fn word(found: &str) -> String {
    let is_plain =
        found.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')) && found.len() <= LONGEST_WORD;
    match found {
        "" => "an empty text".to_owned(),
        found if is_plain => format!("`{found}`"),
        _ => "another text".to_owned(),
    }
}

fn in_a_row(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A value at its place.
pub(super) struct Node<'r> {
    reading: &'r Reading<'r>,
    key: String,
    content: Content<'r>,
}

#[derive(Clone, Copy)]
enum Content<'r> {
    Table(&'r Table),
    Value(&'r Value),
    /// Whatever is asked for.
    StandIn,
}

impl<'r> Node<'r> {
    fn child(&self, key: String, value: &'r Value) -> Self {
        let content = if self.reading.broken.contains(&key) { Content::StandIn } else { Content::Value(value) };
        Node { reading: self.reading, key, content }
    }

    fn path_of(&self, name: &str) -> String {
        path(&self.key, name)
    }

    fn table(&self) -> Option<&'r Table> {
        match self.content {
            Content::Table(table) | Content::Value(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    /// What a text of the environment says, if it is a number or a truth value.
    fn scalar(&self) -> Option<Value> {
        let Content::Value(Value::String(text)) = self.content else { return None };
        let value = self.reading.environment.contains(&self.key).then(|| text.parse::<Value>().ok())??;
        matches!(value, Value::Integer(_) | Value::Float(_) | Value::Boolean(_)).then_some(value)
    }

    /// Which of the fields a key of the table is.
    fn field(&self, name: &str, fields: &[&'static str]) -> Option<&'static str> {
        let is_large = || self.reading.environment.contains(&self.path_of(name));
        let of = |name: &str| fields.iter().copied().find(|field| *field == name);
        of(name).or_else(|| is_large().then(|| of(&name.to_lowercase()))?)
    }

    /// The value as it stands.
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let key = self.key.clone();
        let result = match self.content {
            Content::Table(table) | Content::Value(Value::Table(table)) => visitor.visit_map(self.members(table)),
            Content::Value(Value::Array(items)) => {
                let items = items.iter().enumerate().map(|(index, item)| self.child(format!("{key}[{index}]"), item));
                visitor.visit_seq(Items { left: items.collect::<Vec<_>>().into_iter() })
            }
            Content::Value(Value::String(text)) => visitor.visit_str(text),
            Content::Value(Value::Integer(number)) => visitor.visit_i64(*number),
            Content::Value(Value::Float(number)) => visitor.visit_f64(*number),
            Content::Value(Value::Boolean(truth)) => visitor.visit_bool(*truth),
            Content::Value(Value::Datetime(time)) => visitor.visit_string(time.to_string()),
            Content::StandIn => visitor.visit_str(""),
        };
        result.map_err(|wrong| wrong.at(&key))
    }

    fn members(self, table: &'r Table) -> Members<'r> {
        Members {
            left: table.iter().map(|(name, value)| (name.as_str(), self.child(self.path_of(name), value))).collect(),
            next: None,
        }
    }
}

/// What stands in a block besides the keys of its kind is in the block of any kind, and was taken out before the kind sees it.
fn unknown_key(path: String, name: &str, fields: &[&str]) -> Problem {
    let common = if path == name { &COMMON[..] } else { &[] };
    let expected = match (fields, common) {
        ([], []) => "none here".to_owned(),
        ([], _) => "none but those that every handler has".to_owned(),
        (fields, []) => format!("one of {}", in_a_row(fields)),
        (fields, _) => format!("one of {}, or one that every handler has", in_a_row(fields)),
    };
    let hint = did_you_mean(name, fields.iter().chain(common).copied());
    Problem { key: path, message: format!("found an unknown key, expected {expected}"), hint }
}

macro_rules! stand_ins {
    ($($method:ident => $visit:ident($value:expr),)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            let Content::StandIn = self.content else { return self.deserialize_any(visitor) };
            visitor.$visit($value).map_err(|wrong: Wrong| wrong.at(&self.key))
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.scalar() {
            Some(scalar) => Node { reading: self.reading, key: self.key, content: Content::Value(&scalar) }.visit(visitor),
            None => self.visit(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let empty = Table::new();
        let table = match self.table() {
            Some(table) => table,
            None if matches!(self.content, Content::StandIn) => &empty,
            None => return self.deserialize_any(visitor),
        };
        let (reading, key) = (self.reading, self.key.clone());
        let node = Node { reading, key: key.clone(), content: Content::Table(table) };
        let mut members = Members { left: VecDeque::new(), next: None };
        for (name, value) in table {
            let path = node.path_of(name);
            match node.field(name, fields) {
                Some(field) => members.left.push_back((field, node.child(path, value))),
                None => reading.unknown.borrow_mut().push(unknown_key(path, name, fields)),
            }
        }
        let is_stand_in = matches!(self.content, Content::StandIn);
        let is_missing = |field: &str| table.keys().all(|name| node.field(name, fields) != Some(field));
        let missing = fields.iter().filter(|field| is_missing(field)).map(|field| (*field, node.path_of(field)));
        let stand_ins = missing.filter(|(_, path)| is_stand_in || reading.broken.contains(path));
        members.left.extend(stand_ins.map(|(field, key)| (field, Node { reading, key, content: Content::StandIn })));
        visitor.visit_map(members).map_err(|wrong| wrong.at(&key))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if let Content::StandIn = self.content { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        if let (Secret::NEWTYPE, Content::Value(Value::String(text))) = (name, self.content) {
            self.reading.secrets.borrow_mut().push(Secret::new(text));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let word = match self.content {
            Content::Value(Value::String(word)) => word.as_str(),
            Content::StandIn => words.first().copied().unwrap_or_default(),
            _ => return self.deserialize_any(visitor),
        };
        visitor.visit_enum(word.into_deserializer()).map_err(|wrong: Wrong| wrong.at(&self.key))
    }

    stand_ins! {
        deserialize_bool => visit_bool(false),
        deserialize_i8 => visit_i64(1),
        deserialize_i16 => visit_i64(1),
        deserialize_i32 => visit_i64(1),
        deserialize_i64 => visit_i64(1),
        deserialize_u8 => visit_u64(1),
        deserialize_u16 => visit_u64(1),
        deserialize_u32 => visit_u64(1),
        deserialize_u64 => visit_u64(1),
        deserialize_f32 => visit_f64(1.0),
        deserialize_f64 => visit_f64(1.0),
        deserialize_seq => visit_seq(Items { left: Vec::new().into_iter() }),
        deserialize_map => visit_map(Members { left: Vec::new().into(), next: None }),
    }

    forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'r> {
    left: std::vec::IntoIter<Node<'r>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.left.next().map(|item| seed.deserialize(item)).transpose()
    }
}

struct Members<'r> {
    left: VecDeque<(&'r str, Node<'r>)>,
    next: Option<Node<'r>>,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((name, node)) = self.left.pop_front() else { return Ok(None) };
        let key = node.key.clone();
        self.next = Some(node);
        seed.deserialize(name.into_deserializer()).map(Some).map_err(|wrong: Wrong| wrong.at(&key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let node = self.next.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        let key = node.key.clone();
        // A newtype's own check fails after its deserializer is gone, so the place is added here as well.
        seed.deserialize(node).map_err(|wrong| wrong.at(&key))
    }
}
