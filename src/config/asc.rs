//! `[asc]`: the key that App Store Connect is asked with.
//!
//! The whole section may be left out: then Apple is never asked, and everything that needs no asking works.

use std::time::Duration;

use toml::Value;
use url::{Host, Url};

use super::{
    section::{Hint, Section, Setting},
    setting::text,
};
use crate::secret::Secret;

/// `[asc]`
#[derive(Clone, Debug)]
pub struct Asc {
    /// The id of the key, as App Store Connect shows it.
    pub key_id: String,
    /// The id of the team's issuer; none for the key of one user.
    pub issuer_id: Option<String>,
    /// The private key: the text of the `.p8` file.
    pub private_key: Secret,
    /// Where the API is.
    pub base_url: Url,
    /// How long an event waits to be told what it is about.
    pub patience: Duration,
    /// Whether testers' e-mail addresses are asked for.
    pub tester_email: bool,
}

impl Asc {
    /// Settles the section. There is none when no key is given, as when something is wrong, which is then noted.
    pub(super) fn settle(mut section: Section<'_, '_>) -> Option<Self> {
        let is_given = ["key_id", "issuer_id", "private_key"].iter().any(|key| section.has(key));
        let base_url = section.required("base_url").map(|WebAddress(url)| url);
        let key_id: Option<String> = if is_given { section.required("key_id") } else { section.optional("key_id") };
        let issuer_id = section.optional("issuer_id");
        let patience = section.required("patience");
        let tester_email = section.required("tester_email");
        let private_key = section.secret("private_key");
        if is_given && !section.has("private_key") {
            let key = section.path("private_key");
            let hint = "write `private_key = { file = \"/run/secrets/AuthKey.p8\" }`".to_owned();
            section.reading().wrong(&key, "nothing", "the private key that belongs to `key_id`", hint);
        }
        section.finish();
        Some(Self {
            key_id: key_id?,
            issuer_id,
            private_key: private_key?,
            base_url: base_url?,
            patience: patience?,
            tester_email: tester_email?,
        })
    }
}

/// An address that confidential things may be sent to: `https`, or `http` on this machine.
pub(super) struct WebAddress(pub(super) Url);

impl Setting for WebAddress {
    const EXPECTED: &'static str = "a web address, such as `https://hooks.example.com`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        let url = Url::parse(given).map_err(|_| (!given.contains("://")).then(|| format!("write `https://{given}`")))?;
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(Some("leave out everything but scheme, host, port and path".to_owned()));
        }
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_here => Ok(Self(url)),
            _ => Err(Some("only `https` is safe on the way; `http` is for this machine alone".to_owned())),
        }
    }
}
