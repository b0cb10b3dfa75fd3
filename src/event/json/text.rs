//! Strings: what they say once their escapes are resolved.
//!
//! Nothing in a string makes it unreadable. Escapes that JSON does not have stand for themselves, and halves of a surrogate pair and
//! bytes that are not UTF-8 are replaced or kept, as the reader of the string prefers.

use std::borrow::Cow;

use memchr::memchr;

/// A string, as it is written between its quotes.
#[derive(Clone, Copy)]
pub(crate) struct Text<'d>(&'d [u8]);

impl<'d> Text<'d> {
    pub(super) fn new(between_quotes: &'d [u8]) -> Self {
        Self(between_quotes)
    }

    /// Whether this is the string `other`, however it is escaped.
    pub(crate) fn is(self, other: &str) -> bool {
        self.0 == other.as_bytes() || (memchr(b'\\', self.0).is_some() && *self.exact() == *other.as_bytes())
    }

    /// The text. A lone surrogate and bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn decoded(self) -> Cow<'d, str> {
        match self.unescaped(|_| [0xEF, 0xBF, 0xBD]) {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The text as bytes in which nothing is replaced, so that different strings stay different: a lone surrogate is written as UTF-8
    /// would write it if it could, and bytes that are not UTF-8 are kept.
    pub(crate) fn exact(self) -> Cow<'d, [u8]> {
        self.unescaped(|surrogate| {
            let [high, low] = surrogate.to_be_bytes();
            [0xE0 | (high >> 4), 0x80 | ((high & 0x0F) << 2) | (low >> 6), 0x80 | (low & 0x3F)]
        })
    }

    fn unescaped(self, lone_surrogate: fn(u16) -> [u8; 3]) -> Cow<'d, [u8]> {
        let Some(mut backslash) = memchr(b'\\', self.0) else { return Cow::Borrowed(self.0) };
        let mut plain = Vec::with_capacity(self.0.len());
        let mut rest = self.0;
        loop {
            plain.extend_from_slice(&rest[..backslash]);
            rest = &rest[backslash..];
            let taken = unescape(rest, &mut plain, lone_surrogate);
            rest = &rest[taken..];
            let Some(next) = memchr(b'\\', rest) else { break };
            backslash = next;
        }
        plain.extend_from_slice(rest);
        Cow::Owned(plain)
    }
}

/// Writes what the escape at the start of `text` stands for, and tells how many bytes it takes up. An escape that JSON does not have
/// stands for itself.
fn unescape(text: &[u8], plain: &mut Vec<u8>, lone_surrogate: fn(u16) -> [u8; 3]) -> usize {
    let byte = match text.get(1) {
        Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
        Some(b'b') => 0x08,
        Some(b'f') => 0x0C,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') if let Some(first) = code_unit(text) => {
            let pair = [first, code_unit(&text[6..]).unwrap_or_default()];
            let Some(Ok(decoded)) = char::decode_utf16(pair).next() else {
                plain.extend_from_slice(&lone_surrogate(first));
                return 6;
            };
            plain.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
            return 6 * decoded.len_utf16();
        }
        _ => {
            plain.push(b'\\');
            return 1;
        }
    };
    plain.push(byte);
    2
}

/// The code unit of a `\uXXXX` at the start of `text`.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}
