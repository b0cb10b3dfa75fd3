//! Says what a person changed: a line in the log, with a target of its own, for each change.
//!
//! The lines are written whatever filter is configured (see [`telemetry::init`](crate::telemetry::init)), so that nobody can switch
//! them off by asking for less.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};

use super::access::Who;

/// The target of the lines.
pub(super) use crate::telemetry::AUDIT as TARGET;

/// Who asks for a change, and from where.
#[derive(Clone, Debug)]
pub(super) struct Author {
    who: Option<Who>,
    peer: Option<String>,
}

impl Author {
    pub(super) fn of(request: &Request) -> Self {
        Self { who: request.extensions().get::<Option<Who>>().cloned().flatten(), peer: peer_of(request) }
    }

    /// Writes down what was done to what.
    pub(super) fn did(&self, what: &str, to: impl std::fmt::Display, count: u64, reason: Option<&str>) {
        let who = self.who.as_ref();
        let by = who.map(|who| if who.bears_token { "token" } else { "login" });
        tracing::info!(
            target: TARGET,
            {
                who.role = who.map(|who| who.role.as_str()),
                who.label = who.and_then(|who| who.label.as_deref()),
                who.by = by,
                peer.address = self.peer,
                change.what = what,
                change.to = %to,
                change.count = count,
                change.reason = reason
            },
            "an operator changed something"
        );
    }
}

/// The address that a request comes from.
pub(super) fn peer_of(request: &Request) -> Option<String> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.to_string())
}
