//! Bytes that strangers made, handed out so that they can do no harm: to be saved, or, if they are a picture, to be shown.
//!
//! What they are is made out from the bytes, never taken from what somebody said of them. Whatever a browser makes of them, it makes in a
//! sandbox that may load nothing and run nothing.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};

use crate::event::details::PictureFormat;

/// What a browser may do with them.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Bytes to be saved under this name.
pub(super) fn saved(bytes: Bytes, media_type: &'static str, name: &str) -> Response {
    let mut response = bounded(bytes, media_type);
    let disposition = if is_plain(name) { format!("attachment; filename=\"{name}\"") } else { "attachment".to_owned() };
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// A picture to be shown; anything else to be saved.
pub(super) fn shown(bytes: Bytes, name: &str) -> Response {
    match PictureFormat::of(&bytes) {
        Some(format) => bounded(bytes, format.media_type()),
        None => saved(bytes, "application/octet-stream", name),
    }
}

fn bounded(bytes: Bytes, media_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// Whether a name can stand in a header, and be a file's, as it is.
fn is_plain(name: &str) -> bool {
    !name.starts_with('.') && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}
