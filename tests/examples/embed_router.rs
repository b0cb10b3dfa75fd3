//! The receiver inside an axum application of one's own, which has figures of its own too.
//!
//! `cargo run --example embed_router -- config/example.toml`
#![expect(clippy::print_stdout, reason = "it speaks to whoever tries it")]

use std::{error::Error, future::IntoFuture as _, path::PathBuf};

use asc_webhooks::{
    App, Registry,
    app::AppError,
    config::{Sources, load},
};
use axum::{Router, routing::get};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{net::TcpListener, select, signal::ctrl_c};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // With a recorder of one's own, which comes first, the receiver's figures go there too.
    let figures = PrometheusBuilder::new().install_recorder()?;
    let loaded = load(&Sources::of_process(std::env::args_os().nth(1).map(PathBuf::from)))?;
    let app = App::new(&loaded, &Registry::builtin()).await?;
    let mine = Router::new().route("/metrics", get(async move || figures.render()));
    let listener = TcpListener::bind(loaded.config.server.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(serve(&app, mine, listener).await?)
}

/// Serves both until Ctrl-C, or until the receiver cannot keep its promises any more, which is an error.
pub(crate) async fn serve(app: &App, mine: Router, listener: TcpListener) -> Result<(), AppError> {
    // Before Apple is let in, it must be known what Apple signs with.
    app.ready().await?;
    // From here on, events that are kept are handed to the configured handlers.
    let running = app.work();
    let (router, end) = (mine.nest("/webhooks", app.router()), app.shutdown().clone());
    let asked = async move {
        select! { _ = ctrl_c() => end.begin(), () = end.begun() => {} }
    };
    app.shutdown().spawn(axum::serve(listener, router).with_graceful_shutdown(asked).into_future());
    app.until_end(running).await
}
