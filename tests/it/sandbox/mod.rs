//! The local App Store Connect, over real sockets.

mod actions;
mod answers;
mod commands;
mod faults;
mod lookups;
mod operations;
mod page;
mod paging;
mod refusals;
mod scenarios;
mod sending;
mod tokens;

use std::sync::{Arc, Mutex, PoisonError};

use asc_webhooks::{
    clock::ManualClock,
    event::Event,
    sandbox::{ApiKey, Running, Sandbox, Settings},
    secret::Secret,
    shutdown::Shutdown,
    signature::{Refusal, Secrets, SigningKey},
};
use axum::{Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use p256::{
    ecdsa::{Signature, SigningKey as EcdsaKey, signature::Signer as _},
    pkcs8::DecodePrivateKey as _,
};
use serde_json::{Value, json};

use crate::support::schema::Schema;

const NOW: i64 = 1_800_000_000;
const SECRET: &str = "a secret of the sandbox's tests";
const HARBOR: &str = "6700000001";

/// A running sandbox, a clock that stands still, and somebody to ask and to tell.
struct Scene {
    running: Running,
    clock: Arc<ManualClock>,
    receiver: Receiver,
    http: reqwest::Client,
    schema: Schema,
    lookups: Schema,
    shutdown: Shutdown,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOW).unwrap()));
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), clock.clone());
        change(&mut settings);
        let shutdown = Shutdown::new();
        let running = Sandbox::start(settings, &shutdown).await.unwrap();
        let receiver = Receiver::start(&shutdown).await;
        Self { running, clock, receiver, http: http_client(), schema: Schema::of_apple(), lookups: Schema::of_lookups(), shutdown }
    }

    /// Registers the receiver for every event of the first app.
    fn register(&self) -> String {
        self.running.register(HARBOR, "ours", &self.receiver.url, &Secret::new(SECRET)).unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// Calls the API with the team's key, and holds the answer against Apple's description of it.
    #[track_caller]
    fn call(&self, method: &str, path: &str, body: Option<Value>) -> impl Future<Output = Answer> {
        let caller = std::panic::Location::caller();
        let token = token(self.running.team_key(), &json!({}));
        async move {
            let answer = self.request(method, path, Some(&token), body).await;
            let url = url::Url::parse(&self.running.api_url()).unwrap().join(path).unwrap();
            let is_managed = self.schema.name_of(method, url.path()).is_some();
            let schema = if is_managed { &self.schema } else { &self.lookups };
            let problems = schema.problems_of_answer(method, url.path(), answer.status, answer.text.as_bytes());
            assert!(problems.is_empty(), "{caller}: {method} {path} answers {}: {problems:#?}\n{}", answer.status, answer.text);
            assert!(!answer.text.contains(SECRET), "{caller}: {method} {path} tells a secret");
            answer
        }
    }

    /// Calls without looking at the answer.
    async fn request(&self, method: &str, path: &str, authorization: Option<&str>, body: Option<Value>) -> Answer {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.running.api_url()) };
        let mut request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// Presses a button.
    async fn press(&self, path: &str, form: &str) -> Answer {
        let request = self.http.post(format!("{}{path}", self.running.api_url()));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        Answer::read(request.send().await.unwrap()).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.cut_off();
    }
}

/// What the sandbox answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    #[track_caller]
    fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).cloned().unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code and the source of each error.
    #[track_caller]
    fn errors(&self) -> Vec<(String, String)> {
        let errors = self.at("/errors");
        let error = |error: &Value| {
            let source = error["source"].as_object().and_then(|source| source.values().next()).and_then(Value::as_str);
            assert_eq!(error["status"], self.status.to_string());
            (error["code"].as_str().unwrap().to_owned(), source.unwrap_or_default().to_owned())
        };
        errors.as_array().unwrap_or_else(|| panic!("no errors: {}", self.text)).iter().map(error).collect()
    }
}

/// Somebody who is notified.
struct Receiver {
    url: String,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    received: Mutex<Vec<Received>>,
    answer: Mutex<Option<StatusCode>>,
}

#[derive(Clone, Debug)]
struct Received {
    headers: HeaderMap,
    body: Bytes,
}

impl Received {
    fn event(&self) -> Event {
        Event::parse(self.body.clone()).unwrap()
    }

    fn verify(&self, secret: &str) -> Result<(), Refusal> {
        let secrets = Secrets::new([SigningKey::new(&Secret::new(secret), "ours")]);
        let values = self.headers.get_all("x-apple-signature").iter().map(http::HeaderValue::as_bytes);
        secrets.verify(values, self.body.clone(), Timestamp::from_second(NOW).unwrap()).map(|_| ())
    }
}

impl Receiver {
    async fn start(shutdown: &Shutdown) -> Self {
        let inbox = Arc::new(Inbox::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/asc", listener.local_addr().unwrap());
        let router = Router::new().route("/asc", post(receive)).with_state(inbox.clone());
        let hard = shutdown.hard().clone();
        shutdown.spawn(async move { hard.run_until_cancelled(axum::serve(listener, router).into_future()).await });
        Self { url, inbox }
    }

    fn received(&self) -> Vec<Received> {
        self.inbox.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answer(&self, status: StatusCode) {
        *self.inbox.answer.lock().unwrap() = Some(status);
    }
}

async fn receive(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    inbox.received.lock().unwrap().push(Received { headers, body });
    (inbox.answer.lock().unwrap().unwrap_or(StatusCode::OK), "noted")
}

/// A token that is right, but for the claims that are given (null takes one away).
fn token(key: &ApiKey, claims: &Value) -> String {
    let mut all = match &key.issuer_id {
        Some(issuer) => json!({ "iss": issuer, "iat": NOW, "exp": NOW + 1_200, "aud": "appstoreconnect-v1" }),
        None => json!({ "sub": "user", "iat": NOW, "exp": NOW + 1_200, "aud": "appstoreconnect-v1" }),
    };
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let header = json!({ "alg": "ES256", "kid": key.id, "typ": "JWT" });
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(all.to_string()));
    let signature: Signature = EcdsaKey::from_pkcs8_pem(key.private_key_pem.expose()).unwrap().sign(signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

/// A client that knows nothing of ours.
#[expect(clippy::disallowed_methods, reason = "a client of the tests' own, so that what is tested does not test itself")]
fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]).no_proxy().build().unwrap()
}

/// A webhook as a client asks for it.
fn new_webhook(url: &str) -> Value {
    json!({ "data": {
        "type": "webhooks",
        "attributes": {
            "name": "ours", "url": url, "enabled": true, "secret": SECRET,
            "eventTypes": ["BUILD_UPLOAD_STATE_UPDATED", "APP_STORE_VERSION_APP_VERSION_STATE_UPDATED"],
        },
        "relationships": { "app": { "data": { "type": "apps", "id": HARBOR } } },
    } })
}

fn to_one(kind: &str, relationship: &str, related: &str, id: &str) -> Value {
    json!({ "data": { "type": kind, "relationships": { relationship: { "data": { "type": related, "id": id } } } } })
}
