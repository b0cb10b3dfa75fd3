//! How far a long listing is: one line on the terminal that counts, and is gone when there is something to read.

use std::io::{self, IsTerminal as _};

use super::output;

/// A line that counts. Where standard error is no terminal, nothing is written.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    is_seen: bool,
    is_drawn: bool,
}

impl Progress {
    /// Will count these.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, is_seen: io::stderr().is_terminal(), is_drawn: false }
    }

    /// So many are done, of so many.
    pub(super) fn at(&mut self, done: u64, of: Option<u64>) {
        if self.is_seen {
            self.is_drawn = true;
            output::ask(format_args!("\r\u{1b}[K{}", words(self.what, done, of)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_drawn {
            output::ask("\r\u{1b}[K");
        }
    }
}

fn words(what: &str, done: u64, of: Option<u64>) -> String {
    match of {
        Some(all) if all >= done => format!("{done} of {all} {what} …"),
        _ => format!("{done} {what} …"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_reads_well() {
        assert_eq!(words("deliveries", 400, Some(1_200)), "400 of 1200 deliveries …");
        assert_eq!(words("deliveries", 400, None), "400 deliveries …");
        assert_eq!(words("deliveries", 400, Some(7)), "400 deliveries …", "a total that is too small is none");
    }
}
