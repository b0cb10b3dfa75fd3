//! What an operator sees in a browser, and what a stranger's tools make of the API.
//!
//! Everything here drives the real program from outside: Chromium opens its pages, axe-core reads them as somebody who cannot see them
//! would have them read, Schemathesis takes the description of the API at its word. Which pages there are is not written here: they are
//! found by following every link, and the program's own table of routes says when one was not found.
//!
//! As among the faults, every check has a control beside it, whose name begins with `control_`: something that the same check must find.
//! What a run sees is left under `target/browser`, to be looked at.

#![cfg(test)]

mod accessible;
mod contract;
mod crowd;
mod injected;
mod journey;
mod support;
