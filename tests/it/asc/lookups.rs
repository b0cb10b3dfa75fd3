//! What is asked about each kind of event, held against Apple's schema, and what becomes of the answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use asc_webhooks::{
    asc::{Error, Settings, lookup::Lookup},
    event::{
        Details, Event, EventKind,
        details::{Gap, Why},
        sample,
    },
    http_client::Outgoing,
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::{client_with, json, on, requests, settings};
use crate::support::schema::Schema;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand so on";

fn lookup_with(settings: Settings, tester_email: bool) -> Lookup {
    Lookup::new(Arc::new(client_with(settings)), tester_email, &Outgoing::new(None).unwrap()).unwrap()
}

fn lookup(server: &MockServer) -> Lookup {
    lookup_with(settings(&server.uri()), false)
}

fn event(kind: &EventKind) -> Event {
    Event::parse(sample::of(kind).subject_id("s-1").app_id("6450000001").body()).unwrap()
}

async fn details(lookup: &Lookup, event: &Event) -> Details {
    let found = lookup.details(event, None, &|_| {}).await;
    assert!(found.error.is_none(), "{:?}", found.error);
    found.details
}

fn to(kind: &str, id: &str) -> Value {
    json!({ "data": { "type": kind, "id": id } })
}

fn build() -> Value {
    json!({
        "type": "builds", "id": "b-1",
        "attributes": {
            "version": "45", "processingState": "VALID", "expired": false, "uploadedDate": "2026-11-20T07:00:00Z",
            "expirationDate": "2027-02-18T07:00:00-08:00", "minOsVersion": "18.0"
        },
        "relationships": { "app": to("apps", "6450000001"), "preReleaseVersion": to("preReleaseVersions", "pr-1") },
    })
}

fn app() -> Value {
    json!({
        "type": "apps", "id": "6450000001", "attributes": { "name": "Harbor", "bundleId": "com.example.harbor", "sku": "harbor" }
    })
}

fn document(data: &Value, included: &[Value]) -> ResponseTemplate {
    json(200, json!({ "data": data, "included": included, "links": { "self": "/" } }).to_string())
}

