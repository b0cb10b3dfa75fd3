//! What an event is about.

use super::{
    data::{Data, text},
    json::Value,
};

/// The resource that an event is about, from `relationships.instance`.
///
/// Apple writes it in two forms, and both are read: most kinds wrap type and id in `data`; those of background assets do not
/// ([Understanding webhook events](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)). Territory
/// availability, marketplace notifications and pings have no subject at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Subject {
    /// The type of the resource, for example `appStoreVersions`.
    pub kind: String,
    /// The id of the resource. Most are UUIDs, but not all.
    pub id: String,
    /// Where Apple says the resource is. For people to look at: a program builds the address from type and id, so that no token
    /// of ours can be led elsewhere.
    pub link: Option<String>,
}

impl Subject {
    pub(super) fn read(data: &Data<'_>) -> Option<Self> {
        let instance = data.relationship("instance")?;
        let identifier = instance.member("data").unwrap_or(instance);
        Some(Self {
            kind: identifier.member("type").and_then(text)?,
            id: identifier.member("id").and_then(text)?,
            link: link(instance).or_else(|| link(identifier)),
        })
    }
}

fn link(of: Value<'_>) -> Option<String> {
    of.member("links")?.member("self").and_then(text)
}
