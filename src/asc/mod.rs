//! Asks App Store Connect: the client of the part of Apple's API that webhooks are managed with.
//!
//! [`Client`] has one method for each thing that can be asked; they stand beside the resource they are about ([`webhook`], [`delivery`],
//! [`ping`], [`marketplace`]; [`build`], [`beta_group`], [`beta_review`] and [`app_store_version`] for what handlers do there), and [`lookup`]
//! puts what it reads together. All of them go through one function, which sees to everything that requests have in common:
//!
//! - **The token** ([`Credentials`]) goes to the configured address and nowhere else: redirects are not followed, a link to a next page is used
//!   only if it leads to the same origin, and no address out of a payload is ever asked.
//! - **The pace** ([`RateLimit`]): one request a second by default, slower when Apple says that little is left.
//! - **Trying again** ([`Retry`]): a request that only reads, sets or deletes is made again after a failed connection, a missing answer,
//!   a 429 or a 5xx. One that makes something new (POST) is made again only when it is certain that nothing came of it: after a 429,
//!   or when no connection was made. Otherwise a lost answer could mean two webhooks.
//! - **Bounds**: each attempt has a deadline, and an answer a largest size.
//!
//! What changes something at Apple's side is an [`Order`], which can be looked at before it is asked for.
//!
//! What an answer means for us is decided elsewhere; this module keeps no state but the token and the pace.

pub mod app_store_version;
pub mod beta_group;
pub mod beta_review;
pub mod build;
pub mod delivery;
mod document;
mod error;
pub mod lookup;
pub mod marketplace;
mod order;
mod pace;
mod page;
pub mod ping;
mod refusal;
mod retry;
mod setup;
mod token;
pub mod webhook;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822};
use serde::de::DeserializeOwned;
use url::{Host, Url};

pub use self::{
    document::Linkage,
    error::{Call, Error},
    order::{Order, Outline},
    pace::RateLimit,
    page::{Page, Pages},
    refusal::{AppleError, Refusal, Said},
    retry::Retry,
    setup::NotUsable,
    token::{Credentials, CredentialsError},
};
use self::{pace::Pace, refusal::Redactor, token::Tokens};
use crate::{
    clock::Clock,
    http_client::{HttpClient, Outgoing, Reach, Unanswered},
    plain,
    secret::Secret,
};

/// Where Apple's API is.
pub const APPLE: &str = "https://api.appstoreconnect.apple.com/";

/// The most bytes that an answer may have. A full page of deliveries with their payloads has under one million.
pub const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// The header that tells how many requests are left.
const RATE_LIMIT: &str = "x-rate-limit";

/// How long one attempt of a request may take that somebody waits for.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(8);

/// How App Store Connect is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address of the API: `https`, or `http` on loopback, where the sandbox and tests are; without a path.
    pub base_url: Url,
    /// How long one attempt may take, its answer included.
    pub timeout: Duration,
    /// How a request is made again.
    pub retry: Retry,
    /// The time between two requests.
    pub interval: Duration,
    /// How many requests may come at once after a pause.
    pub burst: u32,
}

impl Settings {
    /// The usual way of asking the API at `base_url`: 30 seconds an attempt, one request a second after three at once.
    pub fn new(base_url: Url) -> Self {
        Self { base_url, timeout: Duration::from_secs(30), retry: Retry::default(), interval: Duration::from_secs(1), burst: 3 }
    }
}

