//! The tokens that open App Store Connect.
//!
//! Every request bears a JSON Web Token, signed with ES256 by a key that Apple hands out once as a `.p8` file
//! ([Generating tokens for API requests](https://developer.apple.com/documentation/appstoreconnectapi/generating-tokens-for-api-requests)).
//! [`Credentials`] are that key and its names; whatever is wrong with a key is said when they are made. [`Tokens`] signs, and hands out
//! one token until it is about to expire, as Apple asks. The text of a token leaves this module only as a [`Secret`].

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use p256::{
    ecdsa::{Signature, SigningKey, signature::Signer as _},
    pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SecretDocument},
};

use crate::{clock::Clock, secret::Secret};

/// Who a token is meant for.
const AUDIENCE: &str = "appstoreconnect-v1";

/// How far a token's start is set back, for a clock of Apple's that is behind ours. It counts towards the lifetime.
const BACKDATED: SignedDuration = SignedDuration::from_secs(60);

/// How long after its start a token ends: a minute less than the 20 that Apple allows.
const LIFETIME: SignedDuration = SignedDuration::from_secs(19 * 60);

/// How long before its end a token is no longer used, so that none expires on the way.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_secs(3 * 60);

/// A key of App Store Connect, and the names that go with it.
#[derive(Clone)]
pub struct Credentials {
    key_id: String,
    holder: Holder,
    key: SigningKey,
}

#[derive(Clone, Debug)]
enum Holder {
    Team { issuer_id: String },
    Individual,
}

impl Credentials {
    /// The key of a team: made under *Users and Access, Integrations, Team Keys*, where the issuer id stands too.
    ///
    /// `key` is the text of the `.p8` file.
    ///
    /// # Errors
    /// What is wrong with the key or its names.
    pub fn team(key_id: impl Into<String>, issuer_id: impl Into<String>, key: &Secret) -> Result<Self, CredentialsError> {
        let issuer_id = trimmed(&issuer_id.into()).ok_or(CredentialsError::NoIssuerId)?;
        Self::new(&key_id.into(), Holder::Team { issuer_id }, key)
    }

    /// The key of one user: made on the user's own profile page. It has no issuer id.
    ///
    /// # Errors
    /// What is wrong with the key or its name.
    pub fn individual(key_id: impl Into<String>, key: &Secret) -> Result<Self, CredentialsError> {
        Self::new(&key_id.into(), Holder::Individual, key)
    }

    /// Whether a text is such a key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(key: &Secret) -> Result<(), CredentialsError> {
        read_key(key).map(drop)
    }

    /// The id of the key, as App Store Connect shows it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    fn new(key_id: &str, holder: Holder, key: &Secret) -> Result<Self, CredentialsError> {
        let key_id = trimmed(key_id).ok_or(CredentialsError::NoKeyId)?;
        Ok(Self { key_id, holder, key: read_key(key)? })
    }

    fn sign(&self, issued_at: Timestamp, expires_at: Timestamp) -> Secret {
        let header = serde_json::json!({ "alg": "ES256", "kid": self.key_id, "typ": "JWT" });
        let mut claims = serde_json::json!({ "iat": issued_at.as_second(), "exp": expires_at.as_second(), "aud": AUDIENCE });
        match &self.holder {
            Holder::Team { issuer_id } => claims["iss"] = issuer_id.as_str().into(),
            Holder::Individual => claims["sub"] = "user".into(),
        }
        let encoded = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature: Signature = self.key.sign(signed.as_bytes());
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key_id", &self.key_id).field("holder", &self.holder).finish_non_exhaustive()
    }
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The key's id is empty.
    #[error("the key id is empty; it stands beside the key in App Store Connect, under Users and Access, Integrations")]
    NoKeyId,
    /// The issuer's id is empty.
    #[error(
        "the issuer id is empty; it stands above the team keys in App Store Connect, under Users and Access, Integrations \
         (an individual key has none: then leave it out)"
    )]
    NoIssuerId,
    /// The text is not PEM.
    #[error(
        "the key has no `-----BEGIN PRIVATE KEY-----` line; expected the whole text of the `.p8` file, its first and last line included"
    )]
    NotPem,
    /// The line breaks were lost on the way.
    #[error("the key's line breaks are written as `\\n`; expected the text of the `.p8` file with real line breaks")]
    LineBreaks,
    /// The text is some other thing in PEM.
    #[error("this is {found}, expected a private key: the `.p8` file that App Store Connect lets you download once")]
    OtherThing {
        /// What it is.
        found: String,
    },
    /// The key is of another kind.
    #[error(
        "this is {found}, expected an elliptic curve key on P-256: the `.p8` file that App Store Connect lets you download once"
    )]
    OtherKey {
        /// What it is.
        found: String,
    },
    /// The text between the PEM lines cannot be read.
    #[error("the text between the key's first and last line is damaged; expected the `.p8` file as it was downloaded")]
    Damaged,
}

