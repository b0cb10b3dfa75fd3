//! The kind `forward`: posts events to a URL, as Apple sent them, as our own signed JSON, or as the JSON of a template.
//!
//! `body = "raw"` sends the bytes as they came, with Apple's signature header, so that a receiver written for Apple notices no
//! difference; an event that was recovered from Apple's list of deliveries has no such header. `body = "json"` sends our document,
//! signed after [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
//! `body = "template"` sends what a [template](templated) makes, signed in the same way if there is a secret.
//!
//! Where a request goes is decided by the configuration alone, within the rules of [`http_client`](crate::http_client): nothing of an
//! event gets into a URL. A URL may hold a token, so no message shows more of it than its host.

mod standard;
mod templated;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE},
};
use serde::Deserialize;
use serde_json::Value;

use self::{standard::Signer, templated::Templated};
use super::{
    Context, Handler, HandlerError, Section, SectionError, answer,
    message::{Told, Voice},
    notice::notice,
    target::Target,
};
use crate::{
    clock::{Clock, SystemClock},
    event::Event,
    http_client::Unanswered,
    secret::Secret,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const APPLE_SIGNATURE: HeaderName = HeaderName::from_static("x-apple-signature");

/// Headers that the request itself decides about.
const RESERVED: [HeaderName; 14] = [
    HOST,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    TRANSFER_ENCODING,
    CONNECTION,
    UPGRADE,
    TE,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    IDEMPOTENCY_KEY,
    APPLE_SIGNATURE,
    standard::ID,
    standard::TIMESTAMP,
    standard::SIGNATURE,
];

/// Posts events to a URL.
#[derive(Debug)]
pub struct Forward {
    target: Target,
    headers: HeaderMap,
    body: Body,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Keys {
    url: Secret,
    /// None if it is missing or not known: then nothing is guessed of what may stand beside it.
    body: Option<BodyKey>,
    secret: Option<Secret>,
    template: Option<String>,
    headers: BTreeMap<String, Secret>,
    allow_private: bool,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum BodyKey {
    Raw,
    Json,
    Template,
}

#[derive(Debug)]
enum Body {
    Raw,
    Json(Signer),
    Template(Templated, Option<Signer>),
}

impl Forward {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When the URL cannot be posted to within the address rules, the secret for `json` or the template for `template` is
    /// missing or unusable, or a header is none.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub fn new(section: Section) -> Result<Self, SectionError> {
        section.settle(|keys: Keys| {
            let mut errors = SectionError::default();
            let target = errors.note(Target::read("url", &keys.url, keys.allow_private, section.outgoing()));
            let body = errors.note(body(&keys, section.voice()));
            let headers = errors.note(headers(&keys.headers));
            let (Some(target), Some(body), Some(headers)) = (target, body, headers) else { return Err(errors) };
            Ok(Self { target, headers, body, clock: Arc::new(SystemClock::new()) })
        })
    }

    async fn message(&self, event: &Event, ctx: &Context) -> Result<(HeaderMap, Bytes), HandlerError> {
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(ctx.idempotency_key()).map_err(HandlerError::reject)?);
        match &self.body {
            Body::Raw => {
                if let Some(signature) = ctx.signature() {
                    headers.insert(APPLE_SIGNATURE, HeaderValue::from_str(signature).map_err(HandlerError::reject)?);
                }
                Ok((headers, event.raw().clone()))
            }
            Body::Json(signer) => {
                let body = notice(event, ctx).map_err(HandlerError::reject)?;
                signer.sign(&mut headers, ctx.idempotency_key(), self.clock.now(), &body)?;
                Ok((headers, body))
            }
            Body::Template(templated, signer) => {
                let body = Bytes::from(templated.body(&ctx.told(event).await)?);
                if let Some(signer) = signer {
                    signer.sign(&mut headers, ctx.idempotency_key(), self.clock.now(), &body)?;
                }
                Ok((headers, body))
            }
        }
    }
}

impl Handler for Forward {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let (headers, body) = self.message(&event, &ctx).await?;
        let response = self.target.request(Method::POST)?.headers(headers).body(body).send().await.map_err(Unanswered::from)?;
        answer::judge(response, self.clock.now()).await
    }

    fn needs_details(&self) -> bool {
        !matches!(self.body, Body::Raw)
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        match &self.body {
            Body::Template(templated, _) => Some(templated.body(told)),
            Body::Raw | Body::Json(_) => None,
        }
    }

    fn payload(&self, told: &Told<'_>) -> Option<Result<Value, HandlerError>> {
        let body = self.preview(told)?;
        Some(body.and_then(|body| serde_json::from_str(&body).map_err(HandlerError::reject)))
    }
}

fn body(keys: &Keys, voice: &Voice) -> Result<Body, SectionError> {
    let mut errors = SectionError::default();
    if keys.template.is_some() && matches!(keys.body, Some(BodyKey::Raw | BodyKey::Json)) {
        errors = errors
            .and("template", "found `template`, expected no such key with this `body`")
            .hint("remove it, or set `body = \"template\"`");
    }
    let body = match (keys.body, &keys.secret) {
        (Some(BodyKey::Template), secret) => {
            let templated = errors.note(Templated::new(keys.template.as_deref(), voice));
            let signer = errors.note(secret.as_ref().map(Signer::new).transpose());
            templated.zip(signer).map(|(templated, signer)| Body::Template(templated, signer))
        }
        (Some(BodyKey::Json), Some(secret)) => errors.note(Signer::new(secret).map(Body::Json)),
        (Some(BodyKey::Json), None) => {
            let error = SectionError::new("secret", "found nothing, expected the secret to sign with");
            errors.note(Err(error.hint("make one with `openssl rand -base64 32` and give it to the receiver as well")))
        }
        (Some(BodyKey::Raw), None) => Some(Body::Raw),
        (Some(BodyKey::Raw), Some(_)) => {
            let error = SectionError::new(
                "secret",
                "found `secret`, expected no such key with `body = \"raw\"`, which bears Apple's signature",
            );
            errors.note(Err(error.hint("remove it, or set `body = \"json\"`")))
        }
        (None, _) => errors.note(Err(SectionError::new("body", "found nothing, expected `raw`, `json` or `template`"))),
    };
    match body {
        Some(body) => errors.or(body),
        None => Err(errors),
    }
}

fn headers(table: &BTreeMap<String, Secret>) -> Result<HeaderMap, SectionError> {
    let (mut headers, mut errors) = (HeaderMap::new(), SectionError::default());
    for (name, value) in table {
        let key = format!("headers.{name}");
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose())) {
            (Ok(name), _) if RESERVED.contains(&name) => {
                errors = errors.and(key, "found a header that the request itself decides about, expected another");
            }
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            (Err(_), _) => errors = errors.and(key, "found another text, expected the name of a header"),
            (_, Err(_)) => errors = errors.and(key, "found a value that no header can have, expected visible characters"),
        }
    }
    errors.or(headers)
}

#[cfg(test)]
mod tests;
