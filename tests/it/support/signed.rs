//! Requests as Apple makes them, as the bytes that go over the wire.

use asc_webhooks::{
    event::{EventKind, sample},
    secret::Secret,
    signature::sign,
};
use bytes::Bytes;

/// A signed request: `Signed::new(path, secret, body).bytes()`.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    path: String,
    signature: String,
    body: Bytes,
    more: String,
}

impl Signed {
    /// A request that posts `body` to `path`, signed with `secret`.
    pub(crate) fn new(path: &str, secret: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { path: path.to_owned(), signature: sign(&Secret::new(secret), &body).to_string(), body, more: String::new() }
    }

    /// With one more header line.
    pub(crate) fn header(mut self, line: &str) -> Self {
        self.more.push_str(line);
        self.more.push_str("\r\n");
        self
    }

    /// Its head, up to and with the empty line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let Self { path, signature, body, more } = self;
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nx-apple-signature: {signature}\r\n{more}\r\n"
        )
        .into_bytes()
    }

    /// Its body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.head(), self.body()].concat()
    }
}

/// A notification with this id.
pub(crate) fn notification(id: &str) -> Bytes {
    sample::of(&EventKind::BuildUploadStateUpdated).id(id).body()
}
