//! The pictures that testers send: fetched while Apple's address of them lives.
//!
//! The address comes from an answer of the API, over TLS. It leads to some storage of Apple's, so it is fetched by a client of its own,
//! which has no token, follows no redirect and reaches public addresses over `https` only. (With an API on loopback, where the sandbox and
//! tests are, the pictures are on loopback too.)

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use url::Url;

use super::super::Error;
use crate::{
    event::details::PictureFormat,
    http_client::{HttpClient, Method, Outgoing, Reach},
};

/// The most bytes that a picture may have.
pub(super) const LARGEST: usize = 10 * 1024 * 1024;

/// How long fetching one may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// Fetches pictures.
#[derive(Debug)]
pub(super) struct Pictures {
    http: HttpClient,
    scheme: &'static str,
}

/// A picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) format: PictureFormat,
    pub(super) bytes: Bytes,
}

impl Pictures {
    /// Prepares to fetch pictures that the API at `base_url` tells of.
    pub(super) fn new(base_url: &Url, outgoing: &Outgoing) -> Result<Self, Error> {
        let (scheme, reach) = if base_url.scheme() == "http" { ("http", Reach::Private) } else { ("https", Reach::Public) };
        Ok(Self { http: outgoing.client(reach)?, scheme })
    }

    /// The picture at an address; none if it cannot be had, or is no picture.
    pub(super) async fn fetch(&self, url: &str) -> Option<Picture> {
        let url = Url::parse(url).ok().filter(|url| url.scheme() == self.scheme && url.username().is_empty())?;
        let mut response = self.http.request(Method::GET, url).ok()?.timeout(PATIENCE).send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if bytes.len() + chunk.len() > LARGEST {
                return None;
            }
            bytes.extend_from_slice(&chunk);
        }
        Some(Picture { format: PictureFormat::of(&bytes)?, bytes: bytes.freeze() })
    }
}
