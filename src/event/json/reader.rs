//! One pass over a text: is its structure sound, and where do its containers end?
//!
//! The containers that are still open form a list through their own entries, so there is no stack beside it, and none to overflow.

use std::fmt;

use super::{Container, Json, behind_scalar, behind_string};

/// The number of no container.
const NONE: u32 = u32::MAX;

pub(super) struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    containers: Vec<Container>,
    /// The number of the innermost open container.
    innermost: u32,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, containers: Vec::new(), innermost: NONE }
    }

    pub(super) fn read(mut self) -> Result<Json<'t>, Malformed> {
        if u32::try_from(self.text.len()).is_err() {
            return Err(Malformed { offset: 0, found: self.peek(), expected: "less than 4 GiB" });
        }
        if self.text.starts_with(b"\xEF\xBB\xBF") {
            self.at = 3;
        }
        self.skip_whitespace();
        let start = self.at;
        loop {
            if self.begin_value()? {
                continue;
            }
            if self.end_values()? {
                return Ok(Json { text: self.text, start, containers: self.containers });
            }
        }
    }

    /// Reads a scalar or an empty container whole, and of any other container what stands before its first value. Tells whether a
    /// value must follow.
    fn begin_value(&mut self) -> Result<bool, Malformed> {
        match self.peek() {
            Some(b'{') => {
                self.open();
                if self.peek() == Some(b'}') {
                    self.close();
                    return Ok(false);
                }
                self.key("a key or `}`")?;
                return Ok(true);
            }
            Some(b'[') => {
                self.open();
                if self.peek() == Some(b']') {
                    self.close();
                    return Ok(false);
                }
                return Ok(true);
            }
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => match behind_scalar(self.text, self.at) {
                end if matches!(&self.text[self.at..end], b"true" | b"false" | b"null") => self.at = end,
                _ => return Err(self.expected("a value")),
            },
        }
        Ok(false)
    }

    /// Reads what stands behind a value: the ends of containers, then a comma and what stands before the next value. Tells whether
    /// that was the end of the text.
    fn end_values(&mut self) -> Result<bool, Malformed> {
        loop {
            self.skip_whitespace();
            let Some(innermost) = self.containers.get(self.innermost as usize) else {
                return if self.at == self.text.len() { Ok(true) } else { Err(self.expected("the end")) };
            };
            let is_object = self.text[innermost.end as usize] == b'{';
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_whitespace();
                    if is_object {
                        self.key("a key")?;
                    }
                    return Ok(false);
                }
                Some(b'}') if is_object => self.close(),
                Some(b']') if !is_object => self.close(),
                _ => return Err(self.expected(if is_object { "`,` or `}`" } else { "`,` or `]`" })),
            }
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self, expected: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.expected(expected));
        }
        self.string()?;
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.at = behind_string(self.text, self.at).ok_or(Malformed {
            offset: self.text.len(),
            found: None,
            expected: "the closing quote of a string",
        })?;
        Ok(())
    }

    fn number(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the text, and so anything in it, is shorter than 4 GiB")]
    fn open(&mut self) {
        self.containers.push(Container { end: self.at as u32, next: self.innermost });
        self.innermost = self.containers.len() as u32 - 1;
        self.at += 1;
        self.skip_whitespace();
    }

    #[expect(clippy::cast_possible_truncation, reason = "the text, and so anything in it, is shorter than 4 GiB")]
    fn close(&mut self) {
        self.at += 1;
        let next = self.containers.len() as u32;
        let closed = &mut self.containers[self.innermost as usize];
        self.innermost = closed.next;
        *closed = Container { end: self.at as u32, next };
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> Malformed {
        Malformed { offset: self.at, found: self.peek(), expected }
    }
}

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    offset: usize,
    found: Option<u8>,
    expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: expected {}, found ", self.offset, self.expected)?;
        match self.found {
            None => f.write_str("the end"),
            Some(byte) if byte.is_ascii_graphic() => write!(f, "`{}`", char::from(byte)),
            Some(byte) => write!(f, "the byte 0x{byte:02x}"),
        }
    }
}
