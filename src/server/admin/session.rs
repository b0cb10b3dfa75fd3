//! Logging in with a token, and being known by a cookie from then on.
//!
//! The cookie holds a role, a time, and their HMAC under a token of that role. So nothing is kept about who is logged in, a restart logs
//! nobody out, and a token that is changed ends every login that was made with it.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use sha2::Sha256;

use super::{
    Desk,
    access::{Role, Token},
    answer::Problem,
    ask::{Fields, fields_of},
    audit, page,
};

const COOKIE: &str = "asc_webhooks_session";

/// How long a wrong token is thought about, so that nobody tries many, or fills the log with them.
pub(super) const HESITATION: Duration = Duration::from_millis(500);

/// How long a login lasts: a working day.
const SECONDS: i64 = 12 * 60 * 60;

/// The form.
pub(super) async fn form(State(desk): State<Arc<Desk>>) -> Result<Response, Problem> {
    page::login(&desk, StatusCode::OK, "/", None)
}

/// Takes the token in exchange for a cookie.
pub(super) async fn log_in(State(desk): State<Arc<Desk>>, request: Request) -> Result<Response, Problem> {
    let peer = audit::peer_of(&request);
    let is_secure = is_secure(&desk, request.headers());
    let fields = fields_of(request).await?;
    let next = own_path(&fields);
    let given = fields.one("token").unwrap_or_default();
    let Some(token) = desk.access.token(given.trim().as_bytes()) else {
        tracing::warn!(target: audit::TARGET, { peer.address = peer }, "a login with a wrong token was refused");
        tokio::time::sleep(HESITATION).await;
        return page::login(&desk, StatusCode::UNAUTHORIZED, &next, Some("That is not a token of this server."));
    };
    let role = token.role.as_str();
    tracing::info!(
        target: audit::TARGET,
        { peer.address = peer, who.role = role, who.label = token.label.as_deref() },
        "logged in"
    );
    let until = desk.clock.now().as_second().saturating_add(SECONDS);
    Ok(with_cookie(&written(token, until), SECONDS, is_secure, &next))
}

/// Takes the cookie back.
pub(super) async fn log_out(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    with_cookie("", 0, is_secure(&desk, request.headers()), "/login")
}

/// The token that whoever sends this has logged in with.
pub(super) fn token<'d>(desk: &'d Desk, headers: &HeaderMap) -> Option<&'d Token> {
    let mut cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let value = cookies.find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    let role = [Role::Operator, Role::Reader].into_iter().find(|role| value.starts_with(role.as_str()))?;
    let until: i64 = value.split('.').nth(1)?.parse().ok()?;
    let is_over = Timestamp::from_second(until).ok()? <= desk.clock.now();
    let is_of = |token: &&Token| bool::from(subtle::ConstantTimeEq::ct_eq(written(token, until).as_bytes(), value.as_bytes()));
    desk.access.tokens_of(role).find(is_of).filter(|_| !is_over)
}

fn written(token: &Token, until: i64) -> String {
    let content = format!("{}.{until}", token.role.as_str());
    // A key of any length makes an HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.secret.expose().as_bytes()) else { return String::new() };
    mac.update(b"asc-webhooks session ");
    mac.update(content.as_bytes());
    format!("{content}.{}", hex::encode(mac.finalize().into_bytes()))
}

fn with_cookie(value: &str, seconds: i64, is_secure: bool, next: &str) -> Response {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut response = Redirect::to(next).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether the browser came over TLS: it says so itself, since the proxy's word need not be true.
fn is_secure(desk: &Desk, headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).map_or(desk.access.behind_proxy, |origin| origin.as_bytes().starts_with(b"https://"))
}

/// Where to go after the login: nowhere but here.
fn own_path(fields: &Fields) -> String {
    let next = fields.one("next").unwrap_or("/");
    let is_own =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(|letter: char| letter == '\\' || letter.is_control());
    if is_own { next.to_owned() } else { "/".to_owned() }
}