/// A client of the App Store Connect API. All that share a key should share a client, and with it the pace.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    http: HttpClient,
    tokens: Tokens,
    pace: Pace,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// Prepares a client. Nothing is asked yet.
    ///
    /// # Errors
    /// When the settings name an address that no token may be sent to, or no HTTP client can be made.
    pub fn new(credentials: Credentials, settings: Settings, outgoing: &Outgoing, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let reach = reach_of(&settings.base_url)?;
        Ok(Self {
            http: outgoing.client(reach)?,
            tokens: Tokens::new(credentials, Arc::clone(&clock)),
            pace: Pace::new(settings.interval, settings.burst),
            settings,
            clock,
        })
    }

    /// The address of the API.
    pub fn base_url(&self) -> &Url {
        &self.settings.base_url
    }

    /// How many requests are left in this hour, as the last answer said.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.pace.left()
    }

    /// How long Apple has everybody wait who would ask now: it said that there were too many requests, or that few are left.
    pub fn wait(&self) -> Option<Duration> {
        self.pace.wait()
    }

    /// Waits until nobody has asked anything for an interval: for work that is in no hurry, and leaves the burst to those who are.
    pub async fn lull(&self) {
        self.pace.lull().await;
    }

    /// The address of a resource. What comes from outside must stay one part of the path.
    fn url(&self, path: &[&str]) -> Result<Url, Error> {
        if let Some(id) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            return Err(Error::NotAnId { id: (*id).to_owned() });
        }
        let mut url = self.settings.base_url.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.clear().extend(path);
        }
        Ok(url)
    }

    /// Makes a request, again if need be: the one function through which everything goes.
    async fn ask(&self, request: Request<'_>) -> Result<Answer, Error> {
        let retry = if request.brief { self.settings.retry.brief() } else { self.settings.retry };
        let mut attempt = 1;
        let mut may_be_done = false;
        loop {
            if attempt > 1 {
                // Whoever has trouble answering is not to be crowded.
                self.pace.lull().await;
            }
            self.pace.told_turn(request.brief).await;
            let error = match self.attempt(&request, attempt).await {
                // Of two tries to delete, the first worked and its answer was lost.
                Err(Error::Refused { call, refusal })
                    if refusal.status == 404 && may_be_done && request.method == Method::DELETE =>
                {
                    return Ok(Answer::nothing(call));
                }
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let may_repeat = error.is_retryable() && (request.method != Method::POST || error.left_no_trace());
            let chance = getrandom::u64().unwrap_or(0);
            let wait = retry.wait_after(attempt, error.retry_after(), chance).filter(|_| may_repeat);
            let is_too_many = error.status() == Some(429);
            if is_too_many {
                let hold = error.retry_after().unwrap_or_default().max(wait.unwrap_or_default());
                self.pace.hold(hold.min(self.settings.retry.longest));
            }
            let Some(wait) = wait else { return Err(error) };
            tracing::info!(
                error = error.unquoted(),
                attempt.number = attempt,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "asking App Store Connect again"
            );
            if !is_too_many {
                tokio::time::sleep(wait).await;
            }
            may_be_done |= !error.left_no_trace();
            attempt += 1;
        }
    }

    async fn attempt(&self, request: &Request<'_>, attempt: u32) -> Result<Answer, Error> {
        let call = Call { request: format!("{} {}", request.method, request.url.path()), attempts: attempt };
        let after = if request.brief { self.settings.timeout.min(BRIEF_TIMEOUT) } else { self.settings.timeout };
        tokio::time::timeout(after, self.exchange(request, &call)).await.unwrap_or(Err(Error::TimedOut { call, after }))
    }

    async fn exchange(&self, request: &Request<'_>, call: &Call) -> Result<Answer, Error> {
        let token = self.tokens.current();
        let failed = |error| Error::Connection { call: call.clone(), source: Unanswered::from(error) };
        let outgoing = self.http.request(request.method.clone(), request.url.clone());
        let mut outgoing = outgoing
            .map_err(|source| Error::Address { call: call.clone(), source })?
            .header(header::AUTHORIZATION, bearer(&token))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(body) = &request.body {
            outgoing = outgoing.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.clone());
        }
        let mut response = outgoing.send().await.map_err(failed)?;
        if let Some(left) = text_of(response.headers(), RATE_LIMIT).and_then(RateLimit::parse) {
            self.pace.note(left);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Error::TooLarge { call: call.clone(), limit: LARGEST_ANSWER });
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status();
        tracing::debug!(asc.call = %call, http.status = status.as_u16(), http.size = body.len(), "App Store Connect answered");
        let redactor = Redactor::new(request.confidential.cloned().into_iter().chain([token]));
        if status.is_success() {
            return Ok(Answer { call: call.clone(), status, body: body.freeze(), redactor });
        }
        let refusal = Refusal {
            status: status.as_u16(),
            said: Said::read(&body, &redactor),
            retry_after: self.retry_after(response.headers()),
            clock_ahead: time_of(response.headers(), "date").map(|theirs| self.clock.now().duration_since(theirs)),
        };
        Err(Error::Refused { call: call.clone(), refusal: Box::new(refusal) })
    }

    /// Reads `Retry-After`: seconds, or a date ([RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let seconds = text_of(headers, "retry-after").and_then(|text| text.trim().parse().ok());
        seconds.map(Duration::from_secs).or_else(|| {
            let until = time_of(headers, "retry-after")?;
            Some(Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default())
        })
    }
}

