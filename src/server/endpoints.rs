//! The receiving paths, looked up by a request's path.
//!
//! A table is never changed: a reload makes another and puts it in its place.

use std::{collections::HashMap, fmt, sync::Arc};

use metrics::Counter;

use super::{
    error::Refused,
    refusals::{Record, Refusals},
};
use crate::{
    config::{self, EndpointKind},
    signature::{Refusal, Secrets, SigningKey},
    telemetry::metrics as figures,
    unsigned::{Token, Tokens},
};

/// Every endpoint, by the path that is configured.
#[derive(Debug)]
pub(super) struct Endpoints(HashMap<String, Arc<Endpoint>>);

impl Endpoints {
    pub(super) fn new(endpoints: &[config::Endpoint], refusals: &Refusals) -> Self {
        let endpoint = |endpoint: &config::Endpoint| (endpoint.path.clone(), Arc::new(Endpoint::new(endpoint, refusals)));
        Self(endpoints.iter().map(endpoint).collect())
    }

    /// The endpoint that a request to this path is for, and the token that the path ends with, if that is how it is to be proven.
    pub(super) fn at<'p>(&self, path: &'p str) -> Option<(Arc<Endpoint>, &'p str)> {
        let by_signature = |endpoint: &&Arc<Endpoint>| matches!(endpoint.guard, Guard::Secrets(_));
        if let Some(endpoint) = self.0.get(path).filter(by_signature) {
            return Some((Arc::clone(endpoint), ""));
        }
        let (path, token) = path.rsplit_once('/')?;
        let endpoint = self.0.get(path).filter(|endpoint| !by_signature(endpoint))?;
        Some((Arc::clone(endpoint), token))
    }
}

/// Who keeps the door of an endpoint.
#[derive(Debug)]
pub(super) enum Guard {
    /// What comes in is signed with one of these.
    Secrets(Arc<Secrets>),
    /// Nobody signs what comes in, and whoever brings it knows one of these.
    Tokens(Tokens),
}

/// One receiving path.
pub(super) struct Endpoint {
    pub(super) name: Arc<str>,
    pub(super) guard: Guard,
    pub(super) refusals: Arc<Record>,
    // Looking a counter up takes longer than verifying a signature, so those that an attacker can make us use are at hand.
    taken: Counter,
    unauthorized: Counter,
    forged: [(Refusal, Counter); 4],
}

impl Endpoint {
    fn new(endpoint: &config::Endpoint, refusals: &Refusals) -> Self {
        let name = &endpoint.name;
        let key = |secret: &config::EndpointSecret| SigningKey::new(&secret.secret, &*secret.label).until(secret.not_after);
        let guard = match endpoint.kind {
            EndpointKind::XcodeCloud => {
                let token = |token: &config::EndpointSecret| Token::new(&token.secret, &*token.label).until(token.not_after);
                Guard::Tokens(Tokens::new(endpoint.tokens.iter().map(token)))
            }
            _ => Guard::Secrets(Arc::new(Secrets::new(endpoint.secrets.iter().map(key)))),
        };
        // A count that begins with the first one turned away would not be seen to rise by it.
        figures::requests(name, "503").increment(0);
        let forged = [Refusal::Absent, Refusal::Repeated, Refusal::Malformed, Refusal::Wrong];
        Self {
            name: Arc::clone(name),
            guard,
            refusals: refusals.of(name),
            taken: figures::requests(name, "200"),
            unauthorized: figures::requests(name, "401"),
            forged: forged.map(|refusal| (refusal, figures::refused(name, refusal.as_str()))),
        }
    }

    /// Counts a request that was answered with 200.
    pub(super) fn count_taken(&self) {
        self.taken.increment(1);
    }

    /// Counts a request that was refused.
    pub(super) fn count_refused(&self, refused: &Refused) {
        if let Refused::NotAuthentic(refusal) = refused
            && let Some((_, counter)) = self.forged.iter().find(|(known, _)| known == refusal)
        {
            self.unauthorized.increment(1);
            counter.increment(1);
        } else {
            count_refused(&self.name, refused);
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// Counts a request that was refused; `endpoint` is `none` if it was to none of ours.
pub(super) fn count_refused(endpoint: &str, refused: &Refused) {
    if let Some(status) = refused.status_label() {
        figures::requests(endpoint, status).increment(1);
    }
    figures::refused(endpoint, refused.reason()).increment(1);
}
