//! `[admin]`: the operator's listener.

use std::net::SocketAddr;

use serde_json::json;
use toml::Value;

use super::section::{Hint, Section, Setting};
use crate::secret::Secret;

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    /// The address to listen on; none turns it off.
    pub listen: Option<SocketAddr>,
    /// The token that requests must bear; needed when the address is not loopback.
    pub token: Option<Secret>,
}

impl Admin {
    pub(super) fn settle(mut section: Section<'_, '_>, public: Option<SocketAddr>) -> Option<Self> {
        let listen = section.required("listen").map(|Switchable(address)| address);
        let token = section.secret("token");
        if let Some(Some(address)) = listen {
            check_exposure(&mut section, address, token.as_ref());
            if address.port() != 0 && public == Some(address) {
                let key = section.path("listen");
                let found = format!("`{address}`, where `server.listen` is");
                section.reading().wrong(&key, found, "an address of its own", "metrics are not for the public".to_owned());
            }
        }
        section.finish();
        Some(Self { listen: listen?, token })
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
