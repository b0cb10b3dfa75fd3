//! Apple's error objects, and which stands for what.
//!
//! | status | code | when |
//! |---|---|---|
//! | 400 | `PARAMETER_ERROR.ILLEGAL`, `PARAMETER_ERROR.INVALID` | a query parameter that the call does not have, or a value that it does not take |
//! | 400 | `ENTITY_INVALID` | the body is not JSON |
//! | 401 | `NOT_AUTHORIZED` | the token |
//! | 403 | `FORBIDDEN_ERROR` | the key's role, or an operation that the resource does not have |
//! | 404 | `PATH_ERROR`, `NOT_FOUND` | no such path, no such resource |
//! | 406 | (plain text) | the client takes no JSON |
//! | 409 | `ENTITY_ERROR.…` | the request is a document, but what it asks for cannot be; `source.pointer` says where |
//! | 415 | `UNSUPPORTED_MEDIA_TYPE` | the body is not declared to be JSON |
//! | 409 | `STATE_ERROR` | what it is about is not in a state in which that can be |
//! | 422 | `ENTITY_UNPROCESSABLE` | the body is JSON, but no document; or what it asks for cannot be done to a build |
//! | 429 | `RATE_LIMIT_EXCEEDED` | the hour's requests are spent |
//! | 500 | `UNEXPECTED_ERROR` | on demand only |
//!
//! Programs go by the status and the code
//! ([`ErrorResponse`](https://developer.apple.com/documentation/appstoreconnectapi/errorresponse)); the texts are our own.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::sandbox::token::Flaw;

pub(super) type Answer = Result<Response, Errors>;

/// Why a request is refused: one or more error objects, all of the same status.
#[derive(Debug)]
pub(super) struct Errors(Vec<ApiError>);

/// One error object.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    source: Option<Source>,
}

