//! Tests of a webhook.

use super::{
    data::Data,
    kind::{EventKind, FamilyName},
};

/// Somebody asked Apple to test the webhook: `webhookPingCreated`. It says nothing else, and there is no subject.
///
/// Apple documents how to
/// [ask for a ping](https://developer.apple.com/documentation/appstoreconnectapi/post-v1-webhookpings), but not what one looks like.
/// So a notification of an unknown kind also counts as a ping if its kind starts with `webhookPing` or if its attributes say
/// `"ping": true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {}

impl Ping {
    /// Whether a notification of an unknown kind is a ping.
    pub(super) fn is_told_by(kind: &EventKind, data: &Data<'_>) -> bool {
        kind.family() == FamilyName::Ping || data.flag("ping") == Some(true)
    }
}
