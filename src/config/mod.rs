//! The configuration, settled: a [`Config`] is valid by construction.
//!
//! Raw values (the built-in `config/default.toml`, the file, the environment, flags) are laid over one another in `layers`; each
//! section settles its own part and says all that is wrong with it at once. What comes out needs no checking any more. Only
//! [`load`] does I/O; what handlers make of their own keys, and of `when`, is for the registry and the routes to say, together with the
//! rest and in the same words: [`draft`] lets them.

mod absent;
mod admin;
mod asc;
mod draft;
mod endpoint;
mod error;
mod handler;
mod layers;
mod load;
mod messages;
mod outgoing;
mod recovery;
mod registration;
mod secret_source;
mod section;
mod server;
mod setting;
mod store;
mod telemetry;

pub(crate) use self::absent::Absent;
pub use self::{
    admin::{Admin, AdminToken},
    asc::Asc,
    draft::{Draft, Loaded},
    endpoint::{Endpoint, EndpointKind, EndpointSecret},
    error::{Origin, Problem, Problems},
    handler::{Enrich, Handler, Order, Outline, RetrySchedule},
    layers::Origins,
    load::{DEFAULTS, Flag, Sources, draft, listen, load},
    messages::Messages,
    outgoing::Outgoing,
    recovery::Recovery,
    registration::Registration,
    server::Server,
    store::{Store, StoreUrl},
    telemetry::{LogFormat, Telemetry},
};

use url::Url;

/// Everything the program is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public listener and its limits.
    pub server: Server,
    /// The receiving paths; at least one.
    pub endpoints: Vec<Endpoint>,
    /// Where receipts are kept.
    pub store: Store,
    /// The key that App Store Connect is asked with; without it, it is not asked.
    pub asc: Option<Asc>,
    /// Fetching back what was missed.
    pub recovery: Recovery,
    /// What our webhooks are called at Apple.
    pub registration: Registration,
    /// The operator's listener.
    pub admin: Admin,
    /// Logs.
    pub telemetry: Telemetry,
    /// Requests that handlers make.
    pub outgoing: Outgoing,
    /// How times are written where people read them.
    pub messages: Messages,
    /// The configured handlers.
    pub handlers: Vec<Handler>,
}

impl Config {
    /// The address that Apple is given for an endpoint, if the public address of this server is known.
    pub fn url_of(&self, endpoint: &Endpoint) -> Option<Url> {
        let mut url = self.server.public_url.clone()?;
        let path = format!("{}{}", url.path().trim_end_matches('/'), endpoint.path);
        url.set_path(&path);
        Some(url)
    }

    /// The name that the webhook of an endpoint is to have at Apple.
    pub fn webhook_name_of(&self, endpoint: &Endpoint) -> String {
        format!("{}{}", self.registration.name_prefix, endpoint.name)
    }

    /// The keys that `new` says otherwise and that are only read when the program starts.
    pub fn waiting_for_restart(&self, new: &Self) -> Vec<&'static str> {
        let texts = |tokens: &[AdminToken]| {
            let text = |token: &AdminToken| (token.secret.expose().to_owned(), token.label.clone());
            tokens.iter().map(text).collect::<Vec<_>>()
        };
        let key = |config: &Self| config.store.secrets_key.as_ref().map(|key| key.expose().to_owned());
        let asc = |config: &Self| {
            let asc = config.asc.clone()?;
            Some((asc.key_id, asc.issuer_id, asc.private_key.expose().to_owned(), asc.base_url, asc.patience, asc.tester_email))
        };
        let differs = [
            ("server.listen", self.server.listen != new.server.listen),
            ("server.max_body", self.server.max_body != new.server.max_body),
            ("server.head_timeout", self.server.head_timeout != new.server.head_timeout),
            ("server.body_timeout", self.server.body_timeout != new.server.body_timeout),
            ("server.idle_timeout", self.server.idle_timeout != new.server.idle_timeout),
            ("server.max_connections", self.server.max_connections != new.server.max_connections),
            ("server.max_in_flight", self.server.max_in_flight != new.server.max_in_flight),
            ("server.shutdown_grace", self.server.shutdown_grace != new.server.shutdown_grace),
            ("server.public_url", self.server.public_url != new.server.public_url),
            ("store.url", self.store.url != new.store.url),
            ("store.retention", self.store.retention != new.store.retention),
            ("store.reserve", self.store.reserve != new.store.reserve),
            ("store.secrets_key", key(self) != key(new)),
            ("asc", asc(self) != asc(new)),
            // Handlers have the new file at once; whoever asks App Store Connect was made at the start.
            ("outgoing.ca_file", self.asc.is_some() && self.outgoing.ca_file != new.outgoing.ca_file),
            ("admin.listen", self.admin.listen != new.admin.listen),
            ("admin.token", texts(&self.admin.tokens) != texts(&new.admin.tokens)),
            ("admin.read_token", texts(&self.admin.read_tokens) != texts(&new.admin.read_tokens)),
            ("admin.hosts", self.admin.hosts != new.admin.hosts),
            ("admin.behind_proxy", self.admin.behind_proxy != new.admin.behind_proxy),
            ("telemetry.log", self.telemetry.log != new.telemetry.log),
            ("telemetry.format", self.telemetry.format != new.telemetry.format),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// What runs after `new` was loaded again: all of it but the sections that are only read when the program starts.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> Self {
        let (server, store, asc) = (self.server.clone(), self.store.clone(), self.asc.clone());
        let (admin, telemetry, outgoing) = (self.admin.clone(), self.telemetry.clone(), self.outgoing.clone());
        Self { server, store, asc, admin, telemetry, outgoing, ..new.clone() }
    }
}

#[cfg(test)]
mod environment;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
