//! The form of an answer: resources, what they include, links, and pages.
//!
//! A page ends with a cursor that names the last resource on it, not a number of resources to skip. So a list that grows while it is
//! being read is read completely, and nothing is read twice.

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{StatusCode, Uri, header, request};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    error::{ApiError, Errors},
    query::{Parameters, Query},
};

/// The address that was called.
#[derive(Debug)]
pub(super) struct Call {
    base: String,
    uri: Uri,
}

/// Part of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    total: usize,
    limit: usize,
    next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts the page that the query asks for out of a list, whose items come with numbers that only grow.
    pub(super) fn cut(whole: impl Iterator<Item = (u64, T)>, query: &Query) -> Result<Self, Errors> {
        let after = query.cursor.as_deref().map(|cursor| read_cursor(cursor).ok_or(cursor)).transpose();
        let after = after.map_err(|cursor| ApiError::invalid_parameter("cursor", cursor, "a cursor out of a link"))?;
        let (mut total, mut items, mut last, mut more) = (0, Vec::new(), 0, false);
        for (number, item) in whole {
            total += 1;
            if after.is_some_and(|after| number <= after) {
                continue;
            }
            if items.len() == query.limit {
                more = true;
            } else {
                items.push(item);
                last = number;
            }
        }
        Ok(Self { items, total, limit: query.limit, next: more.then(|| write_cursor(last)) })
    }

    /// The same page with each item as something else.
    pub(super) fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), total: self.total, limit: self.limit, next: self.next }
    }
}

impl Call {
    /// The address of something at this place.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) fn query(&self, takes: Parameters) -> Result<Query, Errors> {
        Query::read(self.uri.query(), takes)
    }

    /// Answers with one resource.
    pub(super) fn one(&self, status: StatusCode, resource: &Value, included: Vec<Value>) -> Response {
        let location = resource.pointer("/links/self").and_then(Value::as_str).map(str::to_owned);
        let mut body = json!({ "data": resource, "links": { "self": self.own_address() } });
        if !included.is_empty() {
            body["included"] = included.into();
        }
        match location.filter(|_| status == StatusCode::CREATED) {
            Some(location) => (status, [(header::LOCATION, location)], document(&body)).into_response(),
            None => (status, document(&body)).into_response(),
        }
    }

    /// Answers with a page of resources.
    pub(super) fn many(&self, page: Page<Value>, included: Vec<Value>) -> Response {
        let mut links = json!({ "self": self.own_address() });
        let mut paging = json!({ "total": page.total, "limit": page.limit });
        if let Some(cursor) = page.next {
            links["next"] = self.address_with_cursor(&cursor).into();
            paging["nextCursor"] = cursor.into();
        }
        let mut body = json!({ "data": page.items, "links": links, "meta": { "paging": paging } });
        if !included.is_empty() {
            body["included"] = included.into();
        }
        document(&body).into_response()
    }

    fn own_address(&self) -> String {
        self.address(self.uri.path_and_query().map_or("/", |path| path.as_str()))
    }

    fn address_with_cursor(&self, cursor: &str) -> String {
        let given = form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(given.filter(|(name, _)| name != "cursor"))
            .append_pair("cursor", cursor)
            .finish();
        self.address(&format!("{}?{query}", self.uri.path()))
    }
}

/// Leaves of a resource only the fields that are asked for.
pub(super) fn choose(mut resource: Value, query: &Query) -> Value {
    let Some(fields) = resource["type"].as_str().and_then(|kind| query.fields(kind)) else { return resource };
    for part in ["attributes", "relationships"] {
        if let Some(members) = resource.get_mut(part).and_then(Value::as_object_mut) {
            members.retain(|name, _| fields.contains(name));
        }
    }
    resource
}

/// The linkage of a resource: its type and id.
pub(super) fn linkage(kind: &str, id: &str) -> Value {
    json!({ "type": kind, "id": id })
}

/// An object without the members that are null: Apple leaves out what is not there.
pub(super) fn without_nulls(object: Value) -> Value {
    let Value::Object(members) = object else { return object };
    members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Links lead back to where the client found us, which in a container is not the address that we listen on.
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        Ok(Self { base: format!("http://{host}"), uri: parts.uri.clone() })
    }
}

fn document(body: &Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string())
}

fn write_cursor(last: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{last}"))
}

fn read_cursor(cursor: &str) -> Option<u64> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?.strip_prefix("after:")?.parse().ok()
}
