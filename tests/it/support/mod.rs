//! What several tests need: signed requests as bytes, a peer that says exactly what it is told to, a Slack, and Apple's schemas.

pub(crate) mod peer;
pub(crate) mod running;
pub(crate) mod schema;
pub(crate) mod signed;
pub(crate) mod slack;
