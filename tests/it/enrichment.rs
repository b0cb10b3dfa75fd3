//! Details on the way to a handler: they are there in time or they are not waited for.
//!
//! App Store Connect is a server on loopback here, so time is real, and patience short. The clock of the retries is turned by hand.

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    Registry, Shutdown,
    clock::ManualClock,
    event::{Details, EventKind, sample},
    handler::handler_fn,
    inbox::{AttemptResult, DispatchState},
    sandbox::{APPS, Sandbox, Scenario, Settings},
    secret::Secret,
};
use bytes::Bytes;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, method, path},
};

use crate::support::running::{Running, SECRET};

/// How long events wait for details in these tests.
const PATIENCE: Duration = Duration::from_millis(600);

fn asc(base_url: &str, key_id: &str, issuer_id: &str, pem: &str) -> String {
    format!(
        "[asc]\nkey_id = '{key_id}'\nissuer_id = '{issuer_id}'\nprivate_key = '''{pem}'''\nbase_url = '{base_url}'\npatience = '600ms'\n"
    )
}

fn asc_at(server: &MockServer) -> String {
    let key = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap();
    asc(&server.uri(), "KEY1234567", "57246542-96fe-1a63-e053-0824d011072a", &key)
}

fn block(name: &str, more: &str) -> String {
    format!("[[handler]]\nname = '{name}'\nkind = 'told'\nretry = ['10s', '10s']\njitter = '0%'\ntimeout = '5s'\n{more}\n")
}

/// What a handler was told: its name, the event's id, the details.
type Told = (String, String, Option<Details>);

/// A handler kind `told` that says what it was told.
fn telling() -> (Registry, mpsc::UnboundedReceiver<Told>) {
    let (tell, told) = mpsc::unbounded_channel();
    let handler = handler_fn(move |event, ctx| {
        let sent = tell.send((ctx.handler().to_owned(), event.id.clone(), ctx.details().cloned()));
        async move { Ok(sent?) }
    });
    (Registry::builtin().register_handler("told", handler), told)
}

async fn heard(told: &mut mpsc::UnboundedReceiver<Told>) -> Told {
    tokio::time::timeout(Duration::from_secs(20), told.recv()).await.expect("the handler is called").unwrap()
}

fn of_app(id: &str) -> Bytes {
    sample::of(&EventKind::AppUnavailable).id(id).app_id("1").body()
}

