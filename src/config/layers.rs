//! Defaults, file, environment and flags, laid over one another.
//!
//! The outcome is one TOML table and, for every key in it, where it was given. Nothing here knows what the keys mean: a value from
//! the environment stays a text, unless it is written as a TOML list or table, until whoever reads it knows what it should be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound,
    path::{Path, PathBuf},
};

use toml::{Table, Value, de::DeValue};

use super::error::{Origin, Problem, Problems};
use crate::secret::Secret;

/// The fewest bytes of a secret that are blotted out of messages.
const SHORTEST_BLOTTED: usize = 4;

/// What variables start with that stand for a key.
pub(super) const PREFIX: &str = "ASC_WEBHOOKS__";

/// Where each key was given: what turns a finding into a [`Problem`] that people can act on.
#[derive(Clone, Debug)]
pub struct Origins {
    file: Option<PathBuf>,
    places: BTreeMap<String, Origin>,
    confidential: Vec<Secret>,
}

impl Origins {
    /// Where the key with this path was given. A key that is not there counts as given where its section was.
    pub fn of(&self, key: &str) -> Origin {
        let mut path = key;
        loop {
            if let Some(origin) = self.places.get(path) {
                return origin.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => break,
            }
        }
        self.file.clone().map_or(Origin::Nowhere, |path| Origin::File { path, line: None })
    }

    /// The keys within a section that the environment gave, each with its path from the section on.
    pub fn from_environment(&self, section: &str) -> BTreeSet<String> {
        let within = self.places.range::<str, _>((Bound::Included(section), Bound::Unbounded));
        within
            .take_while(|(place, _)| place.starts_with(section))
            .filter(|(_, origin)| matches!(origin, Origin::Environment(_)))
            .filter_map(|(place, _)| Some(place[section.len()..].strip_prefix('.')?.to_owned()))
            .collect()
    }

    /// Whether the environment gave this very key.
    pub(super) fn is_from_environment(&self, key: &str) -> bool {
        matches!(self.places.get(key), Some(Origin::Environment(_)))
    }

    /// Makes a problem of what was found at a key, such as `handler[1].when`, and of what was expected there, both as phrases.
    /// Texts that came out of a secret's file or variable are blotted out.
    pub fn problem(
        &self,
        key: &str,
        found: impl fmt::Display,
        expected: impl fmt::Display,
        hint: impl Into<Option<String>>,
    ) -> Problem {
        self.problem_text(key, format!("found {found}, expected {expected}"), hint)
    }

    /// Makes a problem of a whole message about a key. Texts that came out of a secret's file or variable are blotted out.
    pub fn problem_text(&self, key: &str, message: impl Into<String>, hint: impl Into<Option<String>>) -> Problem {
        Problem {
            origin: self.of(key),
            key: key.to_owned(),
            message: self.blot(message.into()),
            hint: hint.into().map(|hint| self.blot(hint)),
        }
    }

    /// The texts that came out of a secret's file or variable, or stand where a secret is asked for: nobody is to be shown them.
    pub fn confidential(&self) -> &[Secret] {
        &self.confidential
    }

    /// Remembers a text that must not be shown.
    pub(super) fn keep_confidential(&mut self, secret: Secret) {
        // What is shorter protects nothing, is found in every sentence, and would be told by the letters that are missing.
        if secret.expose().len() >= SHORTEST_BLOTTED {
            self.confidential.push(secret);
        }
    }

    fn blot(&self, words: String) -> String {
        self.confidential.iter().fold(words, |words, secret| words.replace(secret.expose(), "(secret)"))
    }

    fn forget(&mut self, path: &str) {
        let beneath: Vec<String> = self
            .places
            .range::<str, _>((Bound::Included(path), Bound::Unbounded))
            .map(|(place, _)| place)
            .take_while(|place| place.starts_with(path))
            .filter(|place| matches!(place.as_bytes().get(path.len()), None | Some(b'.' | b'[')))
            .cloned()
            .collect();
        for place in beneath {
            self.places.remove(&place);
        }
    }
}

/// The layers, one upon the other.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) table: Table,
    pub(super) origins: Origins,
}

impl Layers {
    /// Starts without a file.
    pub(super) fn new() -> Self {
        Self { table: Table::new(), origins: Origins { file: None, places: BTreeMap::new(), confidential: Vec::new() } }
    }

