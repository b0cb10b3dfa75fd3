//! `[admin]`: the operator's listener.

use std::net::SocketAddr;

use serde_json::json;
use toml::Value;

use super::section::{Hint, Listed, Section, Setting};
use crate::secret::Secret;

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    /// The address to listen on; none turns it off.
    pub listen: Option<SocketAddr>,
    /// The token of who may see and change everything; needed when the address is not loopback.
    pub token: Option<Secret>,
    /// The token of who may see everything and change nothing.
    pub read_token: Option<Secret>,
    /// The names, besides the address itself and those of this machine, under which browsers reach the listener.
    pub hosts: Vec<String>,
    /// Whether a proxy in front of it ends TLS; needed when the address is not loopback.
    pub behind_proxy: bool,
}

impl Admin {
    pub(super) fn settle(mut section: Section<'_, '_>, public: Option<SocketAddr>) -> Option<Self> {
        let listen = section.required("listen").map(|Switchable(address)| address);
        let token = section.secret("token");
        let read_token = section.secret("read_token");
        let hosts = section.list("hosts").into_iter().map(|Host(name)| name).collect();
        let behind_proxy = section.required("behind_proxy");
        if let Some(Some(address)) = listen {
            check_exposure(&mut section, address, token.as_ref());
            check_proxy(&mut section, address, behind_proxy);
            if address.port() != 0 && public == Some(address) {
                let key = section.path("listen");
                let found = format!("`{address}`, where `server.listen` is");
                section.reading().wrong(&key, found, "an address of its own", "metrics are not for the public".to_owned());
            }
        }
        check_read_token(&mut section, token.as_ref(), read_token.as_ref());
        section.finish();
        Some(Self { listen: listen?, token, read_token, hosts, behind_proxy: behind_proxy? })
    }
}

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

fn check_exposure(section: &mut Section<'_, '_>, address: SocketAddr, token: Option<&Secret>) {
    if address.ip().is_loopback() {
        return;
    }
    let key = section.path("token");
    match token.map(Secret::weakness) {
        // A token that was given and could not be read has been found already.
        None if !section.has("token") => {
            let found = format!("nothing, while `{address}` can be reached from other machines");
            section.reading().wrong(
                &key,
                found,
                "a token",
                "write `token = { env = \"ADMIN_TOKEN\" }`, or listen on `127.0.0.1`".to_owned(),
            );
        }
        Some(Some(weakness)) => {
            let found = format!("{weakness}, while `{address}` can be reached from other machines");
            section.reading().wrong(
                &key,
                found,
                "a secret token of at least 16 bytes",
                "`openssl rand -base64 32` makes one".to_owned(),
            );
        }
        _ => {}
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

fn check_read_token(section: &mut Section<'_, '_>, token: Option<&Secret>, read_token: Option<&Secret>) {
    let key = section.path("read_token");
    let hint = "`openssl rand -base64 32` makes one".to_owned();
    match (token, read_token) {
        (_, None) => {}
        (None, Some(_)) if !section.has("token") => {
            section.reading().wrong(&key, "a token to read with, and none to change with", "a `token` as well", hint);
        }
        (Some(token), Some(read_token)) if token.expose() == read_token.expose() => {
            section.reading().wrong(&key, "the same text as `token`", "a token of its own", hint);
        }
        (_, Some(read_token)) => {
            if let Some(weakness) = read_token.weakness() {
                section.reading().wrong(&key, weakness, "a secret token of at least 16 bytes", hint);
            }
        }
    }
}
