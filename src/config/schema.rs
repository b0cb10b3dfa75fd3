//! Makes `config/schema.json`, by which an editor completes and checks a configuration, and keeps it fresh.
//!
//! Nothing is written twice: which keys there are and what their values look like is noted while the sections are settled; the words,
//! the defaults, and the keys of the handler kinds that ship stand in `config/default.toml`. A new key is in the schema as soon as
//! it is asked for and described.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    DEFAULTS,
    tests::{asked, files},
};

const FILE: &str = "config/schema.json";

#[test]
fn the_schema_is_fresh() {
    let fresh = format!("{:#}\n", schema());
    if fs::read_to_string(FILE).ok().as_ref() != Some(&fresh) {
        fs::write(FILE, fresh).unwrap();
        panic!("`{FILE}` was stale. This test has just written it anew: look at the difference and commit it");
    }
}

#[test]
fn the_reference_and_the_sections_have_the_same_keys() {
    let reference = Reference::read();
    let described: Vec<&str> = reference.of_sections().map(|key| key.path.as_str()).collect();
    let asked = asked();
    assert!(asked.len() > 40, "only {} keys were asked for", asked.len());
    // The keys of a secret are described in the words of `secrets`, and those of a token in the words of `tokens`.
    for key in
        asked.keys().filter(|key| !["secrets", "tokens"].iter().any(|sort| key.starts_with(&format!("endpoint[].{sort}[]."))))
    {
        assert!(described.contains(&key.as_str()), "`{key}` is asked for, and not in config/default.toml");
    }
    for key in described {
        assert!(asked.contains_key(key), "`{key}` is in config/default.toml, and nobody asks for it");
    }
    assert!(DEFAULTS.contains("`label`") && DEFAULTS.contains("`not_after`"));
    for key in reference.0.iter().filter(|key| key.words.is_empty()) {
        assert_eq!(key.name(), "kind", "`{}` is in config/default.toml without a word about it", key.path);
    }
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    let schema = schema();
    let valid = files("tests/fixtures/config/valid").into_iter().chain([PathBuf::from("config/example.toml")]);
    for file in valid {
        assert_eq!(problems(&schema, &file), [""; 0], "{}", file.display());
    }
    let refused = |name: &str| problems(&schema, &Path::new("tests/fixtures/config/invalid").join(name));
    assert!(refused("unknown_keys.toml").len() > 2, "{:#?}", refused("unknown_keys.toml"));
    assert!(refused("wrong_shapes.toml").len() > 2, "{:#?}", refused("wrong_shapes.toml"));
    assert_eq!(refused("four_at_once.toml"), ["server.head_timout: unknown"], "the other three are beyond a schema");
}

/// The schema, put together.
fn schema() -> Value {
    let reference = Reference::read();
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of asc-webhooks",
        "type": "object",
        "additionalProperties": false,
    });
    for (path, shape) in asked() {
        *at(&mut schema, &path) = shape;
    }
    for key in reference.of_sections() {
        key.describe(at(&mut schema, &key.path));
    }
    for section in ["endpoint", "handler"] {
        let required = reference.of_sections().filter(|key| key.is_required());
        let names = required.filter_map(|key| key.path.strip_prefix(&format!("{section}[].")));
        schema["properties"][section]["items"]["required"] = names.collect();
    }
    add_kinds(&mut schema["properties"]["handler"]["items"], &reference);
    schema
}

/// The place in a schema where it speaks of a key.
fn at<'s>(schema: &'s mut Value, path: &str) -> &'s mut Value {
    path.split('.').fold(schema, |place, segment| match segment.strip_suffix("[]") {
        Some(name) => &mut place["properties"][name]["items"],
        None => &mut place["properties"][segment],
    })
}

/// A kind that ships has its own keys besides the common ones and no others; of other kinds nothing is known.
fn add_kinds(handler: &mut Value, reference: &Reference) {
    let common = handler["properties"].as_object().unwrap().clone();
    let mut kinds = BTreeMap::<&str, Vec<&Key>>::new();
    for key in &reference.0 {
        if let Some(kind) = &key.kind {
            kinds.entry(kind).or_default().push(key);
        }
    }
    let conditions = kinds.iter().map(|(kind, keys)| {
        let mut properties: serde_json::Map<_, _> = common.keys().map(|key| (key.clone(), json!(true))).collect();
        let mut required = Vec::new();
        for key in keys.iter().filter(|key| key.name() != "kind") {
            // A common key may have another default here.
            let mut shape = common.get(key.name()).cloned().unwrap_or_else(|| shape_of(&key.example));
            key.describe(&mut shape);
            properties.insert(key.name().to_owned(), shape);
            required.extend(key.is_required().then(|| key.name()));
        }
        json!({
            "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": { "properties": properties, "required": required, "additionalProperties": false },
        })
    });
    handler["allOf"] = conditions.collect();
    handler.as_object_mut().unwrap().remove("additionalProperties");
    handler["properties"]["kind"]["examples"] = kinds.keys().copied().collect();
}

