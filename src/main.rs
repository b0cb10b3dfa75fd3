//! The program: the commands of [`asc_webhooks::cli`] with the handler kinds that ship.
//!
//! A program with kinds of its own looks the same, with a registry that knows them too.

use std::process::ExitCode;

use asc_webhooks::{cli, handler::Registry};

fn main() -> ExitCode {
    cli::main(&Registry::builtin())
}
