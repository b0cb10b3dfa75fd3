//! What the other end of a `forward` handler can tell apart.

use asc_webhooks::{
    Registry,
    event::{EventKind, sample},
    inbox::DispatchState,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use crate::support::running::Running;

#[tokio::test]
async fn each_receipt_has_a_key_of_its_own_which_stays_over_attempts() {
    let other_end = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(1).mount(&other_end).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&other_end).await;
    let url = other_end.uri();
    let keys = "body = 'raw'\nallow_private = true\nretry = ['10s']\njitter = '0%'\nconcurrency = 1\n";
    let running =
        Running::start(&format!("[[handler]]\nname = 'on'\nkind = 'forward'\nurl = '{url}'\n{keys}"), &Registry::builtin());

    // Two events of one build with one id, as in public samples.
    let event = |state| sample::of(&EventKind::BuildUploadStateUpdated).id("one-id").state(state).body();
    running.take_in(event("PROCESSING")).await;
    running.until(1, "on", DispatchState::Waiting, 1).await;
    running.take_in(event("COMPLETE")).await;
    running.until(2, "on", DispatchState::Done, 1).await;
    running.clock.advance(std::time::Duration::from_secs(10));
    running.until(1, "on", DispatchState::Done, 2).await;
    running.take_in(event("PROCESSING")).await;

    let requests = other_end.received_requests().await.unwrap();
    let told: Vec<_> = requests.iter().map(|request| (key(request), &request.body[..])).collect();
    let [(first, processing), (second, complete), (again, same)] = told[..] else { panic!("{told:#?}") };
    assert_ne!(first, second, "the content differs, so these are two events");
    assert_eq!((first, processing), (again, same), "another try of the same");
    assert_ne!(processing, complete);
}

fn key(request: &Request) -> &str {
    request.headers["idempotency-key"].to_str().unwrap()
}
