//! A client out of what stands in a configuration, and which key of it is wrong if there can be none.

use std::sync::Arc;

use url::Url;

use super::{Client, Credentials, Settings};
use crate::{clock::Clock, config, http_client::Outgoing, secret::Secret};

/// Why App Store Connect cannot be asked as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {reason}")]
pub struct NotUsable {
    /// The key of its section of the configuration that is wrong.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Client {
    /// Prepares a client as configured. Nothing is asked yet.
    ///
    /// # Errors
    /// Which key of the section is wrong, and what is wrong with it.
    pub fn configured(asc: &config::Asc, outgoing: &Outgoing, clock: Arc<dyn Clock>) -> Result<Self, NotUsable> {
        Self::with_key(&asc.key_id, asc.issuer_id.as_deref(), &asc.private_key, &asc.base_url, outgoing, clock)
    }

    /// Prepares a client with the key of a team, or of one user if there is no issuer. Nothing is asked yet.
    ///
    /// # Errors
    /// Which of these is wrong, by the name that it has in a configuration.
    pub fn with_key(
        key_id: &str,
        issuer_id: Option<&str>,
        private_key: &Secret,
        base_url: &Url,
        outgoing: &Outgoing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NotUsable> {
        let credentials = match issuer_id {
            Some(issuer_id) => Credentials::team(key_id, issuer_id, private_key),
            None => Credentials::individual(key_id, private_key),
        };
        let credentials = credentials.map_err(|error| NotUsable { key: error.key(), reason: error.to_string() })?;
        let client = Self::new(credentials, Settings::new(base_url.clone()), outgoing, clock);
        client.map_err(|error| NotUsable { key: "base_url", reason: error.to_string() })
    }
}
