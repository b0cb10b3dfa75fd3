//! The client of the App Store Connect API, against servers that answer as Apple documents, or as badly as servers do.

mod actions;
mod calls;
mod deliveries;
mod lookups;
mod pacing;
mod paging;
mod refusals;
mod retries;
mod secrecy;

use std::{error::Error as _, sync::Arc, time::Duration};

use asc_webhooks::{
    asc::{Client, Credentials, Error, Retry, Settings},
    clock::ManualClock,
    http_client::Outgoing,
    secret::Secret,
};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, method, path},
};

/// The time at our side in all these tests.
const NOON: &str = "2026-11-21T12:00:00Z";

fn credentials() -> Credentials {
    let key = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap();
    Credentials::team("KEY1234567", "57246542-96fe-1a63-e053-0824d011072a", &Secret::new(key.as_str())).unwrap()
}

/// Settings that waste no time: what is slow by default has tests of its own, on a clock that stands still.
fn settings(base_url: &str) -> Settings {
    let mut settings = Settings::new(base_url.parse().unwrap());
    settings.interval = Duration::ZERO;
    settings.retry = Retry { first: Duration::from_millis(1), ..Retry::default() };
    settings
}

fn client_with(settings: Settings) -> Client {
    let clock = Arc::new(ManualClock::new(NOON.parse().unwrap()));
    Client::new(credentials(), settings, &Outgoing::new(None).unwrap(), clock).unwrap()
}

fn client(server: &MockServer) -> Client {
    client_with(settings(&server.uri()))
}

/// A server that answers everything in the same way.
async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn on(server: &MockServer, verb: &str, at: &str, answer: impl wiremock::Respond + 'static) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
}

fn json(status: u16, body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.into(), "application/json")
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

/// What a person reads: the error, its causes and the hint.
fn told(error: &Error) -> String {
    let mut told = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        told = format!("{told}\nhint: {hint}");
    }
    told
}