/// Which part of the request is meant.
#[derive(Debug)]
enum Source {
    Pointer(String),
    Parameter(String),
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), source: None }
    }

    fn at(mut self, pointer: impl Into<String>) -> Self {
        self.source = Some(Source::Pointer(pointer.into()));
        self
    }

    fn parameter(mut self, name: &str) -> Self {
        self.source = Some(Source::Parameter(name.to_owned()));
        self
    }

    /// A query parameter that the call does not have.
    pub(super) fn illegal_parameter(name: &str) -> Self {
        let detail = format!("The call takes no parameter '{name}'");
        Self::new(StatusCode::BAD_REQUEST, "PARAMETER_ERROR.ILLEGAL", "A parameter is not allowed here", detail).parameter(name)
    }

    /// A query parameter with a value that it does not take.
    pub(super) fn invalid_parameter(name: &str, value: &str, expected: &str) -> Self {
        let detail = format!("'{value}' is not a valid value for the parameter '{name}'. Expected {expected}");
        Self::new(StatusCode::BAD_REQUEST, "PARAMETER_ERROR.INVALID", "A parameter has an invalid value", detail).parameter(name)
    }

    pub(super) fn not_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ENTITY_INVALID", "The body is not JSON", detail)
    }

    /// For every flaw the same words: who has no valid token learns nothing about why.
    pub(super) fn not_authorized(_why: Flaw) -> Self {
        let detail = "Give a bearer token that is signed with a key of this account and has not expired";
        Self::new(StatusCode::UNAUTHORIZED, "NOT_AUTHORIZED", "The credentials are missing or invalid", detail)
    }

    pub(super) fn role() -> Self {
        let detail = "The role of the API key does not include this request";
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN_ERROR", "This request is forbidden for security reasons", detail)
    }

    /// An operation that a resource does not have.
    pub(super) fn operation(resource: &str, operation: &str, allowed: &str) -> Self {
        let detail = format!("The resource '{resource}' does not allow '{operation}'. Allowed operations are: {allowed}");
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN_ERROR", "The given operation is not allowed", detail)
    }

    pub(super) fn no_such_path(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "PATH_ERROR", "The path is not valid", format!("There is nothing at '{path}'"))
    }

    pub(super) fn not_found(kind: &str, id: &str) -> Self {
        let detail = format!("There is no resource of type '{kind}' with id '{id}'");
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The resource does not exist", detail)
    }

    pub(super) fn media_type() -> Self {
        let detail = "Send the body as 'application/json'";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "The media type is not supported", detail)
    }

    pub(super) fn not_a_document(pointer: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ENTITY_UNPROCESSABLE", "The body is not a valid request document", detail)
            .at(pointer)
    }

    pub(super) fn attribute_required(name: &str) -> Self {
        let detail = format!("A value for the attribute '{name}' is missing");
        Self::conflict("ENTITY_ERROR.ATTRIBUTE.REQUIRED", detail).at(format!("/data/attributes/{name}"))
    }

    pub(super) fn attribute_unknown(name: &str) -> Self {
        let detail = format!("The resource has no attribute '{name}'");
        Self::conflict("ENTITY_ERROR.ATTRIBUTE.UNKNOWN", detail).at(format!("/data/attributes/{name}"))
    }

    pub(super) fn attribute_type(name: &str, value: &Value, expected: &str) -> Self {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let detail = format!("'{value}' is not a valid value for the attribute '{name}'. Expected {expected}");
        Self::conflict("ENTITY_ERROR.ATTRIBUTE.TYPE", detail).at(format!("/data/attributes/{name}"))
    }

    pub(super) fn relationship_required(name: &str) -> Self {
        let detail = format!("A value for the relationship '{name}' is missing");
        Self::conflict("ENTITY_ERROR.RELATIONSHIP.REQUIRED", detail).at(format!("/data/relationships/{name}"))
    }

    pub(super) fn relationship_invalid(name: &str, detail: impl Into<String>) -> Self {
        Self::conflict("ENTITY_ERROR.RELATIONSHIP.INVALID", detail).at(format!("/data/relationships/{name}"))
    }

    pub(super) fn wrong_id(detail: impl Into<String>) -> Self {
        Self::conflict("ENTITY_ERROR.ID.INVALID", detail).at("/data/id")
    }

    /// Something that is right in itself, but one too many.
    pub(super) fn one_too_many(detail: impl Into<String>) -> Self {
        Self::conflict("STATE_ERROR", detail)
    }

    /// Something that the resource is not in the right state for.
    pub(super) fn wrong_state(detail: impl Into<String>) -> Self {
        Self::conflict("STATE_ERROR", detail)
    }

    /// Something that is understood and cannot be done.
    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        let title = "The request was understood and cannot be fulfilled";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ENTITY_UNPROCESSABLE", title, detail)
    }

    pub(super) fn rate_limit() -> Self {
        let detail = "The requests that this key may make in an hour are spent";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED", "The request limit has been reached", detail)
    }

    pub(super) fn unexpected() -> Self {
        let detail = "Something went wrong on the server's side";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNEXPECTED_ERROR", "An unexpected error occurred", detail)
    }

    fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "The request cannot be fulfilled in the current state of the resource", detail)
    }

    fn json(&self) -> Value {
        let mut object = json!({
            "status": self.status.as_str(),
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
        });
        match &self.source {
            Some(Source::Pointer(pointer)) => object["source"] = json!({ "pointer": pointer }),
            Some(Source::Parameter(parameter)) => object["source"] = json!({ "parameter": parameter }),
            None => {}
        }
        object
    }
}

impl Errors {
    /// Nothing if there are no errors.
    pub(super) fn unless_none(errors: Vec<ApiError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }
}

impl From<ApiError> for Errors {
    fn from(error: ApiError) -> Self {
        Self(vec![error])
    }
}

impl IntoResponse for Errors {
    fn into_response(self) -> Response {
        let status = self.0.first().map_or(StatusCode::INTERNAL_SERVER_ERROR, |error| error.status);
        let errors: Vec<_> = self.0.iter().map(ApiError::json).collect();
        (status, [(header::CONTENT_TYPE, "application/json")], json!({ "errors": errors }).to_string()).into_response()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        Errors::from(self).into_response()
    }
}

/// Apple answers this one in plain text.
pub(super) fn not_acceptable() -> Response {
    (StatusCode::NOT_ACCEPTABLE, "The API answers in application/json only").into_response()
}
