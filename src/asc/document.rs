//! The shapes that every answer of Apple's is made of: documents, resources and references after [JSON:API](https://jsonapi.org).
//!
//! Here stands only what is read. Whatever Apple may leave out is an `Option`, and what we could do without is read with [`lenient`]: a
//! field that changes its type must not keep us from an event.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::page::{Listing, Page};

/// A document with one resource.
#[derive(Deserialize)]
#[serde(expecting = "a document with one resource")]
pub(super) struct One<T> {
    pub(super) data: T,
}

/// A document with a page of resources.
#[derive(Deserialize)]
#[serde(expecting = "a document with a list of resources")]
pub(super) struct Many<T> {
    pub(super) data: Vec<T>,
    #[serde(flatten)]
    pub(super) frame: Frame,
}

/// What stands around a page.
#[derive(Deserialize)]
pub(super) struct Frame {
    links: Option<Links>,
    #[serde(default, deserialize_with = "lenient")]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    paging: Paging,
}

#[derive(Deserialize)]
struct Paging {
    total: Option<u64>,
}

impl Frame {
    pub(super) fn around<T>(self, items: Vec<T>) -> Listing<T> {
        let total = self.meta.and_then(|meta| meta.paging.total);
        Listing { page: Page { items, total }, next: self.links.and_then(|links| links.next) }
    }
}

/// A resource with its attributes and relationships.
#[derive(Deserialize)]
#[serde(expecting = "a resource")]
pub(super) struct Resource<A, R = Nothing> {
    pub(super) id: String,
    pub(super) attributes: Option<A>,
    pub(super) relationships: Option<R>,
}

/// Attributes or relationships that are not looked at.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// A relationship to one other resource.
#[derive(Deserialize)]
pub(super) struct ToOne {
    pub(super) data: Option<Linkage>,
}

/// A relationship to several others.
#[derive(Deserialize)]
pub(super) struct ToMany {
    pub(super) data: Option<Vec<Linkage>>,
}

/// The type and the id of a resource, and nothing else of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
pub struct Linkage {
    /// The type of the resource, such as `webhooks`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Reads a value, and takes one of an unexpected type for none.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(T::deserialize(serde_json::Value::deserialize(deserializer)?).ok())
}
