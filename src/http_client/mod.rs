//! The one builder of outgoing HTTP clients, and of the few connections that speak something else ([`Outgoing::connect`]).
//!
//! Every request that the program makes starts at an [`HttpClient`], so what a request may do is decided here and nowhere else:
//! certificates are checked against roots that travel with the binary, redirects are not followed, proxies of the environment are not
//! used, nothing is remembered between requests, and nothing lasts for ever.
//!
//! The idea of the address rules: what counts is the address that is connected to, not the name or the spelling in the URL. So names
//! are judged where they become addresses, in the resolver that the connection itself uses, and a name that changes its mind between
//! a check and a connection gains nothing; there is no check before. An address that stands in the URL itself is judged once the URL
//! parser has settled its spelling. The invariant: no connection is opened to an address that [`Reach`] does not admit.

mod address;
mod names;
mod unanswered;
mod wire;

use std::{sync::Arc, time::Duration};

use reqwest::redirect;
pub use reqwest::{Body, Method, RequestBuilder, Response};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use url::Host;
pub use url::Url;

use self::names::{Judged, Names, SystemNames};
pub use self::{
    address::{Reach, Refused},
    unanswered::Unanswered,
};

/// What the program calls itself in its requests.
pub const USER_AGENT: &str = concat!("asc-webhooks/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to open, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take at the very most, should its caller have set no limit.
const LONGEST: Duration = Duration::from_mins(15);

/// How long an unused connection is kept open for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// What all outgoing clients have in common: whom they trust, and how names become addresses.
#[derive(Clone, Debug)]
pub struct Outgoing {
    tls: ClientConfig,
    names: Arc<dyn Names>,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutgoingError {
    /// The further certificates are not PEM.
    #[error("found further certificates that cannot be read: {0}, expected PEM")]
    Pem(rustls::pki_types::pem::Error),
    /// There is no certificate in what was given.
    #[error("found no certificate among the further ones, expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// TLS cannot be set up with the certificates.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The client cannot be built.
    #[error("cannot build an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl Outgoing {
    /// Clients that trust the public roots and, besides, the certificates in `further_roots`: PEM text, or none.
    ///
    /// # Errors
    /// When `further_roots` is given and holds no certificate, or one that is none.
    pub fn new(further_roots: Option<&[u8]>) -> Result<Self, OutgoingError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = further_roots {
            let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(OutgoingError::Pem)?;
            if certificates.is_empty() {
                return Err(OutgoingError::NoCertificate);
            }
            for certificate in certificates {
                roots.add(certificate)?;
            }
        }
        // The provider is handed over here rather than installed for the process, which may be somebody else's program.
        let mut tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls, names: Arc::new(SystemNames::default()) })
    }

    /// Makes a client that connects only to the addresses that `reach` admits.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn client(&self, reach: Reach) -> Result<HttpClient, OutgoingError> {
        #[expect(clippy::disallowed_methods, reason = "the one place that builds clients")]
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Judged::new(Arc::clone(&self.names), reach))
            .user_agent(USER_AGENT)
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(LONGEST)
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(HttpClient { client, reach })
    }
}

/// A client that keeps to the address rules.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    reach: Reach,
}

impl HttpClient {
    /// Begins a request. Set a `timeout` on it that suits the occasion.
    ///
    /// # Errors
    /// When the URL names an address that this client must not connect to.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Refused> {
        self.judge(&url)?;
        Ok(self.client.request(method, url))
    }

    /// Says whether this client would refuse the URL for the address that stands in it. Names are judged when they are resolved.
    ///
    /// # Errors
    /// When it would.
    pub fn judge(&self, url: &Url) -> Result<(), Refused> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.reach.judge(address.into()),
            Some(Host::Ipv6(address)) => self.reach.judge(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
