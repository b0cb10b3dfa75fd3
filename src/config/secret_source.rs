//! Where a secret comes from: a file, an environment variable, or the configuration itself; exactly one of them.
//!
//! Reading files and variables is left to whoever loads ([`Surroundings`]). Nothing here shows a secret: findings name its source.

use std::{
    fmt::Debug,
    io,
    path::{Path, PathBuf},
};

use serde_json::json;
use toml::{Table, Value};

use super::{
    error::Origin,
    layers::join,
    section::{Reading, sort},
};
use crate::{
    secret::{Secret, Weakness},
    spelling::did_you_mean,
};

const SOURCES: [&str; 3] = ["file", "env", "value"];
const EXPECTED: &str = "a secret: `{ file = \"…\" }`, `{ env = \"…\" }`, or the text itself";

/// What the loader can reach and the rest of this module cannot.
pub(super) trait Surroundings: Debug {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<&str>;

    /// What a file holds.
    fn confidential_file(&self, path: &Path) -> io::Result<ConfidentialFile>;

    /// The folder that relative paths start at.
    fn folder(&self) -> Option<PathBuf>;

    /// Whether somebody other than its owner can read the configuration file.
    fn configuration_is_shared(&self) -> bool;

    /// Whether a secret that cannot be read is no problem, because nobody needs it.
    fn secrets_are_needless(&self) -> bool;
}

/// A file that holds a secret.
#[derive(Debug)]
pub(super) struct ConfidentialFile {
    /// What it holds.
    pub(super) text: Secret,
    /// Whether everybody can read it.
    pub(super) shared: bool,
}

/// What a JSON Schema says of a secret.
pub(super) fn schema() -> serde_json::Value {
    json!({
        "oneOf": [
            { "type": "string" },
            { "type": "object", "required": ["file"] },
            { "type": "object", "required": ["env"] },
            { "type": "object", "required": ["value"] },
        ],
        "properties": { "file": { "type": "string" }, "env": { "type": "string" }, "value": { "type": "string" } },
        "additionalProperties": false,
    })
}

/// Reads a secret, and the name of the file or variable it comes from. `besides` are the other keys that its table may have.
pub(super) fn read(reading: &mut Reading<'_>, path: &str, value: &Value, besides: &[&str]) -> Option<(Secret, Option<String>)> {
    let (secret, name) = match value {
        Value::String(text) => (written_out(reading, path, text), None),
        Value::Table(table) => {
            check_keys(reading, path, table, besides);
            let given: Vec<&str> = SOURCES.into_iter().filter(|source| table.contains_key(*source)).collect();
            let [source] = given[..] else {
                let found = match given[..] {
                    [] => "a secret without a source".to_owned(),
                    _ => format!("a secret with the sources `{}`", given.join("` and `")),
                };
                reading.wrong(path, found, "exactly one of `file`, `env` and `value`", None);
                return None;
            };
            let path = join(path, source);
            match (source, &table[source]) {
                ("file", Value::String(file)) => (from_file(reading, &path, file)?, Some(file_name(file))),
                ("env", Value::String(variable)) => (from_variable(reading, &path, variable)?, Some(variable.clone())),
                ("value", Value::String(text)) => (written_out(reading, &path, text), None),
                (_, other) => {
                    reading.wrong(&path, sort(other), "a text", None);
                    return None;
                }
            }
        }
        other => {
            reading.wrong(path, sort(other), EXPECTED, None);
            return None;
        }
    };
    if secret.expose().trim_start_matches('\u{feff}').trim().is_empty() {
        let found = if secret.expose().is_empty() { "an empty secret" } else { "a secret of white space alone" };
        reading.wrong(path, found, "a secret", "`asc-webhooks init` makes one; so does `openssl rand -base64 32`".to_owned());
        return None;
    }
    check_whole(reading, path, secret.expose());
    Some((secret, name))
}

/// Whoever signs takes every byte, and what nobody sees is seldom meant. Only a key in PEM has several lines.
fn check_whole(reading: &mut Reading<'_>, path: &str, text: &str) {
    let found = if text.starts_with('\u{feff}') {
        "a secret that begins with a byte order mark"
    } else if text.trim() != text {
        "a secret that begins or ends with white space"
    } else if text.contains(['\n', '\r']) && !text.starts_with("-----BEGIN ") {
        "a secret of several lines"
    } else {
        return;
    };
    let hint = "every byte counts, line breaks too: take it away, unless the other side has it too".to_owned();
    reading.warn(path, found, "the secret as the other side has it", hint);
}

