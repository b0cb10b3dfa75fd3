//! The one place that writes: data to standard output, talk to standard error.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;

use crate::{
    plain::{self, is_harmless},
    telemetry,
};

/// How many letters of a text from elsewhere a table shows.
const LONGEST_CELL: usize = 64;

/// Standard output takes no more. An error of its own: many things can break a pipe, and only this one means that the reader has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub(super) struct Unwritten(#[from] io::Error);

impl Unwritten {
    /// Whether whoever read it has gone away.
    pub(super) fn is_unread(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Writes data, and ends the line.
pub(super) fn line(data: impl Display) -> Result<(), Unwritten> {
    Ok(writeln!(io::stdout().lock(), "{data}")?)
}

/// Writes bytes as they are.
pub(super) fn bytes(data: &[u8]) -> Result<(), Unwritten> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(data)?;
    Ok(stdout.flush()?)
}

/// Writes a value as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<(), Unwritten> {
    line(ascii_controls(&serde_json::to_string_pretty(value).map_err(io::Error::from)?))
}

/// Writes a value as JSON on one line.
pub(super) fn json_line(value: &impl serde::Serialize) -> Result<(), Unwritten> {
    line(ascii_controls(&serde_json::to_string(value).map_err(io::Error::from)?))
}

/// Says something to the person at the terminal.
pub(super) fn talk(words: impl Display) {
    telemetry::say(format_args!("{words}\n"));
}

/// Says something to the person at the terminal, and stays on the line.
pub(super) fn ask(words: impl Display) {
    telemetry::say(words);
}

/// A table without lines.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|title| title.to_uppercase()));
    table.add_rows(rows.into_iter().map(|row| row.iter().map(|cell| plain(cell)).collect::<Vec<_>>()));
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// A time as people read it, in UTC and to the second.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// How many bytes, as people read it.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// A text that cannot play with the terminal: what came from elsewhere may hold control characters.
pub(super) fn plain(text: &str) -> String {
    plain::whole(text)
}

/// A text as a shell takes it for one word: as it is if it has only letters that no shell reads anything into, else in quotes.
pub(super) fn shell_word(text: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_bare) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The beginning of a text that is too long for a table.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_CELL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// JSON itself only escapes the controls below the space; a terminal listens to those above `~` too. They can only be within texts.
pub(super) fn ascii_controls(json: &str) -> String {
    let escape = |letter: char| format!("\\u{:04x}", u32::from(letter)).chars().collect();
    json.chars().flat_map(|letter| if is_harmless(letter) || letter == '\n' { vec![letter] } else { escape(letter) }).collect()
}

/// A number and what it counts, in the right number.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