/// Answers as Apple documents, with all there is to say.
fn apple(request: &Request) -> ResponseTemplate {
    let remarks = |code: &str| json!([{ "code": code, "description": "Something is missing." }]);
    let feedback = |kind: &str| {
        json!({
            "type": kind, "id": "s-1",
            "attributes": {
                "createdDate": "2026-11-21T08:00:00Z", "comment": "It closed.", "deviceModel": "iPhone17_1", "osVersion": "26.1",
                "batteryPercentage": 71, "connectionType": "WIFI", "locale": "en-GB", "appPlatform": "IOS", "appUptimeInMilliseconds": 48200,
                "screenshots": [
                    { "url": format!("http://{}/picture", request.headers["host"].to_str().unwrap()), "width": 1179, "height": 2556,
                      "expirationDate": "2026-11-28T08:00:00Z" }
                ],
            },
            "relationships": { "build": to("builds", "b-1") },
        })
    };
    let release = |kind: &str| {
        let relationships = json!({ "backgroundAssetVersion": to("backgroundAssetVersions", "av-1") });
        json!({ "type": kind, "id": "s-1", "attributes": { "state": "READY_FOR_TESTING" }, "relationships": relationships })
    };
    let package = json!({
        "type": "alternativeDistributionPackageVersions", "id": "pv-1", "attributes": { "version": "3", "state": "COMPLETED" },
        "relationships": { "alternativeDistributionPackage": to("alternativeDistributionPackages", "p-1") },
    });
    let name = Schema::of_lookups().name_of(request.method.as_str(), request.url.path());
    match name.as_deref() {
        Some("GET /v1/apps/{id}") => document(&app(), &[]),
        Some("GET /v1/appStoreVersions/{id}") => {
            let attributes = json!({
                "versionString": "2.3", "platform": "IOS", "appVersionState": "REJECTED", "releaseType": "SCHEDULED",
                "earliestReleaseDate": "2026-12-01T00:00:00Z", "reviewType": "APP_STORE", "createdDate": "2026-11-19T08:00:00Z",
            });
            let version = json!({ "type": "appStoreVersions", "id": "s-1", "attributes": attributes });
            document(&version, &[app(), build()])
        }
        Some("GET /v1/buildUploads/{id}") => document(
            &json!({
                "type": "buildUploads", "id": "s-1",
                "attributes": {
                    "cfBundleShortVersionString": "2.3", "cfBundleVersion": "45", "platform": "IOS",
                    "state": { "state": "COMPLETE", "errors": remarks("90683"), "warnings": remarks("90899"), "infos": [] },
                },
                "relationships": { "build": to("builds", "b-1") },
            }),
            &[],
        ),
        Some("GET /v1/builds/{id}" | "GET /v1/buildBetaDetails/{id}/build") => document(
            &build(),
            &[
                app(),
                json!({ "type": "preReleaseVersions", "id": "pr-1", "attributes": { "version": "2.3", "platform": "IOS" } }),
                json!({
                    "type": "buildBetaDetails", "id": "d-1",
                    "attributes": { "internalBuildState": "IN_BETA_TESTING", "externalBuildState": "BETA_REJECTED", "autoNotifyEnabled": true }
                }),
                json!({ "type": "betaAppReviewSubmissions", "id": "r-1", "attributes": { "betaReviewState": "REJECTED" } }),
                json!({ "type": "betaGroups", "id": "g-1", "attributes": { "name": "Friends", "isInternalGroup": false } }),
            ],
        ),
        Some("GET /v1/betaFeedbackScreenshotSubmissions/{id}") => document(&feedback("betaFeedbackScreenshotSubmissions"), &[]),
        Some("GET /v1/betaFeedbackCrashSubmissions/{id}") => document(&feedback("betaFeedbackCrashSubmissions"), &[]),
        Some("GET /v1/betaFeedbackCrashSubmissions/{id}/crashLog") => {
            document(&json!({ "type": "betaCrashLogs", "id": "s-1", "attributes": { "logText": "Thread 0 Crashed:" } }), &[])
        }
        Some("GET /v1/backgroundAssetVersions/{id}") => document(
            &json!({
                "type": "backgroundAssetVersions", "id": "av-1",
                "attributes": {
                    "version": "2", "platforms": ["IOS"], "state": "FAILED",
                    "stateDetails": { "errors": remarks("1"), "warnings": [] },
                },
            }),
            &[
                json!({
                    "type": "backgroundAssets", "id": "a-1", "attributes": { "assetPackIdentifier": "com.example.charts" },
                    "relationships": { "app": to("apps", "6450000001") }
                }),
                release("backgroundAssetVersionInternalBetaReleases"),
            ],
        ),
        Some("GET /v1/backgroundAssetVersionInternalBetaReleases/{id}") => {
            document(&release("backgroundAssetVersionInternalBetaReleases"), &[])
        }
        Some("GET /v1/backgroundAssetVersionExternalBetaReleases/{id}") => {
            document(&release("backgroundAssetVersionExternalBetaReleases"), &[])
        }
        Some("GET /v1/backgroundAssetVersionAppStoreReleases/{id}") => {
            document(&release("backgroundAssetVersionAppStoreReleases"), &[])
        }
        Some("GET /v1/alternativeDistributionPackageVersions/{id}") => document(&package, &[]),
        Some("GET /v1/alternativeDistributionPackages/{id}") => {
            let replaced = json!({
                "type": "alternativeDistributionPackageVersions", "id": "pv-0", "attributes": { "version": "2", "state": "REPLACED" }
            });
            document(&json!({ "type": "alternativeDistributionPackages", "id": "s-1" }), &[replaced, package])
        }
        _ if request.url.path() == "/picture" => ResponseTemplate::new(200).set_body_bytes(PNG),
        other => panic!("{other:?} is not answered: {}", request.url),
    }
}

async fn apple_with_all() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(apple).mount(&server).await;
    server
}

#[tokio::test]
async fn every_request_is_as_apple_documents_it_and_nobody_is_asked_without_need() {
    let server = apple_with_all().await;
    let mut asked = BTreeMap::new();
    for kind in EventKind::ALL.iter().filter(|kind| !kind.family().is_unsigned()) {
        server.reset().await;
        Mock::given(any()).respond_with(apple).mount(&server).await;
        details(&lookup_with(settings(&server.uri()), true), &event(kind)).await;
        let mut names = Vec::new();
        for request in requests(&server).await {
            let path = request.url.path();
            if path == "/picture" {
                assert!(!request.headers.contains_key("authorization"), "the token is for the API alone");
                names.push("the picture".to_owned());
                continue;
            }
            let schema = Schema::of_lookups();
            assert_eq!(schema.problems_of_request("GET", &request.url, &request.body), [""; 0], "{}", request.url);
            names.push(schema.name_of("GET", path).unwrap());
        }
        asked.insert(kind.as_str(), names);
    }
    insta::assert_json_snapshot!(asked);
}