/// Replaces every table in `value` whose only key is `file` or `env` by the text it refers to. The environment writes these large.
pub(super) fn resolve(reading: &mut Reading<'_>, path: &str, value: &mut Value) {
    match value {
        Value::Table(table) => {
            let mut entries = table.iter();
            let reference = match (entries.next(), entries.next()) {
                (Some((key, Value::String(name))), None) => {
                    let is_large = reading.origins.is_from_environment(&join(path, key));
                    let source = if is_large { key.to_lowercase() } else { key.clone() };
                    ["file", "env"].contains(&source.as_str()).then(|| (source, name.clone()))
                }
                _ => None,
            };
            match reference {
                Some((source, name)) => {
                    let read = if source == "file" { from_file } else { from_variable };
                    if let Some(secret) = read(reading, &join(path, &source), &name) {
                        *value = Value::String(secret.expose().to_owned());
                    }
                }
                None => table.iter_mut().for_each(|(key, value)| resolve(reading, &join(path, key), value)),
            }
        }
        Value::Array(items) => {
            items.iter_mut().enumerate().for_each(|(index, item)| resolve(reading, &format!("{path}[{index}]"), item));
        }
        _ => {}
    }
}

fn written_out(reading: &mut Reading<'_>, path: &str, text: &str) -> Secret {
    let secret = Secret::new(text);
    reading.origins.keep_confidential(secret.clone());
    let is_in_file = matches!(reading.origins.of(path), Origin::File { .. });
    // What is printed in the documentation cannot be read by more people than it already is.
    if is_in_file && reading.surroundings.configuration_is_shared() && secret.weakness() != Some(Weakness::Documented) {
        reading.warn(
            path,
            "a secret in a file that others on this machine can read",
            "a file that only its owner can read",
            "`chmod 600` the file, or keep the secret elsewhere: `{ file = \"…\" }` or `{ env = \"…\" }`".to_owned(),
        );
    }
    secret
}

fn from_file(reading: &mut Reading<'_>, path: &str, file: &str) -> Option<Secret> {
    match reading.surroundings.confidential_file(Path::new(file)) {
        Ok(held) => {
            reading.origins.keep_confidential(held.text.clone());
            if held.shared {
                reading.warn(
                    path,
                    format!("`{file}`, which everybody on this machine can read"),
                    "a file that only its owner can read",
                    format!("`chmod 600 {file}`"),
                );
            }
            Some(held.text)
        }
        Err(_) if reading.surroundings.secrets_are_needless() => Some(stand_in(path)),
        Err(error) => {
            let is_missing = error.kind() == io::ErrorKind::NotFound && Path::new(file).is_relative();
            let folder = is_missing.then(|| reading.surroundings.folder()).flatten();
            let hint = folder.map(|folder| format!("relative paths start at the working directory, here `{}`", folder.display()));
            reading.wrong(path, format!("`{file}`, which cannot be read: {error}"), "a file that holds the secret", hint);
            None
        }
    }
}

fn from_variable(reading: &mut Reading<'_>, path: &str, variable: &str) -> Option<Secret> {
    let Some(text) = reading.surroundings.variable(variable) else {
        if reading.surroundings.secrets_are_needless() {
            return Some(stand_in(path));
        }
        let found = format!("`{variable}`, which is not set");
        reading.wrong(path, found, "an environment variable that holds the secret", format!("`export {variable}=…`"));
        return None;
    };
    let secret = Secret::new(without_line_break(text));
    reading.origins.keep_confidential(secret.clone());
    Some(secret)
}

/// Editors and `echo` end a text with a line break that is no part of the secret.
pub(super) fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

/// What stands for a secret that nobody needs: no other has the same, and nothing is ever proven with it.
fn stand_in(path: &str) -> Secret {
    Secret::new(format!("what stands for the secret of {path}, which was not read"))
}

fn check_keys(reading: &mut Reading<'_>, path: &str, table: &Table, besides: &[&str]) {
    let known = || SOURCES.into_iter().chain(besides.iter().copied());
    for key in table.keys().filter(|key| known().all(|known| known != key.as_str())) {
        let expected: Vec<String> = known().map(|key| format!("`{key}`")).collect();
        reading.wrong(&join(path, key), "an unknown key", format!("one of {}", expected.join(", ")), did_you_mean(key, known()));
    }
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::super::tests::{SMALLEST, load_text};

    #[test]
    fn white_space_alone_is_no_secret_wherever_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        for text in ["", "\n", " ", "\n\n", "\r\n\r\n", "\u{feff}\n"] {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let secrets =
                format!("[{{ file = {file:?} }}, {{ env = \"OF_A\" }}, {{ value = {text:?} }}]").replace("\\u{feff}", "\\ufeff");
            let written = format!("[[endpoint]]\nname = \"a\"\npath = \"/a\"\nsecrets = {secrets}");
            let found = load_text(&written, &[("OF_A", text)]).unwrap_err().problems;
            let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
            assert_eq!(keys, ["endpoint[0].secrets[0]", "endpoint[0].secrets[1]", "endpoint[0].secrets[2]"], "{text:?}");
        }
    }

    #[test]
    fn a_key_in_pem_may_have_lines() {
        let asc = "[asc]\nkey_id = \"2X9R4HXF34\"\nprivate_key = { env = \"KEY\" }";
        let warnings = |key: &str| load_text(&format!("{SMALLEST}\n{asc}"), &[("KEY", key)]).unwrap().warnings;
        let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(warnings(pem).len(), 0);
        assert!(warnings("AAAA\nBBBB")[0].message.contains("of several lines"));
    }
}
