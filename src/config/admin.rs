//! `[admin]`: the operator's listener.

use std::net::SocketAddr;

use serde_json::json;
use toml::Value;

use super::section::{Hint, Labelled, Listed, Section, Setting};
use crate::secret::Secret;

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    /// The address to listen on; none turns it off.
    pub listen: Option<SocketAddr>,
    /// The tokens of those who may see and change everything; needed when the address is not loopback.
    pub tokens: Vec<AdminToken>,
    /// The tokens of those who may see everything and change nothing.
    pub read_tokens: Vec<AdminToken>,
    /// The names, besides the address itself and those of this machine, under which browsers reach the listener.
    pub hosts: Vec<String>,
    /// Whether a proxy in front of it ends TLS; needed when the address is not loopback.
    pub behind_proxy: bool,
}

/// One token, and whose it is.
#[derive(Clone, Debug)]
pub struct AdminToken {
    /// The token.
    pub secret: Secret,
    /// What whoever bears it is called in the audit log and on the page; none if it is the only one and nobody has named it.
    pub label: Option<String>,
}

impl Admin {
    pub(super) fn settle(mut section: Section<'_, '_>, public: Option<SocketAddr>) -> Option<Self> {
        let listen = section.required("listen").map(|Switchable(address)| address);
        let tokens = section.labelled_secrets("token");
        let read_tokens = section.labelled_secrets("read_token");
        let hosts = section.list("hosts").into_iter().map(|Host(name)| name).collect();
        let behind_proxy = section.required("behind_proxy");
        if let Some(Some(address)) = listen {
            check_exposure(&mut section, address, &tokens);
            check_proxy(&mut section, address, behind_proxy);
            if address.port() != 0 && public == Some(address) {
                let key = section.path("listen");
                let found = format!("`{address}`, where `server.listen` is");
                section.reading().wrong(&key, found, "an address of its own", "metrics are not for the public".to_owned());
            }
        }
        check_read_tokens(&mut section, &tokens, &read_tokens);
        check_that_each_is_its_own(&mut section, tokens.iter().chain(&read_tokens));
        section.finish();
        let [tokens, read_tokens] = [tokens, read_tokens].map(named);
        Some(Self { listen: listen?, tokens, read_tokens, hosts, behind_proxy: behind_proxy? })
    }
}

const STRONG: &str = "a secret token of at least 16 bytes";
const MAKING: &str = "`openssl rand -base64 32` makes one";

/// An address, or `false`.
struct Switchable(Option<SocketAddr>);

impl Setting for Switchable {
    const EXPECTED: &'static str = "an address and a port, such as `127.0.0.1:8081`, or `false`";

    fn read(value: &Value) -> Result<Self, Hint> {
        match value {
            Value::Boolean(false) => Ok(Self(None)),
            Value::String(text) if text.is_empty() => Ok(Self(None)),
            other => SocketAddr::read(other).map(Some).map(Self),
        }
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [{ "type": "string" }, { "const": false }] })
    }
}

/// A name as it stands in a `Host` header, without the port.
struct Host(String);

impl Setting for Host {
    const EXPECTED: &'static str = "a host name, such as `hooks.internal.example.com`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = value.as_str().ok_or(None)?;
        let is_name = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if is_name { Ok(Self(given.to_ascii_lowercase())) } else { Err(Some("write it without scheme, port and path".to_owned())) }
    }
}

impl Listed for Host {
    const SEVERAL: &'static str = "host names, such as `[\"hooks.internal.example.com\"]`";
}

fn check_exposure(section: &mut Section<'_, '_>, address: SocketAddr, tokens: &[Labelled]) {
    if address.ip().is_loopback() {
        return;
    }
    // A token that was given and could not be read has been found already.
    if !section.has("token") {
        let key = section.path("token");
        let found = format!("nothing, while `{address}` can be reached from other machines");
        let hint = "write `token = { env = \"ADMIN_TOKEN\" }`, or listen on `127.0.0.1`".to_owned();
        section.reading().wrong(&key, found, "a token", hint);
    }
    for token in tokens {
        if let Some(weakness) = token.secret.weakness() {
            let found = format!("{weakness}, while `{address}` can be reached from other machines");
            section.reading().wrong(&token.path, found, STRONG, MAKING.to_owned());
        }
    }
}

fn check_proxy(section: &mut Section<'_, '_>, address: SocketAddr, behind_proxy: Option<bool>) {
    if address.ip().is_loopback() || behind_proxy != Some(false) {
        return;
    }
    let key = section.path("behind_proxy");
    let found = format!("`false`, while `{address}` can be reached from other machines and does not speak TLS");
    let hint = "put a proxy that ends TLS in front of it and write `behind_proxy = true`, or listen on `127.0.0.1`".to_owned();
    section.reading().wrong(&key, found, "`true`", hint);
}

fn check_read_tokens(section: &mut Section<'_, '_>, tokens: &[Labelled], read_tokens: &[Labelled]) {
    if tokens.is_empty() && !read_tokens.is_empty() && !section.has("token") {
        let key = section.path("read_token");
        section.reading().wrong(&key, "a token to read with, and none to change with", "a `token` as well", MAKING.to_owned());
    }
    for token in read_tokens {
        if let Some(weakness) = token.secret.weakness() {
            section.reading().wrong(&token.path, weakness, STRONG, MAKING.to_owned());
        }
    }
}

/// Whoever bears a token is known by it, so no two may be the same, nor be called the same.
fn check_that_each_is_its_own<'t>(section: &mut Section<'_, '_>, tokens: impl Iterator<Item = &'t Labelled>) {
    let mut before: Vec<&Labelled> = Vec::new();
    for token in tokens {
        if let Some(first) = before.iter().find(|first| first.secret.expose() == token.secret.expose()) {
            let found = format!("the same text as `{}`", first.path);
            section.reading().wrong(&token.path, found, "a token of its own", MAKING.to_owned());
        }
        let has_its_label = |first: &&&Labelled| first.label.is_some() && first.label == token.label;
        if let Some(first) = before.iter().find(has_its_label) {
            let found = format!("the label of `{}`", first.path);
            section.reading().wrong(&format!("{}.label", token.path), found, "a label of its own", None);
        }
        before.push(token);
    }
}

/// The tokens of a role with what tells them apart: where there are several, each is called something.
fn named(tokens: Vec<Labelled>) -> Vec<AdminToken> {
    let are_several = tokens.len() > 1;
    let named = |(number, Labelled { secret, label, source, .. }): (usize, Labelled)| {
        let otherwise = || are_several.then(|| source.unwrap_or_else(|| number.to_string()));
        AdminToken { secret, label: label.or_else(otherwise) }
    };
    (1..).zip(tokens).map(named).collect()
}
