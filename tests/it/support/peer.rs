//! A peer on a socket that sends and hears bytes, with no HTTP library to make them right.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long anything here may take before the test fails. Nothing is expected to take nearly as long.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(within(TcpStream::connect(address)).await.unwrap())
    }

    /// Sends bytes.
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends bytes, if the other side still takes them.
    pub(crate) async fn try_to_say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within(self.0.write_all(bytes.as_ref())).await.is_ok()
    }

    /// Says that nothing more will come.
    pub(crate) async fn say_no_more(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Hears until what was heard ends with `end`.
    pub(crate) async fn hear_until(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            let byte = within(self.0.read_u8()).await;
            heard.push(byte.unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&heard))));
        }
        String::from_utf8(heard).unwrap()
    }

    /// Hears so many bytes.
    pub(crate) async fn hear(&mut self, length: usize) {
        within(self.0.read_exact(&mut vec![0; length])).await.unwrap();
    }

    /// Hears until the other side closes the connection.
    pub(crate) async fn hear_all(&mut self) -> String {
        let mut heard = Vec::new();
        let _ = within(self.0.read_to_end(&mut heard)).await;
        String::from_utf8(heard).unwrap()
    }
}

async fn within<T>(action: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, action).await.expect("the other side did nothing")
}
