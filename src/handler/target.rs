//! A URL that the configuration names, and which addresses it may lead to.
//!
//! It may hold a token, so it shows no more of itself than where it leads.

use std::fmt;

use url::Url;

use super::SectionError;
use crate::{
    http_client::{HttpClient, Outgoing, Reach},
    secret::Secret,
};

/// Where requests go.
#[derive(Clone)]
pub(super) struct Target {
    key: &'static str,
    url: Url,
    reach: Reach,
}

impl Target {
    /// Reads the URL that stands at `key`. Without TLS nothing may leave the private network: whoever sees it passing could read it.
    pub(super) fn read(key: &'static str, url: &Secret, allow_private: bool) -> Result<Self, SectionError> {
        let url: Url = url.expose().parse().map_err(|error| SectionError::new(key, format!("expected a URL, {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            let error = SectionError::new(key, "there is a user name or password in it");
            return Err(error.hint("send it as `headers = { authorization = … }`"));
        }
        let reach = match (url.scheme(), allow_private) {
            ("https", true) => Reach::Everywhere,
            ("https", false) => Reach::Public,
            ("http", true) => Reach::Private,
            ("http", false) => {
                let error = SectionError::new(key, "expected `https`, found `http`");
                return Err(error.hint("within a private network or one machine, set `allow_private = true`"));
            }
            _ => return Err(SectionError::new(key, "expected `https`, found another scheme")),
        };
        Ok(Self { key, url, reach })
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

    /// A client that can go there.
    pub(super) fn client(&self, outgoing: &Outgoing) -> Result<HttpClient, SectionError> {
        let client = outgoing.client(self.reach).map_err(|error| SectionError::new(self.key, error.to_string()))?;
        client.judge(&self.url).map_err(|refused| SectionError::new(self.key, refused.to_string()))?;
        Ok(client)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }
}
