//! The ways of versions, and the files that testers send: what is shown of them, and how.

use serde_json::{Value, json};

use super::{page::words, *};

const VERSION: EventKind = EventKind::AppStoreVersionAppVersionStateUpdated;
const BETA: EventKind = EventKind::BuildBetaDetailExternalBuildStateUpdated;
const UPLOAD: EventKind = EventKind::BuildUploadStateUpdated;

/// Keeps what these states tell of a subject: each with the hour of its beginning, on the day of the tests or before it. Every receipt
/// gets these details.
async fn tell(bench: &Bench, kind: &EventKind, subject: &str, states: &[(&str, i64)], details: Option<&Value>) {
    let mut left: Option<&str> = None;
    for (state, hour) in states {
        let time = bench.clock.now().checked_add(jiff::SignedDuration::from_hours(*hour)).unwrap();
        let event = sample::of(kind).id(format!("{subject} {state} {hour}")).subject_id(subject).state(*state).time(time);
        let id = bench.keep(&left.into_iter().fold(event, sample::Sample::previous_state), &[]).await;
        if let Some(details) = details {
            assert!(bench.store.keep_details(id, details.to_string().into(), Vec::new()).await.unwrap());
        }
        left = Some(*state);
    }
}

fn harbor(version: &str, build: &str) -> Value {
    json!({
        "app": { "id": "100", "name": "Harbor" },
        "version": { "string": version, "platform": "IOS" },
        "build": { "number": build, "version": version, "platform": "IOS" }
    })
}

async fn filled() -> Bench {
    let bench = Bench::new();
    let (old, new) = (harbor("2.2", "41"), harbor("2.3", "45"));
    let released =
        [("WAITING_FOR_REVIEW", -400), ("IN_REVIEW", -380), ("READY_FOR_DISTRIBUTION", -378), ("REPLACED_WITH_NEW_VERSION", -1)];
    tell(&bench, &VERSION, "v1", &released, Some(&old)).await;
    let twice = [
        ("READY_FOR_REVIEW", -60),
        ("WAITING_FOR_REVIEW", -50),
        ("IN_REVIEW", -40),
        ("REJECTED", -37),
        ("WAITING_FOR_REVIEW", -20),
        ("IN_REVIEW", -3),
    ];
    tell(&bench, &VERSION, "v2", &twice, Some(&new)).await;
    tell(&bench, &UPLOAD, "u2", &[("PROCESSING", -70), ("COMPLETE", -69)], Some(&new)).await;
    tell(&bench, &BETA, "b2", &[("WAITING_FOR_BETA_REVIEW", -68), ("IN_BETA_REVIEW", -66), ("IN_BETA_TESTING", -65)], Some(&new))
        .await;
    tell(&bench, &VERSION, "f6a0-nameless", &[("IN_SECRET_REVIEW", -5)], None).await;
    bench
}

#[tokio::test]
async fn each_way_is_shown_with_its_times() {
    let bench = filled().await;
    let answer = bench.get("/versions").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    insta::assert_snapshot!("versions", words(&answer.text));
    assert!(answer.text.contains("<title>In Review: 3 h so far</title>"), "{}", answer.text);
    let one = bench.get("/versions?app=100&before=5").await.text;
    assert!(one.contains(">2.2 (41)</text>") && !one.contains(">2.3 (45)</text>") && one.contains("Newest"), "{one}");
    assert!(words(&bench.get("/versions?app=nobody").await.text).contains("Nothing is kept of this app"));
}

