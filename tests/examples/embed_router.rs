//! The receiver inside an axum application of one's own.
//!
//! `cargo run --example embed_router -- config/example.toml`
#![expect(clippy::print_stderr, reason = "it speaks to whoever tries it")]

use std::path::PathBuf;

use asc_webhooks::{
    App, Registry,
    config::{Sources, load},
};
use axum::{Router, routing::get};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let loaded = load(&Sources::of_process(std::env::args_os().nth(1).map(PathBuf::from)))?;
    let app = App::new(&loaded, &Registry::builtin()).await?;

    // Before Apple is let in, it must be known what Apple signs with.
    app.ready().await?;

    // From here on, events that are kept are handed to the configured handlers.
    app.work();

    let router = Router::new().route("/", get(|| async { "my application" })).nest("/webhooks", app.router());
    let listener = tokio::net::TcpListener::bind(loaded.config.server.listen).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;

    app.shutdown().begin();
    app.shutdown().finished(loaded.config.server.shutdown_grace).await;
    app.store().close().await?;
    Ok(())
}
