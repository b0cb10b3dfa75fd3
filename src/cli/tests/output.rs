//! What foreign text and sizes look like on a terminal.

use crate::cli::output::{ascii_controls, plain, short, size};

#[test]
fn control_characters_do_not_reach_the_terminal() {
    assert_eq!(plain("a\u{1b}[31m\nb é"), "a\\u{1b}[31m\\nb é");
    assert_eq!(plain("\u{9b}31m \u{202e}txt.exe"), "\\u{9b}31m \\u{202e}txt.exe");
    assert_eq!(ascii_controls("[\n  \"é\u{9b}\u{202e}\"\n]"), "[\n  \"é\\u009b\\u202e\"\n]");
}

#[test]
fn a_long_name_does_not_stretch_a_table() {
    let short = short(&"é".repeat(10_000));
    assert_eq!((short.chars().count(), short.chars().last()), (65, Some('…')));
}

#[test]
fn sizes_read_well() {
    assert_eq!(
        [0, 1_023, 1_024, 1_640, 5 << 20, (3 << 30) + (1 << 29)].map(size),
        ["0 B", "1023 B", "1.0 KiB", "1.6 KiB", "5.0 MiB", "3.5 GiB"]
    );
}