    /// Starts with the text of a file.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub(super) fn from_file(path: &Path, text: &str) -> Result<Self, Problems> {
        let lines = Lines::of(text);
        let mut layers = Self::new();
        layers.origins.file = Some(path.to_owned());
        let spanned = toml::de::DeTable::parse(text).map_err(|error| not_toml(path, text, &lines, &error))?;
        for (key, value) in spanned.get_ref() {
            let line = lines.at(key.span().start);
            layers.note_lines(path, key.get_ref(), line, value.get_ref(), &lines);
        }
        layers.table = text.parse().unwrap_or_default();
        Ok(layers)
    }

    /// Lays the variables over what is there that start with [`PREFIX`].
    pub(super) fn overlay_environment(&mut self, environment: &BTreeMap<String, String>, problems: &mut Vec<Problem>) {
        let mut given: Vec<_> =
            environment.iter().filter_map(|(name, text)| Some((segments(name.strip_prefix(PREFIX)?), name, text))).collect();
        // The items of a list come in their order, the tenth after the second.
        given.sort_by_cached_key(|(segments, ..)| {
            segments.iter().map(|segment| (segment.parse::<usize>().ok(), segment.clone())).collect::<Vec<_>>()
        });
        for (segments, name, text) in given {
            self.overlay(&segments, structured(text), &Origin::Environment(name.clone()), problems);
        }
    }

    /// Lays one value over what is there. A segment of digits is the position in a list; one that is not a key is the key that it is in
    /// small letters, if there is that.
    pub(super) fn overlay(&mut self, segments: &[String], value: Value, origin: &Origin, problems: &mut Vec<Problem>) {
        let mut path = String::new();
        let mut place = Place::Table(&mut self.table);
        for (depth, segment) in segments.iter().enumerate() {
            let is_last = depth + 1 == segments.len();
            let next = match place {
                Place::Table(table) => {
                    let small = segment.to_lowercase();
                    let key = if !table.contains_key(segment) && table.contains_key(&small) { &small } else { segment };
                    path = join(&path, key);
                    table.entry(key.as_str()).or_insert_with(|| {
                        self.origins.places.insert(path.clone(), origin.clone());
                        empty(segments.get(depth + 1))
                    })
                }
                Place::List(list) => {
                    let Some(index) = segment.parse::<usize>().ok().filter(|index| *index <= list.len()) else {
                        problems.push(Problem {
                            origin: origin.clone(),
                            key: path,
                            message: format!("found the position `{segment}`, expected one from 0 to {}", list.len()),
                            hint: Some("positions follow one another without a gap".to_owned()),
                        });
                        return;
                    };
                    path = format!("{path}[{index}]");
                    if index == list.len() {
                        self.origins.places.insert(path.clone(), origin.clone());
                        list.push(empty(segments.get(depth + 1)));
                    }
                    &mut list[index]
                }
            };
            if is_last {
                *next = value;
                self.origins.forget(&path);
                self.origins.places.insert(path, origin.clone());
                return;
            }
            place = match next {
                Value::Table(table) => Place::Table(table),
                Value::Array(list) => Place::List(list),
                _ => {
                    problems.push(Problem {
                        origin: origin.clone(),
                        key: join(&path, &segments[depth + 1..].join(".")),
                        message: format!("found an unknown key, expected none below `{path}`, which is a single value"),
                        hint: None,
                    });
                    return;
                }
            };
        }
    }

    /// Fills in the keys that are still missing below `path`.
    pub(super) fn fill(origins: &mut Origins, path: &str, table: &mut Table, defaults: &Table) {
        for (key, default) in defaults {
            let path = join(path, key);
            match (table.get_mut(key), default) {
                (Some(Value::Table(table)), Value::Table(default)) => Self::fill(origins, &path, table, default),
                (Some(_), _) => {}
                (None, Value::Table(default)) => {
                    let mut filled = Table::new();
                    Self::fill(origins, &path, &mut filled, default);
                    table.insert(key.clone(), Value::Table(filled));
                }
                (None, _) => {
                    table.insert(key.clone(), default.clone());
                    origins.places.insert(path, Origin::Default);
                }
            }
        }
    }

    fn note_lines(&mut self, file: &Path, path: &str, line: usize, value: &DeValue<'_>, lines: &Lines) {
        self.origins.places.insert(path.to_owned(), Origin::File { path: file.to_owned(), line: Some(line) });
        match value {
            DeValue::Table(table) => {
                for (key, value) in table {
                    self.note_lines(file, &join(path, key.get_ref()), lines.at(key.span().start), value.get_ref(), lines);
                }
            }
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.note_lines(file, &format!("{path}[{index}]"), lines.at(item.span().start), item.get_ref(), lines);
                }
            }
            _ => {}
        }
    }
}

enum Place<'t> {
    Table(&'t mut Table),
    List(&'t mut Vec<Value>),
}

/// The path of a key in a section.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// Reads a text as TOML, if it is.
pub(super) fn as_toml(text: &str) -> Option<Value> {
    // The text must be one value, and not the end of one and more lines besides.
    let table: Table = format!("value = {text}").parse().ok()?;
    let mut values = table.into_iter();
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

/// The path that a variable names. Whoever writes it writes large letters, and our keys have small ones. What stands within a key of a
/// handler's kind may be a name of somebody else's, such as a variable's, so there it stays as it is written.
fn segments(path: &str) -> Vec<String> {
    let segments: Vec<&str> = path.split("__").collect();
    let ours = if segments[0].eq_ignore_ascii_case("handler") { 3 } else { segments.len() };
    let segment = |(depth, segment): (usize, &&str)| if depth < ours { segment.to_lowercase() } else { (*segment).to_owned() };
    segments.iter().enumerate().map(segment).collect()
}

fn structured(text: &str) -> Value {
    match as_toml(text) {
        Some(value @ (Value::Array(_) | Value::Table(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn empty(next: Option<&String>) -> Value {
    match next {
        Some(segment) if segment.bytes().all(|byte| byte.is_ascii_digit()) => Value::Array(Vec::new()),
        _ => Value::Table(Table::new()),
    }
}

fn not_toml(file: &Path, text: &str, lines: &Lines, error: &toml::de::Error) -> Problems {
    let offset = error.span().map_or(0, |span| span.start);
    let line = lines.at(offset);
    let start = lines.0[line - 1];
    let reason = error.message().lines().next().unwrap_or_default().replace(", expected nothing", "");
    Problem {
        origin: Origin::File { path: file.to_owned(), line: Some(line) },
        key: String::new(),
        message: format!("found text that is not TOML, at column {}: {reason}", text[start..offset].chars().count() + 1),
        // The line itself stays unsaid: the forgotten quote may be that of a secret.
        hint: reason.starts_with("invalid").then(|| "a text stands in quotes: `\"…\"`".to_owned()),
    }
    .into()
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}
