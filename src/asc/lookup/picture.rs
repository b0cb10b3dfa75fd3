//! The pictures that testers send: fetched while Apple's address of them lives.
//!
//! The address comes from an answer of the API, over TLS. It leads to some storage of Apple's, so it is fetched by a client of its own,
//! which has no token, follows no redirect and reaches public addresses over `https` only. (With an API on loopback, where the sandbox and
//! tests are, the pictures are on loopback too.)

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use url::Url;

use super::super::Error;
use crate::http_client::{HttpClient, Method, Outgoing, Reach};

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
    pub(super) media_type: &'static str,
    /// What its file's name ends with.
    pub(super) ending: &'static str,
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
        let (media_type, ending) = format_of(&bytes)?;
        Some(Picture { media_type, ending, bytes: bytes.freeze() })
    }
}

/// What kind of picture it is, by its first bytes: what the server says of it is not asked.
fn format_of(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(("image/png", "png")),
        [0xff, 0xd8, 0xff, ..] => Some(("image/jpeg", "jpg")),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(("image/webp", "webp")),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', b'i' | b'f', b'c' | b'x' | b'1', ..] => {
            Some(("image/heic", "heic"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<&str>) {
        assert_eq!(format_of(bytes).map(|(media_type, _)| media_type), expected);
    }

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        check(b"\x89PNG\r\n\x1a\nrest", Some("image/png"));
        check(b"\xff\xd8\xff\xe0rest", Some("image/jpeg"));
        check(b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp"));
        check(b"\0\0\0\x18ftypheicrest", Some("image/heic"));
        check(b"<html><script>", None);
        check(b"", None);
    }
}
