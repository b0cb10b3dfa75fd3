//! Who may do what on the operator's listener.
//!
//! A request passes, in this order, or is refused: it names a host that is ours (421: the page of a stranger whose name has been made to
//! lead here is not); a token that it bears is one of ours (401, after the time that a wrong login takes); a change comes from our own page or bears a token (403: browsers send cookies along with what other sites ask
//! for); and whoever sends it is known (401) and may do it (403).
//!
//! **Invariant:** every route but those for health and the way to log in passes [`guard`], with what it needs written beside it.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{
    Desk,
    answer::{self, Problem},
    audit, page, session,
};
use crate::{config, secret::Secret};

/// What a person or a machine may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// See everything.
    Reader,
    /// See and change everything.
    Operator,
}

impl Role {
    /// The role as one word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
        }
    }
}

/// Who sends a request, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) role: Role,
    /// What the configuration calls whoever bears this token.
    pub(super) label: Option<Arc<str>>,
    /// With a token in the request itself, which no other site can make a browser do; else with a cookie.
    pub(super) bears_token: bool,
}

/// What a route asks of who sends a request to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// To be somebody, if there is a configured token at all: for figures, which machines fetch.
    TokenIfConfigured,
    /// To be somebody.
    Role(Role),
}

/// In what form a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// HTML, for people.
    Page,
    /// JSON, for programs.
    Api,
}

/// A token that lets somebody in.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) role: Role,
    pub(super) label: Option<Arc<str>>,
    pub(super) secret: Secret,
}

/// The tokens, and the names that are ours.
#[derive(Debug)]
pub struct Access {
    /// Those of operators first.
    tokens: Vec<Token>,
    is_configured: bool,
    hosts: Vec<String>,
    listen: Option<IpAddr>,
    pub(super) behind_proxy: bool,
}

impl Access {
    /// As configured. Where no token is, a new one is made; if that cannot be, nobody gets in.
    pub fn new(config: &config::Admin) -> Self {
        let configured = |role: Role, tokens: &[config::AdminToken]| -> Vec<Token> {
            let token = |token: &config::AdminToken| (token.label.as_deref().map(Arc::from), token.secret.clone());
            tokens.iter().map(token).map(|(label, secret)| Token { role, label, secret }).collect()
        };
        let mut tokens = configured(Role::Operator, &config.tokens);
        let is_configured = !tokens.is_empty();
        if !is_configured {
            tokens.extend(Secret::generate().ok().map(|secret| Token { role: Role::Operator, label: None, secret }));
        }
        tokens.extend(configured(Role::Reader, &config.read_tokens));
        Self {
            tokens,
            is_configured,
            hosts: config.hosts.clone(),
            listen: config.listen.map(|address| address.ip()),
            behind_proxy: config.behind_proxy,
        }
    }

    /// The token that was made because none is configured.
    pub fn made_token(&self) -> Option<&Secret> {
        let token = self.tokens_of(Role::Operator).next().filter(|_| !self.is_configured);
        token.map(|token| &token.secret)
    }

    /// The tokens of a role.
    pub(super) fn tokens_of(&self, role: Role) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(move |token| token.role == role)
    }

    /// The token with this text.
    pub(super) fn token(&self, text: &[u8]) -> Option<&Token> {
        // Digests have one length, so not even a token's length shows in the time this takes.
        let given = Sha256::digest(text);
        self.tokens.iter().find(|token| bool::from(given.ct_eq(&Sha256::digest(token.secret.expose()))))
    }

    /// Whether a request is for us: an address cannot be made to lead elsewhere, a name can.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        if name == "localhost" || self.hosts.contains(&name) {
            return true;
        }
        let Ok(address) = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else { return false };
        address.is_loopback() || self.listen.is_some_and(|listen| listen == address || listen.is_unspecified())
    }
}

impl Token {
    fn bearer(&self, bears_token: bool) -> Who {
        Who { role: self.role, label: self.label.clone(), bears_token }
    }
}

/// What stands before a route.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) desk: Arc<Desk>,
    pub(super) need: Need,
    pub(super) face: Face,
}

/// Lets a request pass to its route, or says why not. The route finds who it is as an extension.
pub(super) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Gate { desk, need, face } = gate;
    // Whoever logs in goes on to where they were; a change is not made twice.
    let path = if request.method() == Method::GET { request.uri().clone() } else { Uri::from_static("/") };
    let answer = match admit(&desk, need, &request) {
        Ok(who) => {
            request.extensions_mut().insert(who);
            answer::in_words(next.run(request).await)
        }
        Err(problem) => {
            if problem.status == StatusCode::UNAUTHORIZED && request.headers().contains_key(header::AUTHORIZATION) {
                tokio::time::sleep(session::HESITATION).await;
            }
            problem.into_response()
        }
    };
    if face == Face::Page { page::dress(&desk, answer, &path) } else { answer }
}