fn app() -> ResponseTemplate {
    let app = json!({ "type": "apps", "id": "1", "attributes": { "name": "Harbor" } });
    ResponseTemplate::new(200).set_body_json(json!({ "data": app }))
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn a_receipt_is_looked_up_once_for_all_its_handlers_and_the_details_are_kept() {
    let server = answering(app().set_delay(Duration::from_millis(50))).await;
    let (registry, mut told) = telling();
    let handlers =
        [asc_at(&server), block("a", ""), block("b", ""), block("c", "enrich = 'required'"), block("d", "enrich = 'off'")];
    let running = Running::start(&handlers.concat(), &registry);
    running.take_in(of_app("one")).await;
    for _ in 0..4 {
        let (handler, _, details) = heard(&mut told).await;
        let name = details.as_ref().and_then(|details| details.app_name().map(str::to_owned));
        assert_eq!(name, (handler != "d").then(|| "Harbor".to_owned()), "{handler}");
    }
    assert_eq!(requests(&server).await, 1);
    let kept = running.receipt(1).await.details.unwrap();
    assert_eq!(Details::read(&kept).unwrap().app_name(), Some("Harbor"));

    for number in 2..=100 {
        running.take_in(of_app(&number.to_string())).await;
    }
    for _ in 0..4 * 99 {
        heard(&mut told).await;
    }
    assert_eq!(requests(&server).await, 1, "the app is known by now");
}

#[tokio::test]
async fn without_a_key_nobody_is_asked() {
    let (registry, mut told) = telling();
    let running = Running::start(&[block("a", ""), block("b", "enrich = 'required'")].concat(), &registry);
    running.take_in(of_app("one")).await;
    assert_eq!([heard(&mut told).await.2, heard(&mut told).await.2], [None, None]);
}

/// Events are handled in time by a handler that can do without details, whatever App Store Connect does.
async fn check(answer: ResponseTemplate) {
    let server = answering(answer).await;
    let (registry, mut told) = telling();
    let running =
        Running::start(&[asc_at(&server), block("a", "concurrency = 2"), block("off", "enrich = 'off'")].concat(), &registry);
    let begun = Instant::now();
    for number in 0..20 {
        running.take_in(of_app(&number.to_string())).await;
    }
    assert!(begun.elapsed() < PATIENCE, "taking in waits for nobody: {:?}", begun.elapsed());
    let mut without = 0;
    for _ in 0..40 {
        let (handler, _, details) = heard(&mut told).await;
        without += usize::from(handler == "off");
        assert_eq!(details.and_then(|details| details.app_name().map(str::to_owned)), None);
    }
    assert_eq!(without, 20);
    // Two of them waited, or a few one after the other; not twenty.
    assert!(begun.elapsed() < 6 * PATIENCE, "{:?}", begun.elapsed());
    assert!(requests(&server).await <= 8, "a server in trouble is not asked again and again");
    for receipt in 1..=20 {
        running.until(receipt, "a", DispatchState::Done, 1).await;
    }
}

#[tokio::test]
async fn a_silent_api_delays_little() {
    check(ResponseTemplate::new(200).set_delay(Duration::from_mins(1))).await;
}

#[tokio::test]
async fn an_overloaded_api_delays_little() {
    check(ResponseTemplate::new(429).insert_header("retry-after", "60")).await;
}

#[tokio::test]
async fn a_broken_api_delays_little() {
    check(ResponseTemplate::new(503)).await;
}

#[tokio::test]
async fn an_api_that_talks_nonsense_delays_little() {
    check(ResponseTemplate::new(200).set_body_string("<html>maintenance</html>")).await;
}

#[tokio::test]
async fn in_a_crowd_a_few_are_looked_up_to_their_end_and_the_others_go_on_without() {
    let server = answering(app()).await;
    let (registry, mut told) = telling();
    let running = Running::start(&[asc_at(&server), block("a", "concurrency = 30\nenrich = 'required'")].concat(), &registry);
    for number in 1..=30 {
        let event = sample::of(&EventKind::AppUnavailable).id(number.to_string()).app_id(number.to_string());
        running.take_in(event.body()).await;
    }
    assert!(heard(&mut told).await.2.is_some_and(|details| details.app_name().is_some()));
    let mut crowded = 0;
    for id in 1..=30 {
        let tried = async {
            loop {
                match running.dispatch(id, "a").await.and_then(|dispatch| dispatch.history.into_iter().next()) {
                    Some(attempt) => return attempt.error,
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let error = tokio::time::timeout(Duration::from_secs(20), tried).await.expect("every event is tried");
        crowded += usize::from(error.is_some_and(|error| error.contains("is being asked about many other events")));
    }
    // Of seven, three are told at once and four have their turn: requests are made one a second after the first three.
    assert!(crowded >= 20, "{crowded}");
}

#[tokio::test]
async fn required_details_are_waited_for_by_their_handler_alone() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let (registry, mut told) = telling();
    let running = Running::start(&[asc_at(&server), block("must", "enrich = 'required'"), block("may", "")].concat(), &registry);
    running.take_in(of_app("one")).await;
    let (handler, _, _) = heard(&mut told).await;
    assert_eq!(handler, "may");
    let waiting = running.until(1, "must", DispatchState::Waiting, 1).await;
    assert_eq!(waiting.history[0].result, AttemptResult::Failed);
    let error = waiting.history[0].error.clone().unwrap();
    assert!(error.starts_with("the details of the event are required and not all known: "), "{error}");
    assert!(told.try_recv().is_err(), "the handler was not called");
}

/// Each kind of handler, whether it makes something of details, and its keys.
const BY_NEED: [(&str, bool, &str); 9] = [
    ("line", false, "kind = 'log'"),
    ("bytes", false, "kind = 'forward'\nurl = 'URL'\nbody = 'raw'\nallow_private = true"),
    ("program_bytes", false, "kind = 'exec'\ncommand = ['/bin/true']\ninput = 'raw'"),
    ("forbidden", false, "kind = 'forward'\nurl = 'URL'\nsecret = 'KEY'\nallow_private = true\nenrich = 'off'"),
    ("document", true, "kind = 'forward'\nurl = 'URL'\nsecret = 'KEY'\nallow_private = true"),
    ("words", true, "kind = 'forward'\nurl = 'URL'\nbody = 'template'\ntemplate = '{}'\nallow_private = true"),
    ("program", true, "kind = 'exec'\ncommand = ['/bin/true']"),
    ("line_of_some", true, "kind = 'log'\nwhen = 'not details.app.name'"),
    ("line_with_all", true, "kind = 'log'\nenrich = 'best-effort'"),
];

fn of_need(server: &MockServer, needs: impl Fn(bool) -> bool) -> String {
    let chosen = BY_NEED.into_iter().filter(|(_, needy, _)| needs(*needy));
    let blocks = chosen.map(|(name, _, keys)| {
        let keys = keys.replace("URL", &server.uri()).replace("KEY", "a key that is long enough to sign with");
        format!("[[handler]]\nname = '{name}'\n{keys}\n")
    });
    blocks.collect()
}

#[tokio::test]
async fn who_makes_nothing_of_details_waits_for_none() {
    let patience = Duration::from_secs(3);
    let silent = answering(app().set_delay(Duration::from_mins(1))).await;
    let other = answering(ResponseTemplate::new(200)).await;
    let asc = asc_at(&silent).replace("600ms", "3s");
    let running = Running::start(&[asc, of_need(&other, |_| true)].concat(), &Registry::builtin());
    let begun = Instant::now();
    running.take_in(of_app("one")).await;
    for (name, ..) in BY_NEED.into_iter().filter(|(_, needs, _)| !needs) {
        running.until(1, name, DispatchState::Done, 1).await;
    }
    assert!(begun.elapsed() < patience, "{:?}", begun.elapsed());
    for (name, ..) in BY_NEED.into_iter().filter(|(_, needs, _)| *needs) {
        assert_ne!(running.dispatch(1, name).await.unwrap().dispatch.state, DispatchState::Done, "{name} does not wait");
    }
    for (name, ..) in BY_NEED.into_iter().filter(|(_, needs, _)| *needs) {
        let done = running.until(1, name, DispatchState::Done, 1).await;
        assert!(done.history[0].took < patience, "waiting for details is not the handler's time: {name}");
        assert!(begun.elapsed() < 2 * patience, "{name}");
    }
}

#[tokio::test]
async fn nobody_is_asked_for_details_that_nobody_needs() {
    let server = answering(app()).await;
    let other = answering(ResponseTemplate::new(200)).await;
    let running = Running::start(&[asc_at(&server), of_need(&other, |needs| !needs)].concat(), &Registry::builtin());
    running.take_in(of_app("one")).await;
    for (name, ..) in BY_NEED.into_iter().filter(|(_, needs, _)| !needs) {
        running.until(1, name, DispatchState::Done, 1).await;
    }
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn what_is_gone_is_an_answer() {
    let gone =
        json!({ "errors": [{ "status": "404", "code": "NOT_FOUND", "title": "There is no such resource", "detail": "No." }] });
    let server = answering(ResponseTemplate::new(404).set_body_json(gone)).await;
    let (registry, mut told) = telling();
    let running = Running::start(&[asc_at(&server), block("must", "enrich = 'required'")].concat(), &registry);
    running.take_in(of_app("one")).await;
    let details = heard(&mut told).await.2.unwrap();
    assert_eq!((details.gaps[0].what.as_str(), details.app_name()), ("app", None));
}

#[tokio::test]
async fn a_refused_key_is_no_answer_and_delays_nobody() {
    let server = answering(ResponseTemplate::new(403)).await;
    let (registry, mut told) = telling();
    let running = Running::start(&[asc_at(&server), block("may", ""), block("must", "enrich = 'required'")].concat(), &registry);
    let begun = Instant::now();
    running.take_in(of_app("one")).await;
    assert_eq!(heard(&mut told).await.0, "may");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    running.until(1, "must", DispatchState::Waiting, 1).await;
}

#[tokio::test]
async fn a_condition_on_details_is_decided_when_they_are_known() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/v1/apps/1")).respond_with(app()).mount(&server).await;
    let (registry, mut told) = telling();
    let handlers = [
        block("harbor", "when = 'details.app.name == \"Harbor\"'"),
        block("other", "when = 'details.app.name == \"Other\"'"),
        block("never", "when = 'event.kind == \"x\" and details.app.name == \"Harbor\"'"),
    ];
    let running = Running::start(&[asc_at(&server), handlers.concat()].concat(), &registry);
    running.take_in(of_app("one")).await;
    assert_eq!(heard(&mut told).await.0, "harbor");
    let result = async |handler| running.until(1, handler, DispatchState::Done, 1).await.history[0].result;
    assert_eq!([result("harbor").await, result("other").await], [AttemptResult::Ok, AttemptResult::PassedOver]);
    assert!(told.try_recv().is_err(), "`other` was not called");
    assert!(running.dispatch(1, "never").await.is_none(), "what is false whatever the details are is not even owed");
}

#[tokio::test]
async fn a_condition_on_details_that_nobody_tells_keeps_nothing_back() {
    let silent = answering(app().set_delay(Duration::from_mins(1))).await;
    for asc in [String::new(), asc_at(&silent)] {
        let (registry, mut told) = telling();
        let running = Running::start(&[asc, block("harbor", "when = 'details.app.name == \"Harbor\"'")].concat(), &registry);
        running.take_in(of_app("one")).await;
        assert_eq!(heard(&mut told).await.1, "one");
    }
}

#[tokio::test]
async fn the_sandboxs_feedback_reaches_a_handler_with_picture_and_log() {
    let (shutdown, clock) = (Shutdown::new(), ManualClock::new("2026-03-02T09:30:00Z".parse().unwrap()));
    let sandbox = Sandbox::start(Settings::new("127.0.0.1:0".parse().unwrap(), Arc::new(clock)), &shutdown).await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = handler_fn(move |_, ctx| {
        let tell = tell.clone();
        async move {
            let feedback = ctx.details().and_then(|details| details.feedback.clone()).unwrap_or_default();
            let name = feedback.screenshots.first().and_then(|shot| Some(shot.file.as_ref()?.name.clone()));
            let picture = ctx.file(name.as_deref().unwrap_or_default()).await?;
            Ok(tell.send((ctx.details().cloned(), picture))?)
        }
    });
    let registry = Registry::builtin().register_handler("told", handler);
    let key = sandbox.team_key();
    let section = asc(&sandbox.api_url(), &key.id, key.issuer_id.as_deref().unwrap(), key.private_key_pem.expose());
    let running = Running::start(&[section.replace("600ms", "20s"), block("a", "")].concat(), &registry);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/app", listener.local_addr().unwrap());
    let router = running.app.router();
    let hard = shutdown.hard().clone();
    shutdown.spawn(async move { hard.run_until_cancelled(axum::serve(listener, router).into_future()).await });
    sandbox.register(APPS[0].id, "ours", &url, &Secret::new(SECRET)).unwrap();
    sandbox.drive(Scenario::Feedback).await.unwrap();

    for _ in 0..2 {
        let call = tokio::time::timeout(Duration::from_secs(30), told.recv()).await.unwrap();
        let (details, picture): (Option<Details>, Option<Bytes>) = call.unwrap();
        let details = details.unwrap();
        assert_eq!((details.app_name(), details.platform()), (Some("Harbor"), Some("IOS")));
        assert!(details.is_settled() && details.build_number().is_some(), "{:?}", details.gaps);
        let feedback = details.feedback.unwrap();
        assert_eq!((feedback.device_model.as_deref(), feedback.email), (Some("iPhone17_1"), None));
        if let Some(log) = feedback.crash_log {
            assert!(log.text.contains("Thread 0 Crashed:"));
            assert!(details.link.unwrap().contains("/testflight/crashes/"));
        } else {
            assert!(picture.unwrap().starts_with(b"\x89PNG"), "the picture itself is kept");
        }
    }
    shutdown.cut_off();
}
