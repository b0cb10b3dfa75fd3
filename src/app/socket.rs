//! The addresses that are listened on: bound all before anybody is let in at one.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use tokio::net::TcpListener;

use super::{AppError, Running};
use crate::{
    server::{self, Limits, Receiver},
    shutdown::Shutdown,
};

/// An address that is listened on, and nobody is let in yet.
pub(super) struct Socket {
    name: &'static str,
    listener: TcpListener,
}

impl Socket {
    pub(super) async fn bind(name: &'static str, address: SocketAddr) -> Result<Self, AppError> {
        let wrong = |source| AppError::Listen { name, address, source };
        let listener = TcpListener::bind(address).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        tracing::info!(listener.name = name, %address, "listening");
        Ok(Self { name, listener })
    }

    /// Lets everybody in, as a part of the program.
    pub(super) fn serve(
        self,
        router: Router,
        limits: Limits,
        told: Option<&Arc<Receiver>>,
        stop: &Shutdown,
        running: &mut Running,
    ) {
        let (told, stop) = (told.cloned(), stop.clone());
        running.start(self.name, async move {
            server::serve(self.listener, router, limits, told, &stop).await;
            Ok(())
        });
    }
}