#[tokio::test]
async fn what_is_known_of_each_kind() {
    let server = apple_with_all().await;
    let lookup = lookup(&server);
    let mut known = BTreeMap::new();
    for kind in EventKind::ALL.iter().filter(|kind| !kind.family().is_unsigned()) {
        let mut details = details(&lookup, &event(kind)).await;
        assert!(details.is_settled(), "{kind}: {:?}", details.gaps);
        for shot in details.feedback.iter_mut().flat_map(|feedback| &mut feedback.screenshots) {
            shot.url = shot.url.as_ref().map(|url| url.replace(&server.uri(), "[api]"));
        }
        known.insert(kind.as_str(), without_nothing(serde_json::to_value(details).unwrap()));
    }
    insta::assert_json_snapshot!(known);
}

/// Leaves out what is not known, so that a page shows what is.
fn without_nothing(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let is_something = |value: &Value| !value.is_null() && *value != json!([]);
    members.into_iter().filter(|(_, value)| is_something(value)).map(|(name, value)| (name, without_nothing(value))).collect()
}

#[tokio::test]
async fn pictures_come_along() {
    let server = apple_with_all().await;
    let found = lookup(&server).details(&event(&EventKind::BetaFeedbackScreenshotSubmissionCreated), None, &|_| {}).await;
    let file = found.details.feedback.unwrap().screenshots.remove(0).file.unwrap();
    assert_eq!((file.name.as_str(), file.media_type.as_str(), file.size), ("screenshot-1.png", "image/png", PNG.len() as u64));
    assert_eq!(found.files, [(file.name, PNG.into())]);
}

#[tokio::test]
async fn a_testers_address_is_asked_for_only_where_it_is_wanted() {
    let server = apple_with_all().await;
    for (wanted, expected) in [(false, false), (true, true)] {
        server.reset().await;
        Mock::given(any()).respond_with(apple).mount(&server).await;
        details(&lookup_with(settings(&server.uri()), wanted), &event(&EventKind::BetaFeedbackCrashSubmissionCreated)).await;
        let asked: String = requests(&server).await.iter().map(|request| request.url.to_string()).collect();
        assert_eq!(asked.contains("email"), expected);
        assert!(!asked.contains("tester"), "the tester is not asked for at all");
    }
}

#[tokio::test]
async fn the_app_is_asked_for_once() {
    let server = apple_with_all().await;
    let lookup = lookup(&server);
    let event = event(&EventKind::AppUnavailable);
    let all = futures_util::future::join_all((0..100).map(|_| details(&lookup, &event))).await;
    assert!(all.iter().all(|details| details.app_name() == Some("Harbor")));
    assert_eq!(requests(&server).await.len(), 1);
}

#[tokio::test]
async fn feedback_on_one_build_asks_for_the_build_once() {
    let server = apple_with_all().await;
    let lookup = lookup(&server);
    for _ in 0..20 {
        details(&lookup, &event(&EventKind::BetaFeedbackScreenshotSubmissionCreated)).await;
    }
    let requests = requests(&server).await;
    let asked: Vec<_> = requests.iter().map(|request| request.url.path()).collect();
    let count = |path: &str| asked.iter().filter(|asked| **asked == path).count();
    assert_eq!((count("/v1/betaFeedbackScreenshotSubmissions/s-1"), count("/v1/builds/b-1")), (20, 1), "{asked:?}");
}

#[tokio::test]
async fn the_endpoints_app_stands_in_for_one_that_is_not_named() {
    let server = apple_with_all().await;
    let ping = event(&EventKind::WebhookPingCreated);
    let found = lookup(&server).details(&ping, Some("6450000001"), &|_| {}).await;
    assert_eq!(found.details.app_name(), Some("Harbor"));
    assert_eq!(lookup(&server).details(&ping, None, &|_| {}).await.details, Details::default());
}

/// What an answer to the request for a version leaves unknown, and whether an error comes along.
async fn check(answer: ResponseTemplate, why: Why, has_error: bool) {
    let server = MockServer::start().await;
    on(&server, "GET", "/v1/appStoreVersions/s-1", answer).await;
    on(&server, "GET", "/v1/apps/1", document(&app(), &[])).await;
    let event = event(&EventKind::AppStoreVersionAppVersionStateUpdated);
    let found = lookup(&server).details(&event, Some("1"), &|_| {}).await;
    let expected: Vec<Gap> = serde_json::from_value(json!([{ "what": "version", "why": why }])).unwrap();
    assert_eq!(found.details.gaps, expected);
    assert_eq!(found.error.is_some(), has_error, "{:?}", found.error);
    assert_eq!(found.details.app_name(), Some("Harbor"), "what else there is to know is known");
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    json(status, json!({ "errors": [{ "status": status.to_string(), "code": code, "title": "No.", "detail": "No." }] }).to_string())
}