fn admit(desk: &Desk, need: Need, request: &Request) -> Result<Option<Who>, Problem> {
    let (access, headers) = (&desk.access, request.headers());
    let host = host_of(request.uri(), headers).filter(|host| access.knows(host));
    let Some(host) = host else {
        let detail = "this host name is not in `admin.hosts`; the address and `localhost` always are";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    };
    let who = who(desk, headers);
    if who.is_none() && headers.contains_key(header::AUTHORIZATION) {
        desk.refusals.note_wrong_bearer(audit::peer_of(request).as_deref());
        // With such a header a cookie counts for nothing, so nobody else's word is needed to refuse it.
        if matches!(need, Need::Role(_)) {
            return Err(unknown(headers));
        }
    }
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    if is_change && !who.as_ref().is_some_and(|who| who.bears_token) && !is_of_own_page(headers, host) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a change must come from the page itself, or bear a token"));
    }
    match (need, who) {
        (Need::Nothing, who) => Ok(who),
        (Need::TokenIfConfigured, who) if !access.is_configured => Ok(who),
        (Need::Role(role), Some(who)) if who.role < role => {
            Err(Problem::new(StatusCode::FORBIDDEN, "this token may look at everything and change nothing"))
        }
        (_, Some(who)) => Ok(Some(who)),
        (_, None) => Err(unknown(headers)),
    }
}

fn unknown(headers: &HeaderMap) -> Problem {
    let detail = match headers.get(header::AUTHORIZATION) {
        Some(_) => "this token is not known; a request bears one as `Authorization: Bearer …`",
        None => "a token is needed: `Authorization: Bearer …`",
    };
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

fn who(desk: &Desk, headers: &HeaderMap) -> Option<Who> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => {
            let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
            let token = desk.access.token(token).filter(|_| scheme.eq_ignore_ascii_case(b"Bearer "))?;
            Some(token.bearer(true))
        }
        (Some(_), Some(_)) => None,
        (None, _) => session::token(desk, headers).map(|token| token.bearer(false)),
    }
}

/// The one host that a request names.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut values = headers.get_all(header::HOST).iter();
    match (uri.authority(), values.next(), values.next()) {
        (None, Some(host), None) => host.to_str().ok(),
        (Some(authority), Some(host), None) if host == authority.as_str() => Some(authority.as_str()),
        _ => None,
    }
}

/// Whether a browser says that the request comes from a page of this very host. What says nothing is not believed.
fn is_of_own_page(headers: &HeaderMap, host: &str) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site == "same-origin");
    let origin = headers.get(header::ORIGIN).map(|origin| {
        let of = |scheme: &str, port: &str| {
            let at = origin.to_str().ok().and_then(|origin| origin.strip_prefix(scheme));
            // A proxy may write the host as it likes: in capitals, or with the port that every browser leaves out.
            let bare = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
            at.is_some_and(|at| bare(at) == bare(host))
        };
        of("http://", ":80") || of("https://", ":443")
    });
    match (site, origin) {
        (None, None) => false,
        (site, origin) => site.unwrap_or(true) && origin.unwrap_or(true),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(listen: &str, hosts: &[&str]) -> Access {
        Access::new(&config::Admin {
            listen: Some(listen.parse().unwrap()),
            tokens: Vec::new(),
            read_tokens: Vec::new(),
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            behind_proxy: false,
        })
    }

    #[track_caller]
    fn check(access: &Access, known: &[&str], unknown: &[&str]) {
        for host in known {
            assert!(access.knows(host), "{host}");
        }
        for host in unknown {
            assert!(!access.knows(host), "{host}");
        }
    }

    #[test]
    fn names_that_are_ours() {
        let own = ["localhost", "LOCALHOST:8081", "127.0.0.1:8081", "127.0.0.9", "[::1]:8081"];
        let strange =
            ["", ":", "evil.example", "localhost.evil.example", "10.0.0.7", "[::2]", "localhost:x", "127.0.0.1.nip.io:8081"];
        check(&access("127.0.0.1:8081", &[]), &own, &strange);
        check(&access("10.0.0.7:8081", &["hooks.internal"]), &["10.0.0.7:8081", "Hooks.Internal:443"], &["10.0.0.8", "internal"]);
        check(&access("0.0.0.0:8081", &[]), &["10.0.0.7", "192.168.1.1:80"], &["evil.example"]);
    }

    #[track_caller]
    fn check_origin(host: &str, origin: &str, is_own: bool) {
        let headers = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
        assert_eq!(is_of_own_page(&headers, host), is_own, "{origin} at {host}");
    }

    #[test]
    fn a_proxy_may_write_the_host_in_its_own_way() {
        check_origin("hooks.example.com", "https://hooks.example.com", true);
        check_origin("HOOKS.example.com", "https://hooks.example.com", true);
        check_origin("hooks.example.com:443", "https://hooks.example.com", true);
        check_origin("hooks.example.com:80", "http://hooks.example.com", true);
        check_origin("localhost:8081", "http://localhost:8081", true);
        check_origin("hooks.example.com:80", "https://hooks.example.com", false);
        check_origin("hooks.example.com:8443", "https://hooks.example.com", false);
        check_origin("hooks.example.com", "https://hooks.example.com:8443", false);
        check_origin("hooks.example.com", "https://evil.example", false);
        check_origin("hooks.example.com", "null", false);
    }

    #[test]
    fn a_token_is_made_where_none_is_configured() {
        let access = access("127.0.0.1:8081", &[]);
        let made = access.made_token().unwrap().expose().to_owned();
        let role = |text| access.token(text).map(|token| token.role);
        assert_eq!(role(made.as_bytes()), Some(Role::Operator));
        assert_eq!(role(b""), None);
        assert_eq!(role(&made.as_bytes()[1..]), None);
    }
}
