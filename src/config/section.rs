//! Reads the keys of a section and says all that is wrong with them.
//!
//! Whoever settles a section asks for each of its keys, gets what could be read, and goes on: a finding is noted, not returned, so
//! one mistake does not hide the next. What nobody asked for is unknown, and the keys that were asked for are what it may have
//! been meant to be. That is the whole schema: a test checks `config/default.toml` against it and makes `config/schema.json` of both.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt::Display,
};

use serde_json::json;

use toml::{Table, Value};

use super::{
    error::{Origin, Problem},
    layers::{Origins, as_toml, join},
    secret_source::{self, Surroundings},
};
use crate::{secret::Secret, spelling::did_you_mean};

/// What to do about a value that could not be read, if there is something to say.
pub(super) type Hint = Option<String>;

/// Something that a key can mean.
pub(super) trait Setting: Sized {
    /// What is expected, as a phrase.
    const EXPECTED: &'static str;

    /// Reads a value.
    fn read(value: &Value) -> Result<Self, Hint>;

    /// What a JSON Schema says of such a value: nearly all are texts.
    fn schema() -> serde_json::Value {
        json!({ "type": "string" })
    }
}

/// Every key that was asked for, positions left out (`endpoint[].path`), and what a JSON Schema says of it.
pub(super) type Asked = BTreeMap<String, serde_json::Value>;

/// Something that the items of a list can mean.
pub(super) trait Listed: Setting {
    /// What is expected of a list, as a phrase after "a list of".
    const SEVERAL: &'static str;
}

/// The values of a key that are to be different in every section of a list, and the path of the section that has each.
pub(super) type Taken<T> = BTreeMap<T, String>;

/// A confidential text among several.
#[derive(Debug)]
pub(super) struct Labelled {
    /// Where it stands.
    pub(super) path: String,
    pub(super) secret: Secret,
    /// What it is called, if somebody has given it a name.
    pub(super) label: Option<String>,
    /// The name of the file or variable it comes from.
    pub(super) source: Option<String>,
}

/// What goes on while a configuration is read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) origins: Origins,
    pub(super) surroundings: &'a dyn Surroundings,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    pub(super) asked: Asked,
}

impl<'a> Reading<'a> {
    /// Begins to read.
    pub(super) fn new(origins: Origins, surroundings: &'a dyn Surroundings, problems: Vec<Problem>) -> Self {
        Self { origins, surroundings, problems, warnings: Vec::new(), asked: Asked::new() }
    }

    /// Notes what is wrong with a key.
    pub(super) fn wrong(&mut self, key: &str, found: impl Display, expected: impl Display, hint: impl Into<Hint>) {
        self.problems.push(self.origins.problem(key, found, expected, hint));
    }

    /// Notes what somebody should look at.
    pub(super) fn warn(&mut self, key: &str, found: impl Display, expected: impl Display, hint: impl Into<Hint>) {
        self.warnings.push(self.origins.problem(key, found, expected, hint));
    }

    fn read<T: Setting>(&mut self, path: &str, value: &Value) -> Option<T> {
        let hint = match T::read(value) {
            Ok(setting) => return Some(setting),
            Err(hint) => hint,
        };
        // In the environment everything is a text, so one that is not right as it is may be a number or a truth value.
        if let (Value::String(text), Origin::Environment(_)) = (value, self.origins.of(path))
            && let Some(setting) = as_toml(text).and_then(|value| T::read(&value).ok())
        {
            return Some(setting);
        }
        self.wrong(path, found(value), T::EXPECTED, hint);
        None
    }
}

/// A table of the configuration while it is read.
#[derive(Debug)]
pub(super) struct Section<'r, 'a> {
    path: String,
    table: &'r Table,
    asked: Vec<&'static str>,
    reading: &'r mut Reading<'a>,
}

impl<'r, 'a> Section<'r, 'a> {
    /// Begins to read a table.
    pub(super) fn new(path: impl Into<String>, table: &'r Table, reading: &'r mut Reading<'a>) -> Self {
        Self { path: path.into(), table, asked: Vec::new(), reading }
    }