#[tokio::test]
async fn versions_are_listed_by_app_a_page_at_a_time() {
    let bench = filled().await;
    let subjects = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|way| way["subject_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = bench.get("/api/v1/versions").await.json();
    assert_eq!((subjects(&all), &all["next"]), (vec!["f6a0-nameless".into(), "v2".into(), "v1".into()], &Value::Null));
    let first = bench.get("/api/v1/versions?app=100&limit=1").await.json();
    assert_eq!((subjects(&first), &first["next"]), (vec!["v2".into()], &json!(5)));
    tell(&bench, &VERSION, "v1", &[("REMOVED", 0)], None).await;
    assert_eq!(subjects(&bench.get("/api/v1/versions?app=100&limit=1&before=5").await.json()), ["v1"]);
    assert_eq!(subjects(&bench.get("/api/v1/versions?kind=BUILD_UPLOAD_STATE_UPDATED").await.json()), ["u2"]);

    let way = &first["items"][0];
    assert_eq!(
        (&way["version"], &way["app_name"], &way["stays"][3]["phase"]),
        (&json!("2.3"), &json!("Harbor"), &json!("in_review"))
    );
    assert_eq!(way["waiting"], json!({ "rounds": 2, "seconds": 27 * 3_600, "is_all": true }));
    assert_eq!(way["in_review"], json!({ "rounds": 1, "seconds": 3 * 3_600, "is_all": false }));

    let times = bench.get("/api/v1/review-times").await.json();
    let harbor = times["items"].as_array().unwrap().iter().find(|times| times["app"] == "100").unwrap();
    assert_eq!(harbor["waiting"], json!({ "seconds": 17 * 3_600, "rounds": 3 }));
    assert_eq!((&harbor["versions"], &harbor["in_review_since"]), (&json!(2), &json!("2026-11-21T11:30:00Z")));
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

/// A receipt of feedback with these files.
async fn feedback(bench: &Bench, files: &[(&str, &'static [u8])]) -> ReceiptId {
    let id = bench.keep(&sample::of(&EventKind::BetaFeedbackCrashSubmissionCreated).id("feedback"), &[]).await;
    let screenshots: Vec<Value> =
        files.iter().map(|(name, _)| json!({ "file": { "name": name, "media_type": "image/png" } })).collect();
    let log = format!("Thread 0 crashed\n{}\nthe very end", "0x0 <b> frame\n".repeat(4_000));
    let details = json!({ "feedback": { "screenshots": screenshots, "crash_log": { "text": log } } });
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), Bytes::from_static(bytes))).collect();
    assert!(bench.store.keep_details(id, details.to_string().into(), files).await.unwrap());
    id
}

#[tokio::test]
async fn a_picture_is_shown_and_what_is_none_is_only_saved() {
    let bench = Bench::new();
    let page = b"<script>alert(1)</script>";
    let drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    feedback(&bench, &[("a.png", PNG), ("b.jpg", b"\xff\xd8\xff\xe0"), ("c.png", page), ("d.svg", drawing), ("e\"\n.html", page)])
        .await;
    for (name, kind, disposition) in [
        ("a.png", "image/png", ""),
        ("b.jpg", "image/jpeg", ""),
        ("c.png", "application/octet-stream", "attachment; filename=\"c.png\""),
        ("d.svg", "application/octet-stream", "attachment; filename=\"d.svg\""),
        ("e%22%0A.html", "application/octet-stream", "attachment"),
    ] {
        let answer = bench.get(&format!("/api/v1/receipts/1/files/{name}")).await;
        assert_eq!((answer.status, answer.header("content-type"), answer.header("content-disposition")), (200, kind, disposition));
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox", "{name}");
        assert_eq!((answer.header("x-content-type-options"), answer.header("cache-control")), ("nosniff", "no-store"));
    }
    for nothing in ["/api/v1/receipts/1/files/f.png", "/api/v1/receipts/1/files/..%2Fa.png", "/api/v1/receipts/2/files/a.png"] {
        assert_eq!(bench.get(nothing).await.status, 404, "{nothing}");
    }
}

#[tokio::test]
async fn the_event_has_its_pictures_and_its_crash_log() {
    let bench = Bench::new();
    feedback(&bench, &[("screenshot-1.png", PNG)]).await;
    let page = bench.get("/events/1").await.text.replace("&#x2f;", "/");
    assert!(page.contains(r#"alt="Screenshot 1 of 1""#) && page.contains("/api/v1/receipts/1/files/screenshot-1.png"), "{page}");
    assert!(page.contains("Thread 0 crashed") && page.contains("0x0 &lt;b&gt; frame") && !page.contains("the very end"), "cut");
    let log = bench.get("/api/v1/receipts/1/crash-log").await;
    assert!(log.text.starts_with("Thread 0 crashed\n") && log.text.ends_with("the very end"), "whole");
    assert_eq!(log.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(log.header("content-disposition"), "attachment; filename=\"crash-1.txt\"");
    assert_eq!(log.header("content-security-policy"), "default-src 'none'; sandbox");
    bench.keep(&version("no crash"), &[]).await;
    assert_eq!(bench.get("/api/v1/receipts/2/crash-log").await.status, 404);
}