/// What a kind's key looks like, by an example of it. Every text may also be a reference to a secret's source.
fn shape_of(example: &toml::Value) -> Value {
    match example {
        toml::Value::Boolean(_) => json!({ "type": "boolean" }),
        toml::Value::Integer(_) => json!({ "type": "integer" }),
        toml::Value::Array(_) => json!({ "type": "array" }),
        toml::Value::Table(table) if table.is_empty() => json!({ "type": "object" }),
        toml::Value::String(_) | toml::Value::Table(_) => json!({ "oneOf": [
            { "type": "string" },
            { "type": "object", "required": ["file"] },
            { "type": "object", "required": ["env"] },
        ] }),
        other => panic!("no key is like `{other}` yet"),
    }
}

/// What `config/default.toml` says: its keys in their order, those behind `#` too.
struct Reference(Vec<Key>);

/// A key or a section of the reference.
struct Key {
    /// As in a schema: `endpoint[].path`.
    path: String,
    /// The comment above it.
    words: String,
    /// Its value, or the one it is shown with behind `#`.
    example: toml::Value,
    has_default: bool,
    /// The handler kind that it is a key of.
    kind: Option<String>,
}

impl Reference {
    fn read() -> Self {
        let (mut keys, mut words, mut section, mut kind) = (Vec::<Key>::new(), Vec::new(), String::new(), None);
        for line in DEFAULTS.lines() {
            let (is_comment, text) = line.strip_prefix('#').map_or((false, line), |text| (true, text.trim_start()));
            let said = words.join(" ");
            if let Some(name) = line.strip_prefix('[') {
                let path = name.trim_matches(['[', ']']).to_owned();
                section = if name.starts_with('[') { format!("{path}[]") } else { path.clone() };
                kind = None;
                // A list's first block says what the list is; the later ones are about a kind each.
                if keys.iter().all(|key| key.path != path) {
                    let example = toml::Table::new().into();
                    keys.push(Key { path, words: said, example, has_default: false, kind: None });
                }
                words.clear();
            } else if let Some((key, example)) = assignment(text) {
                if section == "handler[]" && key == "kind" && !is_comment {
                    kind = example.as_str().map(str::to_owned);
                }
                let path = format!("{section}.{key}");
                keys.push(Key { path, words: said, example, has_default: !is_comment, kind: kind.clone() });
                words.clear();
            } else if is_comment {
                words.push(text);
            } else {
                words.clear();
            }
        }
        Self(keys)
    }

    /// The sections and their keys, without those of the handler kinds.
    fn of_sections(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(|key| key.kind.is_none())
    }
}

/// The key and the value of a line, if it is `key = value`.
fn assignment(text: &str) -> Option<(&str, toml::Value)> {
    let (key, _) = text.split_once(" = ")?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let value = is_key.then(|| text.parse::<toml::Table>())?.ok()?.remove(key)?;
    Some((key, value))
}

impl Key {
    fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    fn is_required(&self) -> bool {
        self.words.contains("Required.")
    }

    fn describe(&self, shape: &mut Value) {
        shape["description"] = self.words.trim_end_matches(':').into();
        if self.has_default {
            shape["default"] = json(&self.example);
        }
    }
}

fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(is_so) => (*is_so).into(),
    }
}

/// What is wrong with a file by the schema.
fn problems(schema: &Value, file: &Path) -> Vec<String> {
    let table: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
    let mut problems = Vec::new();
    judge(schema, &json(&table.into()), "", &mut problems);
    problems
}

/// Understands exactly the words of JSON Schema that are used here.
fn judge(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let passes = |schema: &Value| {
        let mut problems = Vec::new();
        judge(schema, value, path, &mut problems);
        problems.is_empty()
    };
    let Some(words) = schema.as_object() else { return };
    for (word, meaning) in words {
        let is_so = match word.as_str() {
            "type" => match meaning.as_str().unwrap() {
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                "boolean" => value.is_boolean(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => panic!("there is no type `{other}`"),
            },
            "minimum" => value.as_i64() >= meaning.as_i64(),
            "const" => value == meaning,
            "enum" => meaning.as_array().unwrap().contains(value),
            "anyOf" => meaning.as_array().unwrap().iter().any(passes),
            "oneOf" => meaning.as_array().unwrap().iter().filter(|schema| passes(schema)).count() == 1,
            "required" => meaning.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "allOf" => {
                meaning.as_array().unwrap().iter().for_each(|schema| judge(schema, value, path, problems));
                true
            }
            "if" => {
                if passes(meaning) {
                    judge(&schema["then"], value, path, problems);
                }
                true
            }
            // The first four are looked at below, or with another word; the rest are for people.
            "properties"
            | "additionalProperties"
            | "items"
            | "then"
            | "$schema"
            | "title"
            | "description"
            | "default"
            | "examples" => true,
            other => panic!("`{other}` is not understood here"),
        };
        if !is_so {
            problems.push(format!("{path}: not as `{word}` says"));
        }
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match schema["properties"].get(key) {
            Some(schema) => judge(schema, value, &path, problems),
            None if schema["additionalProperties"] == false => problems.push(format!("{path}: unknown")),
            None => {}
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        judge(&schema["items"], item, &format!("{path}[{index}]"), problems);
    }
}
