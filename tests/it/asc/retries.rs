//! What is asked again, how often, and what is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use asc_webhooks::asc::{Client, Error, Settings, webhook::WebhookChange};
use tokio::{io::AsyncReadExt as _, net::TcpListener};
use wiremock::{MockServer, Request, ResponseTemplate, matchers::any};

use super::{client, client_with, json, requests, settings};

const GOOD: &str = r#"{ "data": { "type": "webhooks", "id": "w-1" }, "links": { "self": "/" } }"#;

/// A server that gives these answers, and the last of them for ever.
async fn answering(answers: &'static [u16]) -> MockServer {
    let server = MockServer::start().await;
    let count = AtomicUsize::new(0);
    let answer = move |_: &Request| {
        let status = answers[count.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)];
        match status {
            204 => ResponseTemplate::new(204),
            200 | 201 => json(status, GOOD),
            _ => json(status, r#"{"errors": [{"code": "X"}]}"#),
        }
    };
    wiremock::Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

#[derive(Clone, Copy, Debug)]
enum Verb {
    Read,
    Create,
    Change,
    Delete,
}

async fn ask(client: &Client, verb: Verb) -> Result<(), Error> {
    match verb {
        Verb::Read => client.webhook("w-1").await.map(drop),
        Verb::Create => client.ping("w-1").await.map(drop),
        Verb::Change => client.change_webhook("w-1", &WebhookChange::default()).await.map(drop),
        Verb::Delete => client.delete_webhook("w-1").await,
    }
}

async fn check(verb: Verb, answers: &'static [u16], expected: Result<(), u16>, asked: usize) {
    let server = answering(answers).await;
    let result = ask(&client(&server), verb).await.map_err(|error| error.status().unwrap());
    assert_eq!((result, requests(&server).await.len()), (expected, asked), "{verb:?} {answers:?}");
}

#[tokio::test]
async fn what_can_be_asked_again_is() {
    check(Verb::Read, &[500, 503, 429, 200], Ok(()), 4).await;
    check(Verb::Change, &[502, 200], Ok(()), 2).await;
    check(Verb::Delete, &[504, 204], Ok(()), 2).await;
    check(Verb::Create, &[429, 429, 201], Ok(()), 3).await;
}

#[tokio::test]
async fn patience_ends() {
    check(Verb::Read, &[500], Err(500), 5).await;
    check(Verb::Create, &[429], Err(429), 5).await;
}

#[tokio::test]
async fn what_would_fail_again_is_not_asked_again() {
    for status in [400, 401, 403, 404, 406, 409, 410, 422] {
        let server = MockServer::start().await;
        wiremock::Mock::given(any()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        let error = client(&server).webhook("w-1").await.unwrap_err();
        assert!(!error.is_retryable() && error.status() == Some(status), "{error}");
        assert_eq!(requests(&server).await.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_makes_something_is_not_asked_again_when_it_may_have_worked() {
    for status in [500, 502, 503, 504] {
        check(Verb::Create, Box::leak(Box::new([status, 201])), Err(status), 1).await;
    }
}

#[tokio::test]
async fn a_thing_that_is_gone_after_a_lost_answer_was_deleted() {
    check(Verb::Delete, &[500, 404], Ok(()), 2).await;
    check(Verb::Delete, &[404], Err(404), 1).await;
    check(Verb::Delete, &[429, 404], Err(404), 2).await;
    check(Verb::Change, &[500, 404], Err(404), 2).await;
}

/// A server that takes requests and hangs up without an answer.
async fn hanging_up() -> (Settings, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(&format!("http://{}", listener.local_addr().unwrap()));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    asc_webhooks::shutdown::Shutdown::new().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (settings, count)
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_carried_the_request() {
    for (verb, expected) in [(Verb::Read, 5), (Verb::Change, 5), (Verb::Delete, 5), (Verb::Create, 1)] {
        let (settings, count) = hanging_up().await;
        let error = ask(&client_with(settings), verb).await.unwrap_err();
        assert!(matches!(error, Error::Connection { .. }) && error.is_retryable(), "{error}");
        assert_eq!(count.load(Ordering::Relaxed), expected, "{verb:?}");
    }
}

#[tokio::test]
async fn a_connection_that_was_never_made_carried_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let error = ask(&client_with(settings), Verb::Create).await.unwrap_err();
    assert!(matches!(&error, Error::Connection { call, .. } if call.attempts == 5), "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let server = MockServer::start().await;
    let slow = json(200, GOOD).set_delay(Duration::from_mins(1));
    wiremock::Mock::given(any()).respond_with(slow).mount(&server).await;
    let mut settings = settings(&server.uri());
    settings.timeout = Duration::from_millis(100);
    settings.retry.attempts = 2;
    let client = client_with(settings);
    let error = ask(&client, Verb::Read).await.unwrap_err();
    assert!(matches!(&error, Error::TimedOut { call, .. } if call.attempts == 2), "{error}");
    let error = ask(&client, Verb::Create).await.unwrap_err();
    assert!(matches!(&error, Error::TimedOut { call, .. } if call.attempts == 1), "{error}");
}

#[tokio::test]
async fn an_hour_is_not_waited_out() {
    let server = MockServer::start().await;
    let later = json(429, r#"{"errors": [{"code": "RATE_LIMIT_EXCEEDED"}]}"#).insert_header("retry-after", "3600");
    wiremock::Mock::given(any()).respond_with(later).mount(&server).await;
    let error = ask(&client(&server), Verb::Read).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
    assert_eq!(requests(&server).await.len(), 1);
}
