//! A server on loopback that answers as App Store Connect does: what it is asked, and what becomes of each answer.

use std::time::Duration;

use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use super::*;
use crate::{
    asc::{Credentials, Retry, Settings},
    clock::SystemClock,
    event::sample,
};

fn pem() -> String {
    p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

fn act(server: &MockServer, action: Action) -> Act {
    let mut settings = Settings::new(server.uri().parse().unwrap());
    settings.interval = Duration::ZERO;
    settings.retry = Retry { first: Duration::from_millis(1), ..Retry::default() };
    let credentials = Credentials::individual("KEY1234567", &Secret::new(pem())).unwrap();
    let client = Client::new(credentials, settings, &Outgoing::new(None).unwrap(), Arc::new(SystemClock::new())).unwrap();
    Act { client: Arc::new(client), action, dry_run: false }
}

fn uploaded() -> Event {
    Event::parse(sample::of(&EventKind::BuildUploadStateUpdated).subject_id("u-1").state("COMPLETE").body()).unwrap()
}

fn ready_for_submission() -> Event {
    let sample = sample::of(&EventKind::BuildBetaDetailExternalBuildStateUpdated);
    Event::parse(sample.subject_id("d-1").state("READY_FOR_BETA_SUBMISSION").body()).unwrap()
}

fn approved() -> Event {
    let sample = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated);
    Event::parse(sample.subject_id("v-1").state("PENDING_DEVELOPER_RELEASE").body()).unwrap()
}

async fn on(server: &MockServer, verb: &str, at: &str, status: u16, body: Value) {
    let answer = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
}

/// The same, for the first request only.
async fn once(server: &MockServer, verb: &str, at: &str, status: u16, body: Value) {
    let answer = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(method(verb)).and(path(at)).respond_with(answer).up_to_n_times(1).mount(server).await;
}

fn to(kind: &str, id: &str) -> Value {
    json!({ "type": kind, "id": id })
}

fn build(processing: &str, external: &str, groups: &[&str]) -> Value {
    let groups: Vec<_> = groups.iter().map(|id| to("betaGroups", id)).collect();
    let relationships = json!({
        "app": { "data": to("apps", "a-1") },
        "buildBetaDetail": { "data": to("buildBetaDetails", "d-1") },
        "betaGroups": { "data": groups },
    });
    let detail = json!({ "type": "buildBetaDetails", "id": "d-1", "attributes": { "externalBuildState": external } });
    let attributes = json!({ "version": "45", "processingState": processing, "expired": false });
    let data = json!({ "type": "builds", "id": "b-1", "attributes": attributes, "relationships": relationships });
    json!({ "data": data, "included": [to("apps", "a-1"), detail] })
}

fn version(state: &str) -> Value {
    let attributes = json!({ "versionString": "2.3", "appVersionState": state });
    json!({ "data": { "type": "appStoreVersions", "id": "v-1", "attributes": attributes } })
}

/// A server with an upload that became a build, and the groups of its app.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let upload = json!({ "type": "buildUploads", "id": "u-1", "relationships": { "build": { "data": to("builds", "b-1") } } });
    on(&server, "GET", "/v1/buildUploads/u-1", 200, json!({ "data": upload })).await;
    on(&server, "GET", "/v1/buildBetaDetails/d-1/build", 200, json!({ "data": to("builds", "b-1") })).await;
    let group = |id: &str, name: &str, all: bool| json!({ "type": "betaGroups", "id": id, "attributes": { "name": name, "hasAccessToAllBuilds": all } });
    let groups = [group("g-1", "Friends", false), group("g-2", "Press", false), group("g-3", "Team", true)];
    on(&server, "GET", "/v1/apps/a-1/betaGroups", 200, json!({ "data": groups })).await;
    server
}

fn conflict() -> Value {
    json!({ "errors": [{ "status": "409", "code": "STATE_ERROR", "title": "Conflict", "detail": "Not in this state." }] })
}

/// What was asked for, as path and body.
async fn asked(server: &MockServer) -> Vec<(String, Value)> {
    let requests = server.received_requests().await.unwrap();
    let changes = requests.iter().filter(|request| request.method != "GET");
    changes.map(|request| (request.url.path().to_owned(), request.body_json().unwrap())).collect()
}

async fn handle(act: &Act, event: Event) -> Result<(), HandlerError> {
    act.handle(Arc::new(event), Context::sample()).await
}

fn groups(names: &[&str]) -> Action {
    Action::AddToGroups(names.iter().map(ToString::to_string).collect())
}

const RELEASES: &str = "/v1/appStoreVersionReleaseRequests";
const REVIEWS: &str = "/v1/betaAppReviewSubmissions";
const GROUPS: &str = "/v1/builds/b-1/relationships/betaGroups";

#[tokio::test]
async fn a_build_goes_to_the_groups_that_do_not_have_it() {
    let server = server().await;
    on(&server, "GET", "/v1/builds/b-1", 200, build("VALID", "READY_FOR_BETA_SUBMISSION", &["g-2"])).await;
    on(&server, "POST", GROUPS, 204, Value::Null).await;
    handle(&act(&server, groups(&["Friends", "g-1", "Press", "Team"])), uploaded()).await.unwrap();
    assert_eq!(asked(&server).await, [(GROUPS.to_owned(), json!({ "data": [to("betaGroups", "g-1")] }))]);
}

