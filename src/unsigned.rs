//! Requests that nobody signs: a secret token in the address is all there is to tell a friend by.
//!
//! Xcode Cloud posts builds to an address and proves nothing. So its endpoints have a token in their path that only Xcode Cloud is
//! given, and what comes in that way is [`Unsigned`], which is nowhere taken for [`Authentic`](crate::signature::Authentic): another
//! type, another reader, another mark on the receipt. That is as much as can be had; a token that leaks lets anybody invent builds
//! until it is exchanged, and a signature that leaks lets nobody do anything.
//!
//! Every token that is still valid is always tried, and compared in constant time. **The invariant:** a token leaves this module in no
//! way. Xcode Cloud repeats the whole address in what it sends, so the tokens of the endpoint are struck out of the bytes before anybody
//! else sees them, and what is kept, shown and handed on holds none.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::secret::{STRUCK_OUT, Secret};

/// One token of an endpoint.
#[derive(Clone)]
pub struct Token {
    text: Secret,
    digest: [u8; 32],
    label: String,
    not_after: Option<Timestamp>,
}

impl Token {
    /// Prepares a token. The label says in receipts which one it was.
    pub fn new(token: &Secret, label: impl Into<String>) -> Self {
        Self { text: token.clone(), digest: digest(token.expose().as_bytes()), label: label.into(), not_after: None }
    }

    /// Sets the moment after which the token is no longer accepted.
    #[must_use]
    pub fn until(mut self, not_after: Option<Timestamp>) -> Self {
        self.not_after = not_after;
        self
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("label", &self.label).field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// The tokens of one endpoint: one as a rule, two while one is exchanged for another.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// Collects the tokens of an endpoint. An endpoint without any lets nobody in.
    pub fn new(tokens: impl IntoIterator<Item = Token>) -> Self {
        Self(tokens.into_iter().collect())
    }

    /// Lets somebody in who knows a token that is valid at `now`; none if this is no such token. The work is the same whichever it is,
    /// and as long as what was claimed is.
    pub fn admit(&self, claimed: &[u8], now: Timestamp) -> Option<Admission<'_>> {
        let claimed = digest(claimed);
        let mut position = 0_u32;
        let mut found = Choice::from(0);
        // Digests are of one length: comparing the texts themselves would tell how long a token is.
        for (index, token) in (0_u32..).zip(&self.0) {
            let in_force = token.not_after.is_none_or(|end| now <= end);
            let equal = token.digest.ct_eq(&claimed) & Choice::from(u8::from(in_force));
            position.conditional_assign(&index, equal);
            found |= equal;
        }
        let matched = self.0.get(position as usize).filter(|_| bool::from(found))?;
        Some(Admission { tokens: self, label: &matched.label })
    }

    /// The bytes with every token struck out. Most hold one: the address that they were sent to.
    fn strike_out(&self, mut bytes: Bytes) -> Bytes {
        for token in &self.0 {
            let token = token.text.expose().as_bytes();
            let mut rest = &bytes[..];
            let mut struck = Vec::new();
            while let Some(start) = rest.windows(token.len().max(1)).position(|window| window == token) {
                struck.extend_from_slice(&rest[..start]);
                struck.extend_from_slice(STRUCK_OUT.as_bytes());
                rest = &rest[start + token.len()..];
            }
            if !struck.is_empty() {
                struck.extend_from_slice(rest);
                bytes = struck.into();
            }
        }
        bytes
    }
}

/// The right to bring something in: somebody knew a token.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'t> {
    tokens: &'t Tokens,
    label: &'t str,
}

impl Admission<'_> {
    /// Takes what was brought, without the tokens that stand in it.
    pub fn take(self, body: Bytes) -> Unsigned<Bytes> {
        Unsigned { value: self.tokens.strike_out(body), token: self.label.to_owned() }
    }
}

/// A value that somebody brought who knew a token. That is all that is known of it.
///
/// Only [`Admission::take`] makes one.
#[derive(Clone, Debug)]
pub struct Unsigned<T> {
    value: T,
    token: String,
}

impl<T> Unsigned<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The value, and the label of the token.
    pub fn into_parts(self) -> (T, String) {
        (self.value, self.token)
    }
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "the-old-token-of-an-endpoint-5a41";
    const NEW: &str = "the-new-token-of-an-endpoint-c09e";

    /// A token until a moment, and one without an end.
    fn tokens() -> Tokens {
        let token = |text: &str, label: &str| Token::new(&Secret::new(text), label);
        Tokens::new([token(OLD, "old").until(Some(Timestamp::from_second(100).unwrap())), token(NEW, "new")])
    }

    #[track_caller]
    fn check(claimed: &str, second: i64, expected: Option<&str>) {
        let tokens = tokens();
        let admitted = tokens.admit(claimed.as_bytes(), Timestamp::from_second(second).unwrap());
        assert_eq!(admitted.map(|admission| admission.label), expected, "{claimed} at {second}");
    }

    #[test]
    fn only_a_token_in_force_lets_in() {
        check(OLD, 100, Some("old"));
        check(OLD, 101, None);
        check(NEW, 100, Some("new"));
        check(NEW, 101, Some("new"));
        for wrong in ["", &NEW[1..], &NEW[..NEW.len() - 1], &format!("{NEW}x"), &NEW.to_uppercase(), &format!("{NEW}/")] {
            check(wrong, 50, None);
        }
        assert!(Tokens::default().admit(b"", Timestamp::UNIX_EPOCH).is_none(), "no tokens, no way in");
    }

    #[test]
    fn what_is_taken_holds_no_token() {
        let tokens = tokens();
        let taken = |body: String| {
            let admission = tokens.admit(NEW.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
            let (bytes, label) = admission.take(body.into()).into_parts();
            assert_eq!(label, "new");
            String::from_utf8(bytes.into()).unwrap()
        };
        assert_eq!(taken(format!("a {NEW} b {OLD}{NEW}")), "a *** b ******");
        assert_eq!(taken(NEW.to_owned()), "***");
        for untouched in ["", "nothing to see", &NEW[1..], &NEW.to_uppercase()] {
            assert_eq!(taken(untouched.to_owned()), untouched);
        }
    }

    #[test]
    fn a_token_cannot_be_printed() {
        let tokens = tokens();
        let admission = tokens.admit(OLD.as_bytes(), Timestamp::UNIX_EPOCH);
        let printed = format!("{tokens:?} {admission:?} {:?}", admission.unwrap().take(OLD.into()));
        assert!(!printed.contains(OLD) && !printed.contains(NEW), "{printed}");
    }
}
