//! The integration tests, in one crate: they use the library as its users do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails; clippy sees that only in test functions"
)]

mod act;
mod asc;
mod cli;
mod commands;
mod dispatch;
mod docs;
mod embedding;
mod enrichment;
mod environment;
mod program;
mod receive;
mod recovery;
mod registration;
mod sandbox;
mod stopping;
mod store;
mod streaming;
mod support;
mod tidy;
mod unsigned;