#[tokio::test]
async fn a_build_that_is_where_it_should_be_stays_there() {
    let server = server().await;
    on(&server, "GET", "/v1/builds/b-1", 200, build("VALID", "IN_BETA_TESTING", &["g-2", "g-1"])).await;
    handle(&act(&server, groups(&["Friends", "Press", "Team"])), uploaded()).await.unwrap();
    handle(&act(&server, Action::SubmitForBetaReview), ready_for_submission()).await.unwrap();
    handle(&act(&server, Action::SubmitForBetaReview), uploaded()).await.unwrap();
    assert_eq!(asked(&server).await, []);
}

#[tokio::test]
async fn a_group_that_is_not_there_is_said_with_those_that_are() {
    let server = server().await;
    on(&server, "GET", "/v1/builds/b-1", 200, build("VALID", "READY_FOR_BETA_SUBMISSION", &[])).await;
    let error = handle(&act(&server, groups(&["Friends", "Freinds"])), uploaded()).await.unwrap_err();
    assert!(error.is_reject());
    assert_eq!(error.to_string(), "app a-1 has no group `Freinds`: its groups are `Friends`, `Press`, `Team`");
    assert_eq!(error.unquoted(), "app a-1 has no group `Freinds`", "how a team calls its testers is in no log");
    assert_eq!(asked(&server).await, [], "all or nothing");
}

#[tokio::test]
async fn a_build_is_submitted_on_either_hint() {
    for event in [uploaded(), ready_for_submission()] {
        let server = server().await;
        on(&server, "GET", "/v1/builds/b-1", 200, build("VALID", "READY_FOR_BETA_SUBMISSION", &[])).await;
        on(&server, "POST", REVIEWS, 201, json!({ "data": to("betaAppReviewSubmissions", "s-1") })).await;
        handle(&act(&server, Action::SubmitForBetaReview), event).await.unwrap();
        let asked = asked(&server).await;
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].1["data"]["relationships"]["build"]["data"], to("builds", "b-1"));
    }
}

#[tokio::test]
async fn what_apple_is_not_done_with_is_tried_again() {
    let server = server().await;
    on(&server, "GET", "/v1/builds/b-1", 200, build("PROCESSING", "PROCESSING", &[])).await;
    for action in [groups(&["Friends"]), Action::SubmitForBetaReview] {
        let error = handle(&act(&server, action), uploaded()).await.unwrap_err();
        assert!(!error.is_reject());
        assert_eq!(error.to_string(), "build b-1 is still being processed");
    }
    assert_eq!(asked(&server).await, []);
}

#[tokio::test]
async fn a_build_that_cannot_be_used_is_left_alone() {
    for state in ["INVALID", "FAILED"] {
        let server = server().await;
        on(&server, "GET", "/v1/builds/b-1", 200, build(state, "PROCESSING_EXCEPTION", &[])).await;
        handle(&act(&server, groups(&["Friends"])), uploaded()).await.unwrap();
        assert_eq!(asked(&server).await, []);
    }
}

#[tokio::test]
async fn a_version_is_released_if_it_still_waits_for_that() {
    let server = server().await;
    once(&server, "GET", "/v1/appStoreVersions/v-1", 200, version("PENDING_DEVELOPER_RELEASE")).await;
    on(&server, "GET", "/v1/appStoreVersions/v-1", 200, version("PROCESSING_FOR_DISTRIBUTION")).await;
    on(&server, "POST", RELEASES, 201, json!({ "data": to("appStoreVersionReleaseRequests", "r-1") })).await;
    let act = act(&server, Action::Release);
    handle(&act, approved()).await.unwrap();
    handle(&act, approved()).await.unwrap();
    let asked = asked(&server).await;
    assert_eq!(asked.len(), 1, "the second time it is out already");
    assert_eq!(asked[0].1["data"]["relationships"]["appStoreVersion"]["data"], to("appStoreVersions", "v-1"));
}

