//! Nothing that opens anything is ever printed, however much is logged and whatever the other side sends back.

use std::{
    io,
    sync::{Arc, Mutex},
};

use asc_webhooks::{
    asc::{
        Error,
        webhook::{NewWebhook, WebhookChange},
    },
    secret::Secret,
};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::{client, credentials, json, told};

const CANARY: &str = "canary-\"that\"-must-not-sing";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Sends everything back that it was sent, in the ways in which servers do.
fn parrot(request: &Request) -> ResponseTemplate {
    let token = request.headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let secret = if body.is_empty() { "" } else { CANARY };
    let heard = format!("you said {secret} with {token}: {body}");
    match request.method.as_str() {
        "POST" => json(409, serde_json::json!({ "errors": [{ "code": "X", "detail": heard, "title": heard }] }).to_string()),
        "PATCH" => ResponseTemplate::new(400).set_body_string(heard),
        "DELETE" => ResponseTemplate::new(502).set_body_raw(format!("<html><title>{heard}</title>"), "text/html"),
        _ => ResponseTemplate::new(200).set_body_string(heard),
    }
}

#[tokio::test]
async fn neither_key_nor_token_nor_secret_is_seen() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(parrot).mount(&server).await;
    let client = client(&server);

    let new = NewWebhook {
        app_id: "6450000001".to_owned(),
        name: "Releases".to_owned(),
        url: "https://hooks.example/asc".parse().unwrap(),
        secret: Secret::new(CANARY),
        events: Vec::new(),
        enabled: true,
    };
    let change = WebhookChange { secret: Some(Secret::new(CANARY)), ..WebhookChange::default() };
    let errors: [Error; 4] = [
        client.create_webhook(&new).await.unwrap_err(),
        client.change_webhook("w-1", &change).await.unwrap_err(),
        client.delete_webhook("w-1").await.unwrap_err(),
        client.webhook("w-1").await.unwrap_err(),
    ];
    let mut printed: Vec<String> =
        errors.iter().flat_map(|error| [told(error), format!("{error:?}"), format!("{error:#?}")]).collect();
    printed.push(format!("{new:?} {change:?} {client:?} {:?}", credentials()));
    drop(guard);
    printed.push(String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    let printed = printed.join("\n");

    assert!(printed.contains("you said *** with ***: {"), "the answers were not quoted at all: {printed}");
    assert!(printed.contains("App Store Connect answered"), "nothing was logged");
    assert!(printed.contains("TRACE"), "nothing was logged at trace level");
    let bearers =
        super::requests(&server).await.into_iter().map(|request| request.headers["authorization"].to_str().unwrap().to_owned());
    let tokens = bearers.flat_map(|bearer| bearer["Bearer ".len()..].split('.').map(str::to_owned).collect::<Vec<_>>());
    // Signatures and claims one by one: half a token is as bad as a whole one.
    for secret in tokens.chain(["canary".to_owned(), "BwcHBw".to_owned(), "PRIVATE KEY".to_owned()]) {
        assert!(!printed.contains(&secret), "`{secret}` was printed:\n{printed}");
    }
}
