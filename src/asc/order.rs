//! Changes of Apple's side: what there is to ask for, before it is asked.
//!
//! Whoever is about to change something may want to see it first. So the methods of the [`Client`] that make, set or delete something
//! return an [`Order`]: awaiting it asks Apple, and [`Order::outline`] tells what would be asked. Both go by the same request, so the
//! outline cannot say anything else than what is done.

use std::{fmt, pin::Pin};

use serde_json::Value;

use super::{Answer, Client, Error, Request};
use crate::secret::Secret;

/// A change that Apple can be asked for. Await it to have it made.
#[must_use = "nothing is asked unless it is awaited"]
pub struct Order<'a, T> {
    client: &'a Client,
    request: Result<Request<'a>, Error>,
    read: fn(&Answer) -> Result<T, Error>,
}

impl<'a, T> Order<'a, T> {
    pub(super) fn new(client: &'a Client, request: Result<Request<'a>, Error>, read: fn(&Answer) -> Result<T, Error>) -> Self {
        Self { client, request, read }
    }

    /// What would be asked. Nothing is.
    ///
    /// # Errors
    /// When there is no such request: an id cannot be one.
    pub fn outline(self) -> Result<Outline, Error> {
        let request = self.request?;
        let mut body = request.body.as_deref().map(|body| serde_json::from_slice(body).unwrap_or_default());
        if let (Some(body), Some(secret)) = (&mut body, request.confidential) {
            conceal(body, secret);
        }
        Ok(Outline { method: request.method.to_string(), url: request.url.to_string(), body })
    }
}

impl<'a, T: 'a> IntoFuture for Order<'a, T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, request, read } = self;
        Box::pin(async move { read(&client.ask(request?).await?) })
    }
}

impl<T> fmt::Debug for Order<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request.as_ref().map(|request| format!("{} {}", request.method, request.url.path()));
        f.debug_struct("Order").field("request", &request).finish_non_exhaustive()
    }
}

/// A request as it would be made, with `…` in the place of the secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Outline {
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// The body, if it has one.
    pub body: Option<Value>,
}

/// The first line of the request, and its body beneath.
impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        match &self.body {
            Some(body) => write!(f, "\n{body:#}"),
            None => Ok(()),
        }
    }
}

fn conceal(value: &mut Value, secret: &Secret) {
    match value {
        Value::String(text) if text.as_str() == secret.expose() => "…".clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| conceal(item, secret)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| conceal(entry, secret)),
        _ => {}
    }
}
