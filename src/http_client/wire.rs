//! Connections for what is not HTTP, under the same rules: the same names, the same addresses, the same certificates.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Host;

use super::{CONNECT_TIMEOUT, Outgoing, Reach, names, unanswered::tls_words};

impl Outgoing {
    /// Opens a connection to a port of a host.
    ///
    /// # Errors
    /// When the host has no address that `reach` admits, or nobody answers there.
    pub async fn connect(&self, host: &str, port: u16, reach: Reach) -> io::Result<TcpStream> {
        let refused = |error: Box<dyn std::error::Error + Send + Sync>| io::Error::new(io::ErrorKind::PermissionDenied, error);
        let address =
            |address| reach.judge(address).map(|()| SocketAddr::new(address, port)).map_err(|error| refused(error.into()));
        let addresses = match Host::parse(host).map_err(|error| refused(error.into()))? {
            Host::Ipv4(v4) => vec![address(v4.into())?],
            Host::Ipv6(v6) => vec![address(v6.into())?],
            Host::Domain(name) => {
                let admitted = names::admitted(&*self.names, reach, &name).await.map_err(io::Error::other)?;
                admitted.into_iter().map(|address| SocketAddr::new(address, port)).collect()
            }
        };
        let connection = timeout(CONNECT_TIMEOUT, TcpStream::connect(&*addresses)).await;
        connection.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "nobody answers there")))
    }

    /// Wraps a connection to a host in TLS.
    ///
    /// # Errors
    /// When the host cannot prove that it is the one of this name.
    pub async fn secure<S: AsyncRead + AsyncWrite + Unpin>(&self, connection: S, host: &str) -> io::Result<TlsStream<S>> {
        let mut tls = self.tls.clone();
        tls.alpn_protocols.clear();
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::new(tls)).connect(name, connection).await.map_err(in_words)
    }
}

/// The same with what can be done about it, if that is known.
fn in_words(error: io::Error) -> io::Error {
    match tls_words(&error) {
        Some(words) => io::Error::new(error.kind(), words),
        None => error,
    }
}
