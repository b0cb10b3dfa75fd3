//! Text from elsewhere, made harmless for whoever reads it on a terminal or in a log.
//!
//! Apple's ids and kinds are any text at all, and so are the answers of the services that handlers call. Such a text may hold characters
//! that steer a terminal, that begin a new line, that turn the direction of what follows or that cannot be seen; and it may be very
//! long. Everything foreign that goes into a log line goes through [`short`], or through [`whole`] where its length is bounded already, so
//! that a line stays one line and says what it seems to say. What programs read is never changed, and no payload ever is.

use std::any::Any;

/// How many characters of a text are shown where it must not fill the page.
const SHORT: usize = 256;

/// How many bytes a word for programs has at most.
const LONGEST_CODE: usize = 64;

/// All of a text, with what cannot be seen written out.
pub fn whole(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_harmless(letter) { plain.push(letter) } else { plain.extend(letter.escape_default()) }
    }
    plain
}

/// The same of the first 256 characters, and how many bytes the text has if those are not all.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}… ({} bytes)", whole(&text[..end]), text.len()),
        None => whole(text),
    }
}

/// Whether a text has the shape of a word for programs, such as `channel_not_found`: short, and nothing but letters, digits, `_`, `.`,
/// `:` and `-`. A sentence has not, and an address neither.
pub fn is_code(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(is_part)
}

/// What a panic says; as foreign as any other text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message")
}

/// Whether a character can be seen, and changes nothing around it.
pub fn is_harmless(letter: char) -> bool {
    !letter.is_control()
        && !matches!(
            letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(short(text), expected);
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        check("5e0c1a7e-é-日本", "5e0c1a7e-é-日本");
        check("a\u{1b}[31m\nb\u{9b}c", "a\\u{1b}[31m\\nb\\u{9b}c");
        check("\u{202e}txt.exe\u{2066}\u{61c}\u{feff}", "\\u{202e}txt.exe\\u{2066}\\u{61c}\\u{feff}");
    }

    #[test]
    fn a_word_for_programs_is_told_by_its_shape() {
        for (text, expected) in [
            ("channel_not_found", true),
            ("STATE_ERROR.ENTITY_STATE_INVALID", true),
            ("channels:history", true),
            ("", false),
            ("tester@example.com", false),
            ("it crashed", false),
            ("é", false),
            (&"x".repeat(LONGEST_CODE), true),
            (&"x".repeat(LONGEST_CODE + 1), false),
        ] {
            assert_eq!(is_code(text), expected, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut_with_a_mark() {
        check(&"é".repeat(SHORT), &"é".repeat(SHORT));
        check(&"é".repeat(5_000), &format!("{}… (10000 bytes)", "é".repeat(SHORT)));
        assert_eq!(whole(&"é".repeat(5_000)).len(), 10_000);
    }
}
