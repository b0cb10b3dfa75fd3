//! A resource as it stands in an answer, read by name and tolerantly: whatever is absent or of another type than Apple documents is none,
//! because a field that nobody needs must not keep us from all the others.

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::super::document::lenient;
use crate::event::details::Remark;

/// The most bytes of any text that is taken over. What a tester writes may be as long as the tester likes.
pub(super) const LONGEST_TEXT: usize = 32 * 1024;

/// A document about one resource, and what came along with it.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a document with one resource")]
pub(super) struct Answered {
    pub(super) data: Resource,
    #[serde(default, deserialize_with = "lenient")]
    included: Option<Vec<Resource>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a resource")]
pub(super) struct Resource {
    #[serde(rename = "type")]
    kind: String,
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient")]
    attributes: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "lenient")]
    relationships: Option<Map<String, Value>>,
}

impl Answered {
    /// The one resource of this type that came along.
    pub(super) fn included<'a>(&'a self, kind: &'a str) -> Option<&'a Resource> {
        self.all_included(kind).next()
    }

    /// All resources of this type that came along.
    pub(super) fn all_included<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.included.iter().flatten().filter(move |resource| resource.kind == kind)
    }
}

impl Resource {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text(self.attribute(name)?)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.attribute(name).and_then(Value::as_array).into_iter().flatten().filter_map(text).collect()
    }

    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        self.read(name)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.read(name)
    }

    /// An attribute of any type that reads itself.
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.attribute(name)?).ok()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.as_ref()?.get(name)
    }

    /// The id of the resource of this type that a relationship leads to.
    pub(super) fn related(&self, name: &str, kind: &str) -> Option<&str> {
        let to = self.relationships.as_ref()?.get(name)?.get("data")?;
        if to.get("type")?.as_str()? == kind { to.get("id")?.as_str() } else { None }
    }
}

/// The remarks in a list of Apple's `StateDetail`s.
pub(super) fn remarks(list: Option<&Value>) -> Vec<Remark> {
    let remarks = list.and_then(Value::as_array).into_iter().flatten();
    let member = |remark: &Value, name: &str| remark.get(name).and_then(text);
    remarks.map(|remark| Remark { code: member(remark, "code"), description: member(remark, "description") }).collect()
}

fn text(value: &Value) -> Option<String> {
    Some(cut(value.as_str()?, LONGEST_TEXT).to_owned())
}

/// The beginning of a text, of at most so many bytes.
pub(super) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
