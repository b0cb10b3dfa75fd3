//! Why a request got no answer, in words for whoever has to mend it.
//!
//! What the libraries below say is exact, and stacked: each says that something failed, and the last says what. Here the first word tells
//! how far the request got, the last one why it got no further, and what can be set up differently is named. URLs are left out of it, for
//! they may hold tokens.

use std::{error::Error, io};

use rustls::CertificateError;

use super::CONNECT_TIMEOUT;

/// A request that got no answer, or not all of one.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Unanswered {
    words: String,
    is_connect: bool,
}

impl Unanswered {
    /// Whether there was no connection, so that nothing of the request was sent.
    pub fn is_connect(&self) -> bool {
        self.is_connect
    }
}

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let is_connect = error.is_connect();
        let words = match (is_connect, error.is_timeout()) {
            (true, true) => format!("cannot connect: nobody answered within {CONNECT_TIMEOUT:?}, or not with TLS"),
            (true, false) => format!("cannot connect: {}", cause_of(&error)),
            (false, true) => "the answer did not come in time".to_owned(),
            (false, false) if error.is_body() || error.is_decode() => format!("the answer broke off: {}", cause_of(&error)),
            (false, false) => format!("no answer: {}", cause_of(&error)),
        };
        Self { words, is_connect }
    }
}

/// The last of the causes, or what is wrong with TLS.
fn cause_of(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let tls = causes.clone().find_map(|cause| tls_words(cause.downcast_ref()?));
    tls.or_else(|| causes.last().map(ToString::to_string)).unwrap_or_default()
}

/// What is wrong with TLS, if it is something that can be set up differently.
pub(super) fn tls_words(error: &io::Error) -> Option<String> {
    let mut inner = error.get_ref()?;
    // Whoever passes such an error on wraps it once more, and what is wrapped is no cause of the wrapping.
    while let Some(wrapped) = inner.downcast_ref::<io::Error>() {
        inner = wrapped.get_ref()?;
    }
    let words = match inner.downcast_ref()? {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate there is from an authority that is not trusted; if it is your own, name its certificate as `outgoing.ca_file`"
        }
        // Of this one there is only the name, in a library that is not ours to name.
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the certificate there is an authority's own (`CA:TRUE`), which proves no server; have the authority issue one for the server, \
             and name the authority's as `outgoing.ca_file`"
        }
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS",
        _ => return None,
    };
    Some(words.to_owned())
}