    /// A key that must be there.
    pub(super) fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let table = self.table;
        match (self.ask(key, T::schema()), table.get(key)) {
            (path, Some(value)) => self.reading.read(&path, value),
            (path, None) => {
                self.reading.wrong(&path, "nothing", T::EXPECTED, None);
                None
            }
        }
    }

    /// A key that must be there, with a value that no section before has.
    pub(super) fn unique<T>(&mut self, key: &'static str, taken: &mut Taken<T>) -> Option<T>
    where
        T: Setting + Clone + Display + Ord,
    {
        let value: T = self.required(key)?;
        match taken.entry(value.clone()) {
            Entry::Vacant(free) => drop(free.insert(self.path.clone())),
            Entry::Occupied(first) => {
                let found = format!("`{value}`, the {key} of `{}`", first.get());
                self.reading.wrong(&self.path(key), found, format!("a {key} of its own"), None);
            }
        }
        Some(value)
    }

    /// A key that may be left out.
    pub(super) fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let table = self.table;
        let path = self.ask(key, T::schema());
        table.get(key).and_then(|value| self.reading.read(&path, value))
    }

    /// A list. An item that cannot be read is noted and left out.
    pub(super) fn list<T: Listed>(&mut self, key: &'static str) -> Vec<T> {
        self.list_with_paths(key).into_iter().map(|(_, item)| item).collect()
    }

    /// The same, each item with its path.
    pub(super) fn list_with_paths<T: Listed>(&mut self, key: &'static str) -> Vec<(String, T)> {
        let items = self.items(key, T::SEVERAL, &T::schema()).unwrap_or_default();
        items.into_iter().filter_map(|(path, value)| self.reading.read(&path, &value).map(|item| (path, item))).collect()
    }

    /// The items of a list as they stand, each with its path; none if it is not a list. `of_what` and `schema` say what the items
    /// should be.
    pub(super) fn items(&mut self, key: &'static str, of_what: &str, schema: &serde_json::Value) -> Option<Vec<(String, Value)>> {
        let table = self.table;
        let path = self.ask(key, json!({ "type": "array", "items": schema }));
        match table.get(key) {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => {
                Some(items.iter().enumerate().map(|(index, value)| (format!("{path}[{index}]"), value.clone())).collect())
            }
            Some(other) => {
                let hint = if other.is_table() { format!("write `[[{key}]]`") } else { format!("write `{key} = [\"…\"]`") };
                self.reading.wrong(&path, sort(other), format!("a list of {of_what}"), hint);
                None
            }
        }
    }

    /// A confidential text that may be left out.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let table = self.table;
        let path = self.ask(key, secret_source::schema());
        table.get(key).and_then(|value| secret_source::read(self.reading, &path, value, &[])).map(|(secret, _)| secret)
    }

    /// One confidential text, or a list of them, each of which may be given a label.
    pub(super) fn labelled_secrets(&mut self, key: &'static str) -> Vec<Labelled> {
        let table = self.table;
        let mut one = secret_source::schema();
        one["properties"]["label"] = String::schema();
        let path = self.ask(key, json!({ "anyOf": [one, { "type": "array", "items": one }] }));
        let given = match table.get(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => {
                items.iter().enumerate().map(|(index, value)| (format!("{path}[{index}]"), value)).collect()
            }
            Some(value) => vec![(path.clone(), value)],
        };
        if given.is_empty() {
            self.reading.wrong(
                &path,
                "an empty list",
                "at least one secret",
                "leave the key out if there is to be none".to_owned(),
            );
        }
        let mut secrets = Vec::new();
        for (path, value) in given {
            let label = value.get("label").and_then(|label| self.reading.read(&join(&path, "label"), label));
            if let Some((secret, source)) = secret_source::read(self.reading, &path, value, &["label"]) {
                secrets.push(Labelled { path, secret, label, source });
            }
        }
        secrets
    }

    /// A section within.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'_, 'a>> {
        let table = self.table;
        let path = self.ask(key, section_schema());
        match table.get(key) {
            Some(Value::Table(table)) => Some(Section::new(path, table, self.reading)),
            Some(other) => {
                self.reading.wrong(&path, found(other), format!("a section, `[{key}]`"), None);
                None
            }
            None => {
                self.reading.wrong(&path, "nothing", format!("a section, `[{key}]`"), None);
                None
            }
        }
    }

    /// The tables of a list of sections, such as `[[endpoint]]`, each with its position.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<(usize, Table)> {
        let items = self.items(key, "sections", &section_schema()).unwrap_or_default();
        let mut tables = Vec::new();
        for (index, (path, value)) in items.into_iter().enumerate() {
            match value {
                Value::Table(table) => tables.push((index, table)),
                other => self.reading.wrong(&path, found(&other), format!("a section, `[[{key}]]`"), None),
            }
        }
        tables
    }

    /// Whether a key is a list without items.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Value::Array(items)) if items.is_empty())
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Its own position in the whole.
    pub(super) fn own_path(&self) -> &str {
        &self.path
    }

    /// The position of a key in the whole.
    pub(super) fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The keys that nobody has asked for.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&'r String, &'r Value)> {
        self.table.iter().filter(|(key, _)| !self.asked.contains(&key.as_str()))
    }

    /// What goes on.
    pub(super) fn reading(&mut self) -> &mut Reading<'a> {
        self.reading
    }

    /// Ends reading: every key that nobody has asked for is wrong.
    pub(super) fn finish(self) {
        let known: Vec<String> = self.asked.iter().map(|key| format!("`{key}`")).collect();
        for (key, _) in self.table.iter().filter(|(key, _)| !self.asked.contains(&key.as_str())) {
            let hint = did_you_mean(key, self.asked.iter().copied());
            self.reading.wrong(&join(&self.path, key), "an unknown key", format!("one of {}", known.join(", ")), hint);
        }
    }

    fn ask(&mut self, key: &'static str, schema: serde_json::Value) -> String {
        self.asked.push(key);
        let path = self.path(key);
        self.reading.asked.insert(without_positions(&path), schema);
        path
    }
}

/// What a value is, as a phrase.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) if holds_password(text) => "a URL with a user or a password in it".to_owned(),
        Value::String(text) if text.chars().count() > 60 => {
            let start: String = text.chars().take(60).collect();
            format!("`{}…`", start.escape_debug())
        }
        Value::String(text) => format!("`{}`", text.escape_debug()),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
        other => format!("`{other}`"),
    }
}

/// Whether a text is a URL that says who asks: that part is nobody's business.
fn holds_password(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

/// What a value is, without what it says.
pub(super) fn sort(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "a truth value",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn section_schema() -> serde_json::Value {
    json!({ "type": "object", "additionalProperties": false })
}

fn without_positions(path: &str) -> String {
    path.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
