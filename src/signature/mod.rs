//! Proof that bytes come from Apple.
//!
//! Apple signs each notification with HMAC-SHA256 over the raw body, keyed with the secret of the webhook, and sends the result
//! as `x-apple-signature: hmacsha256=<64 hex digits>`
//! ([Configuring webhook notifications](https://developer.apple.com/documentation/appstoreconnectapi/configuring-webhook-notifications)).
//! This module checks that, and signs in the other direction. It looks at bytes and secrets only: no parsing, no I/O, no clock.
//!
//! **The invariant of the whole program starts here**: an [`Authentic`] value is made by [`Secrets::verify`], or out of what the
//! App Store Connect API handed us over TLS, and by nothing else; and only an `Authentic` can become a receipt.
//!
//! Every secret that is still valid is always tried, and compared in constant time, so the time a request takes tells nothing about
//! which secret matched or how much of a signature was right.

use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::secret::Secret;

/// The name of the header that carries Apple's signature.
pub const HEADER: &str = "x-apple-signature";

/// What stands before the hexadecimal digits, in any case.
const SCHEME: &[u8] = b"hmacsha256=";

/// An HMAC-SHA256 of a body: 32 bytes.
///
/// There is no `PartialEq`, because comparing signatures with `==` is how timing leaks are made; [`Secrets::verify`] compares.
#[derive(Clone, Copy)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Reads the value of a signature header: `hmacsha256=` in any case, then exactly 64 hexadecimal digits in any case.
    /// Spaces and tabs around the value do not count (RFC 9110, section 5.5).
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for anything else.
    pub fn parse(value: &[u8]) -> Result<Self, Refusal> {
        let value = trim_optional_whitespace(value);
        let (scheme, digits) = value.split_at_checked(SCHEME.len()).ok_or(Refusal::Malformed)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(Refusal::Malformed);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| Refusal::Malformed)?;
        Ok(Self(bytes))
    }
}

/// Writes the value as it stands in the header.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hmacsha256={}", hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

/// Signs a body as Apple would.
pub fn sign(secret: &Secret, body: &[u8]) -> Signature {
    Signature(digest(&keyed(secret), body))
}

/// One secret of an endpoint.
#[derive(Clone)]
pub struct SigningKey {
    mac: Hmac<Sha256>,
    label: String,
    not_after: Option<Timestamp>,
}

impl SigningKey {
    /// Prepares a secret for verifying. The label says in logs and receipts which secret it was.
    pub fn new(secret: &Secret, label: impl Into<String>) -> Self {
        Self { mac: keyed(secret), label: label.into(), not_after: None }
    }

    /// Sets the moment after which the secret is no longer accepted.
    #[must_use]
    pub fn until(mut self, not_after: Option<Timestamp>) -> Self {
        self.not_after = not_after;
        self
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("label", &self.label).field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// The secrets of one endpoint: one as a rule, two during a rotation.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SigningKey>);

impl Secrets {
    /// Collects the secrets of an endpoint. An endpoint without any accepts nothing.
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Verifies a body against its signature header.
    ///
    /// `headers` are the values of every [`HEADER`] line of the request: exactly one is expected. `now` decides which secrets are
    /// still valid. The work is the same whichever secret matches.
    ///
    /// # Errors
    /// Why the request is refused. The reason is for the log: the one who sent it gets the same answer for all of them.
    pub fn verify<'h>(
        &self,
        headers: impl IntoIterator<Item = &'h [u8]>,
        body: Bytes,
        now: Timestamp,
    ) -> Result<Authentic<Bytes>, Refusal> {
        let mut headers = headers.into_iter();
        let value = headers.next().ok_or(Refusal::Absent)?;
        if headers.next().is_some() {
            return Err(Refusal::Repeated);
        }
        let claimed = Signature::parse(value)?;
        let matched = self.matching(&claimed, &body, now).ok_or(Refusal::Wrong)?;
        let proof = Proof::Signed {
            signature: String::from_utf8_lossy(trim_optional_whitespace(value)).into_owned(),
            secret: matched.label.clone(),
        };
        Ok(Authentic { value: body, proof })
    }

    fn matching(&self, claimed: &Signature, body: &[u8], now: Timestamp) -> Option<&SigningKey> {
        let mut position = 0_u32;
        let mut found = Choice::from(0);
        for (index, key) in (0_u32..).zip(&self.0) {
            let in_force = key.not_after.is_none_or(|end| now <= end);
            let equal = digest(&key.mac, body).ct_eq(&claimed.0) & Choice::from(u8::from(in_force));
            position.conditional_assign(&index, equal);
            found |= equal;
        }
        if bool::from(found) { self.0.get(position as usize) } else { None }
    }
}

/// A value that is proven to come from Apple.
#[derive(Clone, Debug)]
pub struct Authentic<T> {
    value: T,
    proof: Proof,
}

impl<T> Authentic<T> {
    /// Vouches for a value that the App Store Connect API handed us over TLS, in answer to a request made with our own key.
    /// `asc::delivery` is the only caller.
    pub(crate) fn fetched(value: T) -> Self {
        Self { value, proof: Proof::Fetched }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// How it was proven.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The value and its proof.
    pub fn into_parts(self) -> (T, Proof) {
        (self.value, self.proof)
    }
}

/// How a value was proven to come from Apple.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// By its signature.
    Signed {
        /// The header's value, as it arrived.
        signature: String,
        /// The label of the secret that matched.
        secret: String,
    },
    /// By where we got it: from the App Store Connect API.
    Fetched,
}

/// Why a request is not believed. For logs and metrics: the answer is the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no signature header.
    #[error("no `x-apple-signature` header")]
    Absent,
    /// There is more than one signature header.
    #[error("more than one `x-apple-signature` header")]
    Repeated,
    /// The header is not `hmacsha256=` and 64 hexadecimal digits.
    #[error("the `x-apple-signature` header is not `hmacsha256=` and 64 hexadecimal digits")]
    Malformed,
    /// No secret of the endpoint makes this signature of this body.
    #[error("the signature matches no secret of the endpoint")]
    Wrong,
}

impl Refusal {
    /// The reason as one word, for a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Repeated => "repeated",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
        }
    }
}

fn keyed(secret: &Secret) -> Hmac<Sha256> {
    // A key longer than a block is hashed first and a shorter one is padded, so the branch that fails is never taken.
    Hmac::new_from_slice(secret.expose().as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"))
}

fn digest(mac: &Hmac<Sha256>, body: &[u8]) -> [u8; 32] {
    mac.clone().chain_update(body).finalize().into_bytes().into()
}

fn trim_optional_whitespace(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests;
