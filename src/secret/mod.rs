//! A secret that cannot be printed.
//!
//! Everything confidential that the program holds (signing secrets, tokens, keys) travels as a [`Secret`]. It has no `Display`
//! and no `Serialize`, its `Debug` says nothing, and its memory is wiped when it is dropped. The one way to the text is
//! [`Secret::expose`], so that a search for that word finds every place where a secret leaves this type. What others say of a secret
//! that they were sent goes through a [`Redactor`].

mod redactor;

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

pub use self::redactor::{Redactor, STRUCK_OUT};

/// The fewest bytes a signing secret may have when the listener can be reached from other machines.
pub const MINIMUM_LENGTH: usize = 16;

/// Secrets that stand in public documentation (Apple's, ours) or in every guesser's list: known to everyone, so secret to no one.
pub const DOCUMENTED: &[&str] = &[
    "This is my secret",
    "my_secret_string",
    "new_secret_string",
    "local-development-secret-not-for-production",
    "local-development-token-not-for-production",
    "changeme",
    "change-me",
    "secret",
    "password",
    "your-secret-here",
    "your_webhook_secret",
];

/// A confidential text.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The name of the newtype that a secret is to a deserializer.
    pub const NEWTYPE: &str = "asc_webhooks::secret::Secret";

    /// Takes a text into keeping.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Makes a new secret of 256 random bits, as 43 characters of URL-safe Base64.
    ///
    /// # Errors
    /// When the operating system has no random bytes to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        use base64::Engine as _;
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text itself. Never pass it to a log, an error or an answer.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Says why this secret protects nothing, if it does not.
    pub fn weakness(&self) -> Option<Weakness> {
        let text = self.expose();
        if DOCUMENTED.iter().any(|known| known.eq_ignore_ascii_case(text.trim())) {
            return Some(Weakness::Documented);
        }
        (text.len() < MINIMUM_LENGTH).then_some(Weakness::Short { length: text.len() })
    }
}

/// For the sections of the configuration, where references to files and to the environment are resolved by then. It asks for a newtype
/// of the name [`Secret::NEWTYPE`], by which a deserializer can tell a secret from any other text.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Secret, D::Error> {
                String::deserialize(deserializer).map(Secret::new)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }
        }
        deserializer.deserialize_newtype_struct(Self::NEWTYPE, Reader)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret is refused on a listener that others can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Weakness {
    /// Fewer bytes than [`MINIMUM_LENGTH`].
    #[error("a secret of {length} bytes")]
    Short {
        /// How many bytes it has.
        length: usize,
    },
    /// It is printed in public documentation.
    #[error("a secret that is printed in the documentation")]
    Documented,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_says_nothing() {
        let secret = Secret::new("a text that must not be seen");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn weak_secrets_are_named() {
        assert_eq!(Secret::new("").weakness(), Some(Weakness::Short { length: 0 }));
        assert_eq!(Secret::new("fifteen bytes..").weakness(), Some(Weakness::Short { length: 15 }));
        assert_eq!(Secret::new("sixteen bytes...").weakness(), None);
        assert_eq!(Secret::new("This is my secret").weakness(), Some(Weakness::Documented));
        assert_eq!(Secret::new("this is MY secret ").weakness(), Some(Weakness::Documented));
    }

    #[test]
    fn generated_secrets_are_strong_and_differ() {
        let (one, two) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_eq!(one.expose().len(), 43);
        assert_eq!(one.weakness(), None);
        assert_ne!(one.expose(), two.expose());
    }
}
