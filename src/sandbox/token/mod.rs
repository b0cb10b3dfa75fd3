//! The keys that the sandbox hands out, and the tokens that are made with them.
//!
//! A request to the API carries a JSON Web Token signed with ES256
//! ([Generating tokens for API requests](https://developer.apple.com/documentation/appstoreconnectapi/generating-tokens-for-api-requests)).
//! The sandbox checks one as strictly as Apple's page describes it, so that a client that works here makes tokens that work there.
//! A refusal says to the client no more than that it is refused; why is for the sandbox's own page and for tests.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use p256::{
    ecdsa::{Signature, SigningKey, VerifyingKey, signature::Verifier as _},
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding},
};
use serde::Deserialize;
use serde_json::Value;

use super::StartError;
use crate::secret::Secret;

/// Who a token must be meant for.
const AUDIENCE: &str = "appstoreconnect-v1";

/// The longest life of a token that may do everything.
const LONGEST: SignedDuration = SignedDuration::from_mins(20);

/// How far a client's clock may be ahead of ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// A key for the API, as App Store Connect's page of keys would show it, and the file that Apple lets one download once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiKey {
    /// The id of the key, `kid` of its tokens.
    pub id: String,
    /// The issuer, `iss` of its tokens. None for the key of an individual, whose tokens carry `sub` instead.
    pub issuer_id: Option<String>,
    /// What its tokens may do.
    pub role: Role,
    /// The private key, in PEM, as it stands in the `.p8` file.
    pub private_key_pem: Secret,
    verifying: VerifyingKey,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Everything that the sandbox offers.
    AppManager,
    /// Reading apps, versions and builds, but nothing of webhooks.
    Developer,
}

impl ApiKey {
    /// Makes a key out of random bytes of the operating system.
    pub(super) fn generate(id: String, issuer_id: Option<String>, role: Role) -> Result<Self, StartError> {
        let mut bytes = [0_u8; 32];
        // One scalar in 2³² is not a key; the next one will be.
        let signing = loop {
            getrandom::fill(&mut bytes).map_err(|_| StartError::Random)?;
            if let Ok(signing) = SigningKey::from_slice(&bytes) {
                break signing;
            }
        };
        let pem = signing.to_pkcs8_pem(LineEnding::LF).map_err(|_| StartError::Key)?;
        Ok(Self { id, issuer_id, role, private_key_pem: Secret::new(pem.as_str()), verifying: *signing.verifying_key() })
    }

    /// Takes a key that was made before.
    pub(super) fn from_pem(id: String, issuer_id: Option<String>, role: Role, pem: &Secret) -> Result<Self, StartError> {
        let signing = SigningKey::from_pkcs8_pem(pem.expose()).map_err(|_| StartError::Key)?;
        Ok(Self { id, issuer_id, role, private_key_pem: pem.clone(), verifying: *signing.verifying_key() })
    }
}

/// Checks the value of an `Authorization` header, and says whose key signed it.
pub(super) fn check<'k>(keys: &'k [ApiKey], authorization: Option<&str>, now: Timestamp) -> Result<&'k ApiKey, Flaw> {
    let token = authorization.ok_or(Flaw::Absent)?.strip_prefix("Bearer ").ok_or(Flaw::NotBearer)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(Flaw::NotAToken)?;
    let (header, claims) = signed.split_once('.').ok_or(Flaw::NotAToken)?;
    let header: Header = decode(header)?;
    if header.alg != "ES256" {
        return Err(Flaw::Algorithm);
    }
    let key = keys.iter().find(|key| key.id == header.kid).ok_or(Flaw::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Flaw::NotAToken)?;
    let signature = Signature::from_slice(&signature).map_err(|_| Flaw::Signature)?;
    key.verifying.verify(signed.as_bytes(), &signature).map_err(|_| Flaw::Signature)?;
    decode::<Claims>(claims)?.check(key, now)?;
    Ok(key)
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Value,
    iat: Option<i64>,
    exp: i64,
    scope: Option<Value>,
}

impl Claims {
    fn check(&self, key: &ApiKey, now: Timestamp) -> Result<(), Flaw> {
        if self.aud != AUDIENCE {
            return Err(Flaw::Audience);
        }
        let is_whose_it_says = match &key.issuer_id {
            Some(issuer) => self.iss.as_ref() == Some(issuer) && self.sub.is_none(),
            None => self.iss.is_none() && self.sub.as_deref() == Some("user"),
        };
        if !is_whose_it_says {
            return Err(Flaw::Issuer);
        }
        let moment = |seconds| Timestamp::from_second(seconds).map_err(|_| Flaw::NotAToken);
        let (issued, expires) = (self.iat.map(moment).transpose()?, moment(self.exp)?);
        if expires <= now {
            return Err(Flaw::Expired);
        }
        if issued.is_some_and(|issued| issued.duration_since(now) > SKEW) {
            return Err(Flaw::FromTheFuture);
        }
        // A token that does not say when it was made is measured from now.
        if expires.duration_since(issued.unwrap_or(now)) > LONGEST {
            return Err(Flaw::TooLong);
        }
        // Apple restricts a token that has a scope to reading what it names; no client of ours has a use for one.
        if self.scope.is_some() { Err(Flaw::Scoped) } else { Ok(()) }
    }
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Absent,
    NotBearer,
    NotAToken,
    Algorithm,
    UnknownKey,
    Signature,
    Audience,
    Issuer,
    Expired,
    FromTheFuture,
    TooLong,
    Scoped,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "there is no `Authorization` header",
            Self::NotBearer => "the `Authorization` header does not start with `Bearer `",
            Self::NotAToken => "it is not a JSON Web Token with the claims that Apple asks for",
            Self::Algorithm => "`alg` is not `ES256`",
            Self::UnknownKey => "`kid` is no key of this sandbox",
            Self::Signature => "the signature was not made with the key that `kid` names",
            Self::Audience => "`aud` is not `appstoreconnect-v1`",
            Self::Issuer => "a team key needs its `iss` and no `sub`, an individual key `sub` = `user` and no `iss`",
            Self::Expired => "`exp` has passed",
            Self::FromTheFuture => "`iat` is more than a minute ahead",
            Self::TooLong => "`exp` is more than 20 minutes after `iat`",
            Self::Scoped => "it has a `scope`, which the sandbox does not offer",
        })
    }
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Flaw> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::NotAToken)?;
    serde_json::from_slice(&json).map_err(|_| Flaw::NotAToken)
}

#[cfg(test)]
mod tests;
