//! What accepting an event costs, next to a bare axum server that verifies and parses and keeps nothing.
//!
//! `cargo bench --bench accept` measures every figure in one run and prints one table: the figure, what it is compared with, the target,
//! and whether it was met. It never fails for being slow: how fast a machine is says nothing about whether the program is right.
//!
//! `cargo bench --bench accept -- --quick` measures shorter and fills the store less; `-- --only WORD` measures only the figures
//! whose names contain the word.
//!
//! Servers and clients are processes of their own, so that each one's time can be told from the other's; this program starts itself again
//! for the ones that are not the product. What is compared is measured in turns, round after round, so that a busy minute falls on all of
//! them, and medians are taken. On a machine of two cores the clients share them with the servers: the ratios hold for such a machine,
//! the server's own time for any.

#![expect(clippy::print_stdout, reason = "the table is the point")]

mod client;
mod figures;
mod http;
mod program;
mod table;
mod yardstick;

use anyhow::bail;

/// How long and how much to measure.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// How many rounds of each comparison.
    rounds: usize,
    /// How many seconds each round takes.
    seconds: u64,
    /// How many receipts are put into the store to see whether it slows down.
    receipts: u64,
}

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let thorough = Effort { rounds: 5, seconds: 5, receipts: 1_000_000 };
    let quick = Effort { rounds: 3, seconds: 2, receipts: 100_000 };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => figures::measure(thorough, ""),
        ["--quick"] => figures::measure(quick, ""),
        ["--only", word] => figures::measure(thorough, word),
        ["--quick", "--only", word] | ["--only", word, "--quick"] => figures::measure(quick, word),
        [yardstick::CALLED, kept] => yardstick::serve(kept),
        [client::CALLED, plan] => client::run(plan),
        _ => bail!("usage: cargo bench --bench accept -- [--quick] [--only WORD]"),
    }
}