#[tokio::test]
async fn what_cannot_be_learned_is_a_gap() {
    check(refusal(404, "NOT_FOUND"), Why::Gone, false).await;
    check(ResponseTemplate::new(404).set_body_string("<html><title>Proxy</title>"), Why::Unavailable, true).await;
    check(refusal(403, "FORBIDDEN_ERROR"), Why::Refused, true).await;
    check(refusal(401, "NOT_AUTHORIZED"), Why::Refused, true).await;
    check(refusal(500, "UNEXPECTED_ERROR"), Why::Unavailable, true).await;
    check(refusal(429, "RATE_LIMIT_EXCEEDED"), Why::Unavailable, true).await;
    check(json(200, "{\"data\": [1, 2"), Why::Unavailable, true).await;
    check(json(200, "{\"data\": \"yes\"}"), Why::Unavailable, true).await;
    check(ResponseTemplate::new(200).set_body_string("<html>"), Why::Unavailable, true).await;
}

#[tokio::test]
async fn a_field_of_another_type_costs_no_other() {
    let server = MockServer::start().await;
    let version = json!({
        "type": "appStoreVersions", "id": "s-1",
        "attributes": { "versionString": 23, "platform": ["IOS"], "createdDate": "yesterday", "appVersionState": "REJECTED" },
        "relationships": [],
    });
    on(&server, "GET", "/v1/appStoreVersions/s-1", document(&version, &[json!({ "type": "apps", "id": "1", "attributes": 7 })]))
        .await;
    on(&server, "GET", "/v1/apps/1", document(&app(), &[])).await;
    let details = details(&lookup(&server), &event(&EventKind::AppStoreVersionAppVersionStateUpdated)).await;
    let version = details.version.unwrap();
    assert_eq!(
        (version.string, version.platform, version.created_at, version.state.as_deref()),
        (None, None, None, Some("REJECTED"))
    );
}

#[tokio::test]
async fn nothing_out_of_an_event_becomes_an_address() {
    let server = apple_with_all().await;
    let hostile = ["../apps", "..", "x/../../v1/users", "http://127.0.0.1/", "a?include=x#y", "%2e%2e", ""];
    let mut paths = BTreeSet::new();
    for id in hostile {
        let sample = sample::of(&EventKind::WebhookPingCreated);
        for kind in ["appStoreVersions", "users", "../webhooks"] {
            let subject = json!({ "data": { "type": kind, "id": id }, "links": { "self": server.uri() } });
            let event = Event::parse(sample.clone().set("relationships.instance", subject).body()).unwrap();
            lookup(&server).details(&event, None, &|_| {}).await;
        }
    }
    for request in requests(&server).await {
        paths.insert(request.url.path().to_owned());
    }
    for path in &paths {
        let segments: Vec<_> = path.split('/').collect();
        assert_eq!((segments.len(), segments[2]), (4, "appStoreVersions"), "{path}");
    }
    assert_eq!(paths.len(), 5, "{paths:?}");
}

#[tokio::test]
async fn a_picture_that_is_none_or_too_large_is_not_taken() {
    for body in [b"<html>".to_vec(), [PNG, &vec![0; 10 * 1024 * 1024]].concat()] {
        let server = MockServer::start().await;
        on(&server, "GET", "/picture", ResponseTemplate::new(200).set_body_bytes(body)).await;
        Mock::given(any()).respond_with(apple).mount(&server).await;
        let found = lookup(&server).details(&event(&EventKind::BetaFeedbackScreenshotSubmissionCreated), None, &|_| {}).await;
        assert!(found.files.is_empty() && found.error.is_none());
        assert_eq!(found.details.feedback.unwrap().screenshots[0].file, None);
        assert_eq!(found.details.gaps[0].what, "screenshot");
    }
}

#[tokio::test]
async fn what_is_known_is_told_as_it_comes_and_a_slow_api_is_given_up() {
    let server = MockServer::start().await;
    on(&server, "GET", "/v1/builds/b-1", document(&build(), &[]).set_delay(Duration::from_mins(1))).await;
    Mock::given(any()).respond_with(apple).mount(&server).await;
    let mut settings = settings(&server.uri());
    settings.timeout = Duration::from_millis(200);
    let told = Mutex::new(Vec::new());
    let so_far = |details: &Details| told.lock().unwrap().push(details.clone());
    let found = lookup_with(settings, false).details(&event(&EventKind::BuildUploadStateUpdated), None, &so_far).await;
    assert_eq!(told.lock().unwrap()[0].build_number(), Some("45"));
    assert!(matches!(found.error, Some(Error::TimedOut { .. })), "{:?}", found.error);
    assert_eq!((found.details.build_number(), found.details.version_string()), (Some("45"), Some("2.3")));
    assert_eq!(
        requests(&server).await.iter().filter(|request| request.url.path() == "/v1/builds/b-1").count(),
        2,
        "twice, no more"
    );
}
