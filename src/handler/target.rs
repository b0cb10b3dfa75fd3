//! A URL that the configuration names, and the client that may go there.
//!
//! It may hold a token, so it shows no more of itself than where it leads.

use std::fmt;

use http::Method;
use reqwest::RequestBuilder;
use url::Url;

use super::{HandlerError, SectionError};
use crate::{
    http_client::{HttpClient, Outgoing, Reach},
    secret::Secret,
};

/// Where requests go.
#[derive(Clone)]
pub(super) struct Target {
    url: Url,
    client: HttpClient,
}

impl Target {
    /// Reads the URL that stands at `key`. Without TLS nothing may leave the private network: whoever sees it passing could read it.
    ///
    /// # Errors
    /// When it is none, or leads where no request may go.
    pub(super) fn read(key: &str, url: &Secret, allow_private: bool, outgoing: &Outgoing) -> Result<Self, SectionError> {
        let url: Url = url
            .expose()
            .parse()
            .map_err(|error| SectionError::new(key, format!("found another text ({error}), expected a URL")))?;
        if !url.username().is_empty() || url.password().is_some() {
            let error = SectionError::new(key, "found a user name or a password in it, expected a URL without");
            return Err(error.hint("send it as `headers = { authorization = … }`"));
        }
        let reach = match (url.scheme(), allow_private) {
            ("https", true) => Reach::Everywhere,
            ("https", false) => Reach::Public,
            ("http", true) => Reach::Private,
            ("http", false) => {
                let error = SectionError::new(key, "found `http`, expected `https`");
                return Err(error.hint("within a private network or one machine, set `allow_private = true`"));
            }
            _ => return Err(SectionError::new(key, "found another scheme, expected `https`")),
        };
        let client = outgoing.client(reach).map_err(|error| SectionError::new(key, error.to_string()))?;
        client.judge(&url).map_err(|refused| SectionError::new(key, refused.to_string()))?;
        Ok(Self { url, client })
    }

    /// The URL.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The place of these segments below it.
    pub(super) fn below(mut self, segments: &[&str]) -> Self {
        // What has no segments is no `http` URL, and was refused.
        if let Ok(mut path) = self.url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        self
    }

    /// Begins a request to it.
    ///
    /// # Errors
    /// When that may not be made. The error is one never to try again after.
    pub(super) fn request(&self, method: Method) -> Result<RequestBuilder, HandlerError> {
        self.request_to(method, self.url.clone())
    }

    /// Begins a request to another URL, by the same rules.
    ///
    /// # Errors
    /// When that may not be made. The error is one never to try again after.
    pub(super) fn request_to(&self, method: Method, url: Url) -> Result<RequestBuilder, HandlerError> {
        self.client.request(method, url).map_err(HandlerError::reject)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }
}
