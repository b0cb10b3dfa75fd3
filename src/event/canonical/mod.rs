//! The canonical form of an event: one sequence of bytes for all the ways to write the same.
//!
//! The same event can reach us twice in different dress: pushed by Apple, and again out of Apple's API. So white space, the order of
//! members, escapes and the notation of numbers do not count; of members with the same name, the last one counts; and the `links` of
//! JSON:API, which are addresses and no part of what happened, are left out at the places where JSON:API puts them. Everything else
//! counts: two texts have the same canonical form only if they say the same.
//!
//! The form is for digests, not for reading, so it is never held: it goes into the digest piece by piece. Each scalar is preceded by
//! its type and its length, so nothing in a string can pass for structure. The work is done without recursion, in time proportional to
//! the text, apart from the sorting.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use sha2::digest::Update;

use super::json::{Items, Json, Shape, Value};

/// Writes the canonical form of an event into a digest.
pub(crate) fn canonical(event: &Json<'_>, form: &mut impl Update) {
    let mut open = Vec::with_capacity(8);
    let mut pending: Vec<Member<'_>> = Vec::with_capacity(12);
    let (mut value, mut place) = (event.root(), Place::Document);
    loop {
        match value.shape() {
            Shape::Object(members) => {
                form.update(b"{");
                let written = pending.len();
                pending.extend(members.filter_map(|(key, value)| {
                    let key = key.exact();
                    Some(Member { place: place.of_member(&key)?, key, value })
                }));
                // Taken from the end: the first name first, and of equal names the last member.
                pending[written..].sort_by(|one, other| other.key.cmp(&one.key));
                open.push(Open::Object { written });
            }
            Shape::Array(items) => {
                form.update(b"[");
                open.push(Open::Array(items));
            }
            Shape::String(text) => write(form, b's', &text.exact()),
            Shape::Number(literal) => match Decimal::read(literal) {
                Some(decimal) => write(form, b'd', decimal.to_string().as_bytes()),
                None => write(form, b'n', literal),
            },
            Shape::Bool(true) => form.update(b"t"),
            Shape::Bool(false) => form.update(b"f"),
            Shape::Null => form.update(b"0"),
        }
        (value, place) = loop {
            match open.last_mut() {
                None => return,
                Some(Open::Object { written }) if pending.len() > *written => {
                    let Some(Member { key, value, place }) = pending.pop() else { continue };
                    while pending.len() > *written && pending.last().is_some_and(|shadowed| shadowed.key == key) {
                        pending.pop();
                    }
                    write(form, b'k', &key);
                    break (value, place);
                }
                Some(Open::Object { .. }) => form.update(b"}"),
                Some(Open::Array(items)) => match items.next() {
                    Some(item) => break (item, Place::Elsewhere),
                    None => form.update(b"]"),
                },
            }
            open.pop();
        };
    }
}

/// An object or array that is being written.
enum Open<'d> {
    Object {
        /// How many members are pending when all of this object's are written.
        written: usize,
    },
    Array(Items<'d>),
}

/// A member that is to be written.
struct Member<'d> {
    key: Cow<'d, [u8]>,
    value: Value<'d>,
    place: Place,
}

/// Where in an event an object stands, as far as it matters for its links.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Document,
    Data,
    Relationships,
    Relationship,
    Elsewhere,
}

impl Place {
    /// The place of a member of the object at this place; none if the member does not count.
    fn of_member(self, key: &[u8]) -> Option<Self> {
        match (self, key) {
            (Self::Document | Self::Data | Self::Relationship, b"links") => None,
            (Self::Document, b"data") => Some(Self::Data),
            (Self::Data, b"relationships") => Some(Self::Relationships),
            (Self::Relationships, _) => Some(Self::Relationship),
            _ => Some(Self::Elsewhere),
        }
    }
}

fn write(form: &mut impl Update, kind: u8, content: &[u8]) {
    let mut head = [kind; 9];
    head[1..].copy_from_slice(&(content.len() as u64).to_be_bytes());
    form.update(&head);
    form.update(content);
}

/// A decimal number of any size in its one normal form: a sign, the digits without zeros at either end, and a power of ten.
struct Decimal<'t> {
    negative: bool,
    integer: &'t [u8],
    fraction: &'t [u8],
    exponent: i64,
}

impl<'t> Decimal<'t> {
    /// Reads a number. One that is not well formed, or whose exponent is beyond all reason, has no normal form and counts as it is
    /// written.
    fn read(literal: &'t [u8]) -> Option<Self> {
        let (negative, unsigned) = literal.strip_prefix(b"-").map_or((false, literal), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
            None => (unsigned, None),
        };
        let (integer, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
            None => (mantissa, None),
        };
        let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !is_digits(integer) || fraction.is_some_and(|fraction| !is_digits(fraction)) {
            return None;
        }
        let integer = without_leading_zeros(integer);
        let fraction = without_trailing_zeros(fraction.unwrap_or_default());
        let is_zero = integer.is_empty() && fraction.is_empty();
        let exponent = exponent.map_or(Some(0), read_exponent);
        if is_zero {
            return Some(Self { negative: false, integer, fraction, exponent: 0 });
        }
        let digits = if fraction.is_empty() { without_trailing_zeros(integer) } else { integer };
        let shift = i64::try_from(integer.len() - digits.len()).ok()? - i64::try_from(fraction.len()).ok()?;
        let fraction = if integer.is_empty() { without_leading_zeros(fraction) } else { fraction };
        Some(Self { negative, integer: digits, fraction, exponent: exponent?.checked_add(shift)? })
    }
}

impl fmt::Display for Decimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negative { "-" } else { "" })?;
        for digit in self.integer.iter().chain(self.fraction) {
            f.write_char(char::from(*digit))?;
        }
        write!(f, "e{}", self.exponent)
    }
}

/// Reads an exponent; none if it is not well formed or does not fit.
fn read_exponent(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    &digits[first..]
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let last = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    &digits[..last]
}

#[cfg(test)]
mod tests;