#[tokio::test]
async fn a_dry_run_reads_and_changes_nothing() {
    let server = server().await;
    on(&server, "GET", "/v1/appStoreVersions/v-1", 200, version("PENDING_DEVELOPER_RELEASE")).await;
    handle(&Act { dry_run: true, ..act(&server, Action::Release) }, approved()).await.unwrap();
    assert_eq!(asked(&server).await, []);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_conflict_is_done_if_somebody_was_faster_and_a_failure_otherwise() {
    for (after, done) in [("PROCESSING_FOR_DISTRIBUTION", true), ("PENDING_DEVELOPER_RELEASE", false)] {
        for status in [409, 422] {
            let server = server().await;
            once(&server, "GET", "/v1/appStoreVersions/v-1", 200, version("PENDING_DEVELOPER_RELEASE")).await;
            on(&server, "GET", "/v1/appStoreVersions/v-1", 200, version(after)).await;
            on(&server, "POST", RELEASES, status, conflict()).await;
            let ended = handle(&act(&server, Action::Release), approved()).await;
            assert_eq!(asked(&server).await.len(), 1);
            assert_eq!(ended.is_ok(), done, "{after} {status}");
            if let Err(error) = ended {
                assert!(error.is_reject());
                let expected = format!("POST {RELEASES}: answered {status} STATE_ERROR: Not in this state");
                assert_eq!(error.to_string(), expected, "Apple's own words");
                let for_log = format!("POST {RELEASES}: answered {status} STATE_ERROR");
                assert_eq!(error.unquoted(), for_log, "and the log without");
            }
        }
    }
}

/// What becomes of a release when reading the version is answered with this.
async fn check(status: u16, is_reject: bool) {
    let server = server().await;
    on(&server, "GET", "/v1/appStoreVersions/v-1", status, conflict()).await;
    let error = handle(&act(&server, Action::Release), approved()).await.unwrap_err();
    assert_eq!(error.is_reject(), is_reject, "{status}: {error}");
    assert_eq!(asked(&server).await, []);
}

#[tokio::test]
async fn trouble_is_waited_out_and_refusals_are_final() {
    check(429, false).await;
    check(500, false).await;
    check(401, true).await;
    check(403, true).await;
    check(404, true).await;
}

#[tokio::test]
async fn a_lost_answer_is_looked_after_before_anything_is_asked_again() {
    let server = server().await;
    once(&server, "GET", "/v1/appStoreVersions/v-1", 200, version("PENDING_DEVELOPER_RELEASE")).await;
    on(&server, "GET", "/v1/appStoreVersions/v-1", 200, version("PROCESSING_FOR_DISTRIBUTION")).await;
    on(&server, "POST", RELEASES, 502, Value::Null).await;
    let act = act(&server, Action::Release);
    assert!(!handle(&act, approved()).await.unwrap_err().is_reject());
    handle(&act, approved()).await.unwrap();
    assert_eq!(asked(&server).await.len(), 1);
}

#[tokio::test]
async fn other_states_ask_nothing_at_all() {
    let server = server().await;
    let with = |kind: EventKind, state: &str| Event::parse(sample::of(&kind).state(state).body()).unwrap();
    handle(&act(&server, groups(&["Friends"])), with(EventKind::BuildUploadStateUpdated, "FAILED")).await.unwrap();
    handle(&act(&server, Action::Release), with(EventKind::AppStoreVersionAppVersionStateUpdated, "REJECTED")).await.unwrap();
    let beta = EventKind::BuildBetaDetailExternalBuildStateUpdated;
    handle(&act(&server, Action::SubmitForBetaReview), with(beta, "BETA_APPROVED")).await.unwrap();
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn each_action_wants_its_kinds_only() {
    let wanted = |action: Action| {
        let key = Credentials::individual("KEY1234567", &Secret::new(pem())).unwrap();
        let settings = Settings::new(APPLE.parse().unwrap());
        let client = Client::new(key, settings, &Outgoing::new(None).unwrap(), Arc::new(SystemClock::new())).unwrap();
        let act = Act { client: Arc::new(client), action, dry_run: true };
        EventKind::ALL.iter().filter(|kind| act.wants(kind)).map(EventKind::as_str).collect::<Vec<_>>()
    };
    assert_eq!(wanted(groups(&["Friends"])), ["buildUploadStateUpdated"]);
    assert_eq!(wanted(Action::Release), ["appStoreVersionAppVersionStateUpdated"]);
    let mut both = wanted(Action::SubmitForBetaReview);
    both.sort_unstable();
    assert_eq!(both, ["buildBetaDetailExternalBuildStateUpdated", "buildUploadStateUpdated"]);
}

fn said(keys: &str) -> String {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let defaults = "groups = []\ndry_run = true\nuse_asc_key = false\n";
    let mut table: toml::Table = defaults.parse().unwrap();
    table.extend(keys.parse::<toml::Table>().unwrap());
    let section = Section::new("act", table, Outgoing::new(None).unwrap());
    Act::new(&section, None, &clock).map_or_else(|error| error.to_string(), |act| format!("{:?}", act.action))
}

#[test]
fn slips_in_the_keys_are_said() {
    let own = format!("key_id = 'KEY1234567'\nprivate_key = '''{}'''\n", pem());
    let all = [
        format!("action = 'release'\n{own}"),
        format!("action = 'add-to-groups'\ngroups = ['Friends']\n{own}"),
        "action = 'release'".to_owned(),
        "action = 'relase'\nkey_id = 'KEY1234567'".to_owned(),
        format!("action = 'add-to-groups'\n{own}"),
        format!("action = 'release'\ngroups = ['Friends']\nbase_url = 'http://example.com'\n{own}"),
        format!("action = 'release'\nuse_asc_key = true\n{own}"),
        "action = 'release'\nkey_id = 'KEY1234567'\nprivate_key = 'hunter2'".to_owned(),
    ];
    insta::assert_snapshot!(all.map(|keys| said(&keys)).join("\n"));
}
