//! Receives the webhook notifications of App Store Connect, and gets every one of them handled.

pub mod asc;
pub mod clock;
pub mod config;
pub mod event;
pub mod handler;
pub mod http_client;
pub mod inbox;
pub mod intake;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod shutdown;
pub mod signature;
pub mod telemetry;
pub mod worker;

pub use self::handler::{Handler, Registry, handler_fn, on};