impl CredentialsError {
    /// The key of its section of the configuration that is to be mended.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::NoKeyId => "key_id",
            Self::NoIssuerId => "issuer_id",
            Self::NotPem | Self::LineBreaks | Self::OtherThing { .. } | Self::OtherKey { .. } | Self::Damaged => "private_key",
        }
    }
}

/// The tokens of one key, one after another.
#[derive(Debug)]
pub(super) struct Tokens {
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    current: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    issued_at: Timestamp,
    renew_at: Timestamp,
}

impl Tokens {
    pub(super) fn new(credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        Self { credentials, clock, current: Mutex::new(None) }
    }

    /// The token to use now. A clock that was set back makes a new one, as one that went on does.
    pub(super) fn current(&self) -> Secret {
        let now = self.clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(token) if (token.issued_at..token.renew_at).contains(&now) => token.text.clone(),
            _ => {
                let token = self.issue(now);
                let text = token.text.clone();
                *current = Some(token);
                text
            }
        }
    }

    fn issue(&self, now: Timestamp) -> Token {
        let after = |start: Timestamp, by| start.saturating_add(by).unwrap_or(start);
        let issued_at = after(now, -BACKDATED);
        let expires_at = after(issued_at, LIFETIME);
        Token { text: self.credentials.sign(issued_at, expires_at), issued_at: now, renew_at: after(expires_at, -RENEWED_BEFORE) }
    }
}

fn trimmed(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn read_key(key: &Secret) -> Result<SigningKey, CredentialsError> {
    const OPENING: &str = "-----BEGIN ";
    let text = key.expose();
    let pem = text.find(OPENING).and_then(|start| text.get(start..)).ok_or(CredentialsError::NotPem)?.trim_end();
    if pem.contains("\\n") {
        return Err(CredentialsError::LineBreaks);
    }
    let label = pem[OPENING.len()..].split_once("-----").map(|(label, _)| label).ok_or(CredentialsError::Damaged)?;
    if label != "PRIVATE KEY" {
        return Err(CredentialsError::OtherThing { found: thing_labelled(label) });
    }
    let (_, document) = SecretDocument::from_pem(pem).map_err(|_| CredentialsError::Damaged)?;
    let info = document.decode_msg::<PrivateKeyInfoRef<'_>>().map_err(|_| CredentialsError::Damaged)?;
    if let Some(found) = other_key(info.algorithm.oid, info.algorithm.parameters_oid().ok()) {
        return Err(CredentialsError::OtherKey { found });
    }
    SigningKey::try_from(info).map_err(|_| CredentialsError::Damaged)
}

fn thing_labelled(label: &str) -> String {
    match label {
        "CERTIFICATE" => "a certificate".to_owned(),
        "CERTIFICATE REQUEST" => "a certificate request".to_owned(),
        "PUBLIC KEY" => "a public key".to_owned(),
        "ENCRYPTED PRIVATE KEY" => "a private key under a password".to_owned(),
        "RSA PRIVATE KEY" => "an RSA key".to_owned(),
        "EC PRIVATE KEY" => "an elliptic curve key in its older form (SEC 1)".to_owned(),
        other if other.len() <= 40 && other.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ') => {
            format!("a `{other}`")
        }
        _ => "something else".to_owned(),
    }
}

fn other_key(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>) -> Option<String> {
    const ELLIPTIC_CURVE: &str = "1.2.840.10045.2.1";
    let curve = curve.map(|oid| oid.to_string());
    Some(match (algorithm.to_string().as_str(), curve.as_deref()) {
        (ELLIPTIC_CURVE, Some("1.2.840.10045.3.1.7")) => return None,
        (ELLIPTIC_CURVE, Some("1.3.132.0.34")) => "an elliptic curve key on P-384".to_owned(),
        (ELLIPTIC_CURVE, Some("1.3.132.0.35")) => "an elliptic curve key on P-521".to_owned(),
        (ELLIPTIC_CURVE, Some("1.3.132.0.10")) => "an elliptic curve key on secp256k1".to_owned(),
        (ELLIPTIC_CURVE, _) => "an elliptic curve key on another curve".to_owned(),
        ("1.2.840.113549.1.1.1", _) => "an RSA key".to_owned(),
        ("1.3.101.112", _) => "an Ed25519 key".to_owned(),
        (oid, _) => format!("a key of algorithm {oid}"),
    })
}

#[cfg(test)]
mod tests;
