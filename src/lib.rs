//! Receives the [webhook notifications of App Store Connect][apple], and gets every one of them handled.
//!
//! Each notification is verified over its raw bytes, committed to disk before it is answered, typed as an [`Event`](event::Event),
//! and handed to handlers, with retries, until each is done or dead. The binary `asc-webhooks` does this with the handlers that ship;
//! this library is for handlers of your own:
//!
//! ```no_run
//! use asc_webhooks::{Registry, cli, event::{AppVersion, AppVersionState}, handler::on};
//!
//! fn main() -> std::process::ExitCode {
//!     let alarm = on::<AppVersion>(async |version, ctx| {
//!         if version.change.to == Some(AppVersionState::Rejected) {
//!             println!("{} was rejected (receipt {})", version.event().id, ctx.receipt());
//!         }
//!         Ok(())
//!     });
//!     // Every command of `asc-webhooks`, and `kind = "alarm"` in the configuration.
//!     cli::main(&Registry::builtin().register_handler("alarm", alarm))
//! }
//! ```
//!
//! [`handler::writing`] goes from nothing to a handler with settings of its own. [`App`] puts the receiver into an axum application.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | what Apple says | [`event`], [`signature`] |
//! | what is done about it | [`handler`], [`Handler`], [`worker`], [`act`] |
//! | what is kept, and what it says of review | [`inbox`], [`inbox::Store`], [`vault`], [`review`] |
//! | the program, whole or in parts | [`App`], [`cli`], [`config`], [`server`], [`intake`] |
//! | asking Apple, fetching back what was missed, webhooks as configured, a local App Store Connect | [`asc`], [`recovery`], [`registration`], [`sandbox`] |
//! | running it | [`operations`] |
//!
//! # Features
//!
//! | feature | default | what for |
//! |---|---|---|
//! | `sabotage` | off | the twin of the program that the fault tests must catch; never in a release |
//!
//! [apple]: https://developer.apple.com/documentation/appstoreconnectapi/webhook-notifications

// What Apple says.
pub mod event;
pub mod signature;
pub mod unsigned;

// What we keep.
pub mod inbox;
pub mod review;
pub mod vault;

// What we do about it.
pub mod act;
pub mod handler;
pub mod worker;

// What we ask Apple, and what stands in for it.
pub mod asc;
pub mod enrichment;
pub mod recovery;
pub mod registration;
pub mod sandbox;

// How it is reached.
pub mod intake;
pub mod server;
pub mod telemetry;

// How it is set up.
pub mod app;
pub mod cli;
pub mod config;

// What everyone uses.
pub mod clock;
pub mod http_client;
pub mod plain;
pub mod secret;
pub mod shutdown;
mod spelling;

#[doc = include_str!("docs/operations.md")]
pub mod operations {}

// What the README shows is compiled too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::{
    app::App,
    handler::{Handler, Registry, handler_fn, on},
    shutdown::Shutdown,
};
