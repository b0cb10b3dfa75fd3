//! Seals texts with a key, so that whoever has them without the key has nothing: ChaCha20-Poly1305 with a random nonce.
//!
//! What a text is about is sealed in with it. The sealed secret of one endpoint cannot be passed off as that of another.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

use crate::secret::Secret;

/// What sealed bytes begin with, so that another way of sealing can be told apart some day.
const FORM: u8 = 1;

/// What the key is derived for: the same text in another place would make another key.
const PURPOSE: &[u8] = b"asc-webhooks: sealed secrets, form 1";

/// A key that seals and opens.
pub(super) struct Seal(LessSafeKey);

impl Seal {
    /// Derives the key from a secret text, which must be random: nothing here slows down guessing.
    pub(super) fn new(key: &Secret) -> Self {
        // A key of any length fits HMAC, and what it makes has the length that the cipher wants.
        let mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        let derived = mac.chain_update(PURPOSE).finalize().into_bytes();
        let key = UnboundKey::new(&CHACHA20_POLY1305, &derived).unwrap_or_else(|_| unreachable!("the key has 32 bytes"));
        Self(LessSafeKey::new(key))
    }

    /// Seals a secret; none if the operating system has no random bytes to give.
    pub(super) fn seal(&self, about: &[&str; 2], secret: &Secret) -> Option<Vec<u8>> {
        let mut nonce = [0_u8; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = secret.expose().as_bytes().to_vec();
        let sealed = self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(about), &mut text);
        sealed.ok()?;
        Some([&[FORM], &nonce[..], &text].concat())
    }

    /// Opens what was sealed with the same key about the same; none if it was not.
    pub(super) fn open(&self, about: &[&str; 2], sealed: &[u8]) -> Option<Secret> {
        let (&[FORM], rest) = sealed.split_first_chunk()? else { return None };
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut text = rest.to_vec();
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), aad(about), &mut text).ok()?;
        std::str::from_utf8(opened).ok().map(Secret::new)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

fn aad(about: &[&str; 2]) -> Aad<Vec<u8>> {
    let [endpoint, label] = about;
    // The length keeps the two apart: no other two parts come to the same bytes.
    Aad::from([&(endpoint.len() as u64).to_be_bytes(), endpoint.as_bytes(), label.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: [&str; 2] = ["my-app", "managed-1"];

    fn seal(key: &str) -> Seal {
        Seal::new(&Secret::new(key))
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_about_the_same_and_not_otherwise() {
        let secret = Secret::new("a secret that nobody may read");
        let key = "the key of this test, long enough";
        let sealed = seal(key).seal(&ABOUT, &secret).unwrap();
        assert!(!sealed.windows(8).any(|part| secret.expose().as_bytes().windows(8).any(|known| known == part)));
        assert_eq!(seal(key).open(&ABOUT, &sealed).unwrap().expose(), secret.expose());

        let opens = |key: &str, about: [&str; 2], sealed: &[u8]| seal(key).open(&about, sealed).is_some();
        assert!(!opens("another key, just as long as that", ABOUT, &sealed));
        assert!(!opens(key, ["other-app", "managed-1"], &sealed));
        assert!(!opens(key, ["my-appm", "anaged-1"], &sealed));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(!opens(key, ABOUT, &changed), "byte {at}");
            assert!(!opens(key, ABOUT, &sealed[..at]), "cut at {at}");
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_to_the_same_bytes() {
        let (seal, secret) = (seal("the key of this test, long enough"), Secret::new("a secret"));
        assert_ne!(seal.seal(&ABOUT, &secret), seal.seal(&ABOUT, &secret));
    }
}
