//! What a request says in its body: a JSON:API document.
//!
//! Reading one goes in three steps that fail with three statuses: the bytes are JSON (400), the JSON is a document about the right
//! type of resource (422), and what the document says can be (409, every problem at once, each with its pointer).

use axum::extract::{FromRequest, Request, rejection::BytesRejection};
use bytes::Bytes;
use http::header;
use serde_json::{Map, Value};
use url::Url;

use super::error::{ApiError, Errors};

/// A body as it was sent. It is not read before it is known that there is what the request is about.
#[derive(Debug)]
pub(super) struct Sent {
    media_type: String,
    body: Bytes,
}

/// The `data` of a request.
#[derive(Debug)]
pub(super) struct Document {
    id: Option<String>,
    attributes: Map<String, Value>,
    relationships: Map<String, Value>,
}

/// The attributes of a request, and what is wrong with them so far.
#[derive(Debug)]
pub(super) struct Attributes<'d> {
    given: &'d Map<String, Value>,
    known: &'static [&'static str],
    mandatory: bool,
    problems: Vec<ApiError>,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        Ok(Self { media_type, body: Bytes::from_request(request, state).await? })
    }
}

impl Sent {
    /// Reads what is to become a new resource of this type.
    pub(super) fn new_resource(&self, kind: &str) -> Result<Document, Errors> {
        let json = self.json()?;
        let Some(Value::Object(data)) = json.get("data") else {
            return Err(ApiError::not_a_document("/data", "The member 'data' must be an object").into());
        };
        if data.get("type").and_then(Value::as_str) != Some(kind) {
            return Err(ApiError::not_a_document("/data/type", format!("The type must be '{kind}'")).into());
        }
        let members = |name: &str| match data.get(name) {
            None => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members.clone()),
            Some(_) => Err(ApiError::not_a_document(&format!("/data/{name}"), format!("The member '{name}' must be an object"))),
        };
        let id = data.get("id").and_then(Value::as_str).map(str::to_owned);
        Ok(Document { id, attributes: members("attributes")?, relationships: members("relationships")? })
    }

    /// Reads what is to change in the resource of this type that the address names.
    pub(super) fn change(&self, kind: &str, id: &str) -> Result<Document, Errors> {
        let document = self.new_resource(kind)?;
        if document.id.as_deref() == Some(id) {
            return Ok(document);
        }
        Err(ApiError::wrong_id(format!("The id in the document must be '{id}', as in the path")).into())
    }

    /// Reads the ids of resources of this type that a relationship is to lead to as well.
    pub(super) fn linkages(&self, kind: &str) -> Result<Vec<String>, Errors> {
        let json = self.json()?;
        let Some(Value::Array(data)) = json.get("data") else {
            return Err(ApiError::not_a_document("/data", "The member 'data' must be a list").into());
        };
        let mut ids = Vec::new();
        for (index, linkage) in data.iter().enumerate() {
            match (linkage.get("type").and_then(Value::as_str), linkage.get("id").and_then(Value::as_str)) {
                (Some(found), Some(id)) if found == kind => ids.push(id.to_owned()),
                _ => {
                    let detail = format!("Expected the type '{kind}' and an id");
                    return Err(ApiError::not_a_document(&format!("/data/{index}"), detail).into());
                }
            }
        }
        Ok(ids)
    }

    fn json(&self) -> Result<Value, Errors> {
        let essence = self.media_type.split(';').next().unwrap_or_default().trim();
        if !matches!(essence, "application/json" | "application/vnd.api+json") {
            return Err(ApiError::media_type().into());
        }
        Ok(serde_json::from_slice(&self.body).map_err(|error| ApiError::not_json(error.to_string()))?)
    }
}

impl Document {
    /// The attributes, of which a resource of this type has these. In a new resource all are mandatory.
    pub(super) fn attributes(&self, known: &'static [&'static str], mandatory: bool) -> Attributes<'_> {
        let unknown = self.attributes.keys().filter(|name| !known.contains(&name.as_str()));
        let problems = unknown.map(|name| ApiError::attribute_unknown(name)).collect();
        Attributes { given: &self.attributes, known, mandatory, problems }
    }

    /// The id of the one resource of this type that a relationship names.
    pub(super) fn related(&self, name: &str, kind: &str) -> Result<&str, ApiError> {
        let data = self.relationships.get(name).and_then(|relationship| relationship.get("data"));
        let data = data.filter(|data| !data.is_null()).ok_or_else(|| ApiError::relationship_required(name))?;
        match (data.get("type").and_then(Value::as_str), data.get("id").and_then(Value::as_str)) {
            (Some(found), Some(id)) if found == kind => Ok(id),
            _ => Err(ApiError::relationship_invalid(name, format!("Expected the type '{kind}' and an id"))),
        }
    }
}

impl Attributes<'_> {
    /// A text with at least one character.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, "a text", |value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// A truth value.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.take(name, "true or false", Value::as_bool)
    }

    /// An address that a webhook can have.
    pub(super) fn address(&mut self, name: &'static str) -> Option<String> {
        self.take(name, "an http or https address", |value| {
            let url = Url::parse(value.as_str()?).ok()?;
            (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| value.as_str().map(str::to_owned))?
        })
    }

    /// A list in which each text is read by itself.
    pub(super) fn list<T>(&mut self, name: &'static str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        let values = self.take(name, "a list", |value| value.as_array().cloned())?;
        let mut items = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            match value.as_str().and_then(&read) {
                Some(item) => items.push(item),
                None => self.problems.push(ApiError::attribute_type(&format!("{name}/{index}"), value, expected)),
            }
        }
        (items.len() == values.len()).then_some(items)
    }

    /// Whatever else is wrong with the request comes along with what is wrong with the attributes.
    pub(super) fn also<T>(&mut self, result: Result<T, ApiError>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// Ends the reading: an error if there was any problem.
    pub(super) fn done(self) -> Result<(), Errors> {
        Errors::unless_none(self.problems)
    }

    fn take<T>(&mut self, name: &'static str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        debug_assert!(self.known.contains(&name), "`{name}` is read but not known");
        match self.given.get(name) {
            None | Some(Value::Null) => {
                if self.mandatory {
                    self.problems.push(ApiError::attribute_required(name));
                }
                None
            }
            Some(value) => {
                let read = read(value);
                if read.is_none() {
                    self.problems.push(ApiError::attribute_type(name, value, expected));
                }
                read
            }
        }
    }
}
