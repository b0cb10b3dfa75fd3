//! Signing after [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
//! HMAC-SHA256 over `id.timestamp.body`, in Base64 after `v1,`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use sha2::Sha256;

use super::{super::HandlerError, SectionError};
use crate::secret::Secret;

pub(super) const ID: HeaderName = HeaderName::from_static("webhook-id");
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The fewest bytes that the key may have, as the specification asks.
const SHORTEST: usize = 24;

/// Signs with one key.
#[derive(Clone)]
pub(super) struct Signer {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// Takes the secret: `whsec_` and Base64, or any text, whose bytes are then the key.
    pub(super) fn new(secret: &Secret) -> Result<Self, SectionError> {
        let text = secret.expose();
        let key = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD
                .decode(encoded)
                .map_err(|_| SectionError::new("secret", "found another text after `whsec_`, expected Base64"))?,
            None => text.as_bytes().to_vec(),
        };
        if key.len() < SHORTEST {
            let message = format!("found a key of {} bytes, expected a key of at least {SHORTEST}", key.len());
            return Err(SectionError::new("secret", message).hint("make one with `openssl rand -base64 32`"));
        }
        let keyed = Hmac::new_from_slice(&key).map_err(|error| SectionError::new("secret", error.to_string()))?;
        Ok(Self { keyed })
    }

    pub(super) fn sign(&self, headers: &mut HeaderMap, id: &str, now: Timestamp, body: &[u8]) -> Result<(), HandlerError> {
        let seconds = now.as_second().to_string();
        let mut keyed = self.keyed.clone();
        for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
            keyed.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(keyed.finalize().into_bytes()));
        for (name, value) in [(ID, id), (TIMESTAMP, &seconds), (SIGNATURE, &signature)] {
            headers.insert(name, HeaderValue::from_str(value).map_err(HandlerError::reject)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_the_vector_of_the_specification() {
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let mut headers = HeaderMap::new();
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        signer.sign(&mut headers, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, br#"{"test": 2432232314}"#).unwrap();
        assert_eq!(headers[ID], "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(headers[TIMESTAMP], "1614265330");
        assert_eq!(headers[SIGNATURE], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[track_caller]
    fn check_refused(secret: &str, message: &str) {
        let error = Signer::new(&Secret::new(secret)).unwrap_err();
        assert_eq!(error.problems()[0].message, message);
    }

    #[test]
    fn weak_keys_are_refused() {
        check_refused("whsec_!", "found another text after `whsec_`, expected Base64");
        check_refused("whsec_c2hvcnQ=", "found a key of 5 bytes, expected a key of at least 24");
        check_refused("twenty-three bytes long", "found a key of 23 bytes, expected a key of at least 24");
        assert!(Signer::new(&Secret::new("twenty-four bytes long..")).is_ok());
    }
}
