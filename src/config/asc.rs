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
    /// Settles the section. There is none when no key is given, as when something is wrong, which is then noted. The private key comes
    /// besides: whoever can judge it does so even then.
    pub(super) fn settle(mut section: Section<'_, '_>) -> (Option<Secret>, Option<Self>) {
        let is_given = ["key_id", "issuer_id", "private_key"].iter().any(|key| section.has(key));
        let base_url = section.required("base_url").map(|WebAddress(url)| url);
        let key_id = if is_given { section.required("key_id") } else { section.optional("key_id") };
        let issuer_id = section.optional("issuer_id");
        let is_whole = issuer_id.is_some() || !section.has("issuer_id");
        let patience = section.required("patience");
        let tester_email = section.required("tester_email");
        let private_key = section.secret("private_key");
        if is_given && !section.has("private_key") {
            let key = section.path("private_key");
            let hint = "write `private_key = { file = \"/run/secrets/AuthKey.p8\" }`".to_owned();
            section.reading().wrong(&key, "nothing", "the private key that belongs to `key_id`", hint);
        }
        section.finish();
        let settled = || {
            Some(Self {
                key_id: key_id.map(|KeyId(id)| id)?,
                issuer_id: issuer_id.map(|IssuerId(id)| id),
                private_key: private_key.clone()?,
                base_url: base_url?,
                patience: patience?,
                tester_email: tester_email?,
            })
        };
        let settled = settled().filter(|_| is_whole);
        (private_key, settled)
    }
}

struct KeyId(String);

impl Setting for KeyId {
    const EXPECTED: &'static str = "the id of the key, such as `2X9R4HXF34`";

    fn read(value: &Value) -> Result<Self, Hint> {
        id(value)
            .map(Self)
            .ok_or_else(|| Some("it stands beside the key in App Store Connect, under Users and Access, Integrations".to_owned()))
    }
}

struct IssuerId(String);

impl Setting for IssuerId {
    const EXPECTED: &'static str = "the id of the team's issuer";

    fn read(value: &Value) -> Result<Self, Hint> {
        let hint = "it stands above the team keys in App Store Connect, under Users and Access, Integrations; leave it out for the key of one user";
        id(value).map(Self).ok_or_else(|| Some(hint.to_owned()))
    }
}

fn id(value: &Value) -> Option<String> {
    let id = value.as_str()?.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// An address that confidential things may be sent to: `https`, or `http` on this machine.
pub(super) struct WebAddress(pub(super) Url);

impl Setting for WebAddress {
    const EXPECTED: &'static str = "a web address, such as `https://hooks.example.com`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        if given.trim().is_empty() {
            return Err(Some("write one, or leave the key out".to_owned()));
        }
        // `hooks.example.com:443` would pass for an address of a scheme of that name.
        let whole = format!("https://{given}");
        if !given.contains("://") && Url::parse(&whole).is_ok() {
            return Err(Some(format!("write `{whole}`")));
        }
        let url = Url::parse(given).map_err(|_| None)?;
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