/// A request to be made.
struct Request<'s> {
    method: Method,
    url: Url,
    body: Option<Bytes>,
    confidential: Option<&'s Secret>,
    brief: bool,
}

impl<'s> Request<'s> {
    fn new(method: Method, url: Url) -> Self {
        Self { method, url, body: None, confidential: None, brief: false }
    }

    fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(body.to_string().into());
        self
    }

    /// Gives up soon: whoever waits for the answer can do without.
    fn briefly(mut self) -> Self {
        self.brief = true;
        self
    }

    /// Names the secret that the body holds, so that it is taken out of whatever the answer quotes.
    fn confidential(mut self, secret: &'s Secret) -> Self {
        self.confidential = Some(secret);
        self
    }
}

/// An answer that says yes.
struct Answer {
    call: Call,
    status: StatusCode,
    body: Bytes,
    redactor: Redactor,
}

impl Answer {
    fn nothing(call: Call) -> Self {
        Self { call, status: StatusCode::NO_CONTENT, body: Bytes::new(), redactor: Redactor::new([]) }
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            if error.inner().is_data() {
                let problem = without_values(&error.inner().to_string());
                return Error::Shape { call: self.call.clone(), path: plain::short(&error.path().to_string()), problem };
            }
            let said = Said::read(&self.body, &self.redactor);
            Error::NotJson { call: self.call.clone(), status: self.status.as_u16(), said }
        })
    }

    fn foreign(&self, found: &str, base: &Url) -> Error {
        let expected = base.origin().ascii_serialization();
        Error::ForeignPage { call: self.call.clone(), found: plain::short(found), expected }
    }
}

fn reach_of(base_url: &Url) -> Result<Reach, Error> {
    let refuse = |reason| Err(Error::BaseUrl { url: shown(base_url), reason });
    if base_url.path() != "/" || base_url.query().is_some() || base_url.fragment().is_some() {
        return refuse("it has a path, a query or a fragment, expected only scheme, host and port");
    }
    if !base_url.username().is_empty() || base_url.password().is_some() {
        return refuse("it has a user name or a password, expected only scheme, host and port");
    }
    let is_loopback = match base_url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match base_url.scheme() {
        "https" => Ok(Reach::Everywhere),
        "http" if is_loopback => Ok(Reach::Private),
        "http" => refuse("`http` shows the token to everybody on the way, expected `https` (`http` is for loopback only)"),
        _ => refuse("expected an `https` address"),
    }
}

/// An address without what may be confidential in it.
fn shown(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

fn bearer(token: &Secret) -> HeaderValue {
    // A token is made of Base64 and dots, so it always fits.
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).unwrap_or(HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

fn text_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn time_of(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    rfc2822::parse(text_of(headers, name)?).ok().map(|time| time.timestamp())
}

/// Takes the quoted value out of a sentence of serde's, because values can be testers' data, and the position, because nobody sees the text.
fn without_values(problem: &str) -> String {
    let problem = problem.rsplit_once(" at line ").map_or(problem, |(problem, _)| problem);
    match (problem.find('"'), problem.rfind('"')) {
        (Some(start), Some(end)) if start < end => format!("{}…{}", &problem[..start], &problem[end + 1..]),
        _ => problem.to_owned(),
    }
}
