//! A tolerant reader of JSON.
//!
//! An ordinary JSON library refuses a whole document for one number out of range, one lone surrogate, one byte that is not UTF-8
//! or one value nested too deep, even in a field that nobody reads. A notification that Apple signed must not be lost for that.
//! So this reader is **strict about structure and lenient about scalars**: brackets, commas, colons and quotes must be right, but a
//! number is any run of number characters, a string is anything up to its closing quote, and both are only looked at when somebody
//! asks. A byte order mark is skipped; of members with the same name, the last one counts.
//!
//! [`Json::read`] goes over the text once, without recursion, and notes where each object and array ends: eight bytes for each, and
//! nothing for scalars. After that a [`Value`] is a position in the text, a container is stepped over in one jump, and nothing is
//! copied until it is asked for. So the cost is linear, and small, for any text at all.

mod reader;
mod text;

use memchr::memchr2;

pub use self::reader::Malformed;
use self::reader::Reader;
pub(crate) use self::text::Text;

/// A JSON text whose structure is sound.
#[derive(Debug)]
pub(crate) struct Json<'t> {
    text: &'t [u8],
    start: usize,
    /// Every object and array, in the order in which they open.
    containers: Vec<Container>,
}

/// Where an object or array ends. While it is still open, the fields serve the reader as a stack.
#[derive(Clone, Copy, Debug)]
struct Container {
    /// The position behind its closing bracket; while it is open, the position of its opening bracket.
    end: u32,
    /// The number of the first container that opens behind it; while it is open, the number of the one around it.
    next: u32,
}

impl<'t> Json<'t> {
    /// Reads a text.
    pub(crate) fn read(text: &'t [u8]) -> Result<Self, Malformed> {
        Reader::new(text).read()
    }

    /// The value that the text consists of.
    pub(crate) fn root(&self) -> Value<'_> {
        self.value(&mut Cursor { at: self.start, container: 0 })
    }

    /// The value that begins at the cursor, which is moved behind it.
    fn value(&self, cursor: &mut Cursor) -> Value<'_> {
        let Cursor { at: start, container } = *cursor;
        match self.text.get(start) {
            Some(b'{' | b'[') => {
                let Container { end, next } = self.containers[container as usize];
                *cursor = Cursor { at: end as usize, container: next };
            }
            Some(b'"') => cursor.at = behind_string(self.text, start).unwrap_or(self.text.len()),
            _ => cursor.at = behind_scalar(self.text, start),
        }
        Value { json: self, start, end: cursor.at, container }
    }
}

/// A position in a text.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    at: usize,
    /// The number of the first container that opens here or later.
    container: u32,
}

impl Cursor {
    /// Moves over what stands between values. In a sound text there is nothing to check about it any more.
    fn skip_separators(&mut self, text: &[u8]) {
        while matches!(text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
            self.at += 1;
        }
    }
}

/// A value, by its place in the text.
#[derive(Clone, Copy)]
pub(crate) struct Value<'d> {
    json: &'d Json<'d>,
    start: usize,
    end: usize,
    container: u32,
}

/// What a value is.
pub(crate) enum Shape<'d> {
    Object(Members<'d>),
    Array(Items<'d>),
    String(Text<'d>),
    /// A number as it is written. It may be of any size, and need not be well formed.
    Number(&'d [u8]),
    Bool(bool),
    Null,
}

impl<'d> Value<'d> {
    /// Where the value stands in the text.
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// The value as it is written.
    pub(crate) fn raw(self) -> &'d [u8] {
        &self.json.text[self.start..self.end]
    }

    pub(crate) fn shape(self) -> Shape<'d> {
        let raw = self.raw();
        let inside = Cursor { at: self.start + 1, container: self.container + 1 };
        match raw.first() {
            Some(b'{') => Shape::Object(Members { json: self.json, cursor: inside }),
            Some(b'[') => Shape::Array(Items { json: self.json, cursor: inside }),
            Some(b'"') => Shape::String(Text::new(raw.get(1..raw.len() - 1).unwrap_or_default())),
            Some(b't') => Shape::Bool(true),
            Some(b'f') => Shape::Bool(false),
            Some(b'n') | None => Shape::Null,
            Some(_) => Shape::Number(raw),
        }
    }

    /// The last member of this name, if the value is an object that has one.
    pub(crate) fn member(self, name: &str) -> Option<Value<'d>> {
        self.members()?.filter(|(key, _)| key.is(name)).last().map(|(_, value)| value)
    }

    /// The members, if the value is an object.
    pub(crate) fn members(self) -> Option<Members<'d>> {
        if let Shape::Object(members) = self.shape() { Some(members) } else { None }
    }

    /// The items, if the value is an array.
    pub(crate) fn items(self) -> Option<Items<'d>> {
        if let Shape::Array(items) = self.shape() { Some(items) } else { None }
    }

    /// The value in a word or two, for a message that says what was found.
    pub(crate) fn noun(self) -> &'static str {
        match self.shape() {
            Shape::Object(_) => "an object",
            Shape::Array(_) => "an array",
            Shape::String(_) => "a string",
            Shape::Number(_) => "a number",
            Shape::Bool(_) => "a boolean",
            Shape::Null => "null",
        }
    }
}

/// The members of an object, in the order of the text, repeated names included.
pub(crate) struct Members<'d> {
    json: &'d Json<'d>,
    cursor: Cursor,
}

impl<'d> Iterator for Members<'d> {
    type Item = (Text<'d>, Value<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.skip_separators(self.json.text);
        if self.json.text.get(self.cursor.at) != Some(&b'"') {
            return None;
        }
        let key = self.cursor.at + 1;
        self.cursor.at = behind_string(self.json.text, self.cursor.at)?;
        let key = Text::new(&self.json.text[key..self.cursor.at - 1]);
        self.cursor.skip_separators(self.json.text);
        Some((key, self.json.value(&mut self.cursor)))
    }
}

/// The items of an array.
pub(crate) struct Items<'d> {
    json: &'d Json<'d>,
    cursor: Cursor,
}

impl<'d> Iterator for Items<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.skip_separators(self.json.text);
        if self.json.text.get(self.cursor.at) == Some(&b']') {
            return None;
        }
        Some(self.json.value(&mut self.cursor))
    }
}

/// The position behind the string that begins at `start`; none if it is not closed.
fn behind_string(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The position behind the number or word that begins at `start`.
fn behind_scalar(text: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests;
