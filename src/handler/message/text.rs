//! Texts from elsewhere, made fit to be shown, and Apple's words made readable.

use crate::plain;

/// What stands at the end of a text that was cut.
const MARK: char = '…';

/// A text on one line, without what cannot be seen: control characters, and those that turn the direction of a text.
pub fn clean(text: &str) -> String {
    clean_lines(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text of several lines, each without what cannot be seen; empty lines at its ends are left out.
pub fn clean_lines(text: &str) -> String {
    // The two joiners hold emoji and letters of some scripts together.
    let unseen = |letter: char| !plain::is_harmless(letter) && !matches!(letter, '\u{200c}' | '\u{200d}');
    let seen: String = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let lines = seen.lines().map(|line| line.replace('\t', " ").replace(unseen, ""));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The beginning of a text that is longer than so many letters, with a mark where it was cut; the whole of any other. Never more
/// letters than that, so of none there is not even the mark.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    if most == 0 {
        return String::new();
    }
    let mut start: String = text.chars().take(most - 1).collect();
    start.truncate(start.trim_end().len());
    start.push(MARK);
    start
}

/// A word of Apple's as people write it: `WAITING_FOR_REVIEW` is *Waiting for Review*.
pub fn words_of(word: &str) -> String {
    let small = |word: &str| matches!(word, "for" | "of" | "in" | "with" | "to" | "and");
    let words = clean(word).to_lowercase();
    let words = words
        .split(['_', ' '])
        .filter(|word| !word.is_empty())
        .enumerate()
        .map(|(place, word)| if place > 0 && small(word) { word.to_owned() } else { capitalized(word) });
    words.collect::<Vec<_>>().join(" ")
}

/// The platform as Apple names it to people; a platform that is new passes as words.
pub fn platform(word: &str) -> String {
    match word {
        "IOS" => "iOS".to_owned(),
        "MAC_OS" => "macOS".to_owned(),
        "TV_OS" => "tvOS".to_owned(),
        "VISION_OS" => "visionOS".to_owned(),
        "WATCH_OS" => "watchOS".to_owned(),
        other => words_of(other),
    }
}

/// A text with its first letter large.
pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Things in a row, as they are read: `a`, `a and b`, `a, b and c`.
pub(super) fn row(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &str, expected: &str) {
        assert_eq!(found, expected);
    }

    #[test]
    fn what_cannot_be_seen_goes() {
        check(&clean(" a\tb\u{7}\u{202e}c\r\nd\u{200b} "), "a bc d");
        check(&clean_lines("\n\none\r\n two\u{2066}\u{0}\n\n"), "one\n two");
        check(&clean("👩‍👩‍👧 é"), "👩‍👩‍👧 é");
    }

    #[test]
    fn a_long_text_is_cut_with_a_mark() {
        check(&cut("four", 4), "four");
        check(&cut("fives", 4), "fiv…");
        check(&cut("ab  cd", 5), "ab…");
        check(&cut("äöüß", 3), "äö…");
        check(&cut("five", 1), "…");
        check(&cut("five", 0), "");
        check(&cut("", 0), "");
    }

    #[test]
    fn words_of_apples_are_read_as_people_write_them() {
        check(&words_of("WAITING_FOR_REVIEW"), "Waiting for Review");
        check(&words_of("IN_REVIEW"), "In Review");
        check(&words_of("brand_new"), "Brand New");
        check(&words_of("__"), "");
        check(&platform("VISION_OS"), "visionOS");
        check(&platform("CAR_OS"), "Car Os");
    }

    #[test]
    fn things_stand_in_a_row() {
        let row = |things: &[&str]| row(&things.iter().map(ToString::to_string).collect::<Vec<_>>());
        check(&row(&[]), "");
        check(&row(&["DEU"]), "DEU");
        check(&row(&["DEU", "FRA", "JPN"]), "DEU, FRA and JPN");
    }
}
