//! What nobody signs: only a token lets it in, and without one nothing tells the endpoint from none.

use http::Method;

use super::*;
use crate::inbox::{ReceiptId, Source};

const OLD: &str = "old-token-0f4a1c6d9b8e47d2a35c7e90";
const NEW: &str = "new-token-c3a97e10d54b4f688b02f6d1";

/// A receiver with the signed endpoint `/app`, and `/xcode/builds` with a token that ends after a second and one that does not.
fn bench() -> Bench {
    let bench = Bench::new();
    let token = |token: &str, label: &str, not_after: Option<&str>| config::EndpointSecret {
        secret: Secret::new(token),
        label: label.to_owned(),
        not_after: not_after.map(|end| end.parse().unwrap()),
    };
    let builds = config::Endpoint {
        kind: config::EndpointKind::XcodeCloud,
        secrets: Vec::new(),
        tokens: vec![token(OLD, "old", Some("1970-01-01T00:00:01Z")), token(NEW, "new", None)],
        ..endpoint("/xcode/builds", SECRET)
    };
    bench.receiver.reload(&[endpoint("/app", SECRET), builds]);
    bench
}

fn built(id: &str) -> Bytes {
    let sample = sample::of(&EventKind::XcodeCloudBuildCompleted).id(id);
    sample.set("webhook.url", format!("https://hooks.example.com/xcode/builds/{NEW}").into()).body()
}

#[tokio::test]
async fn a_token_lets_in_until_its_end() {
    let bench = bench();
    let ask = async |token: &str, id: &str| bench.ask(post(&format!("/xcode/builds/{token}"), &[], built(id))).await;
    ask(OLD, "a").await.is(200, OK);
    ask(NEW, "a").await.is(200, OK);
    assert_eq!(bench.store.receipts().await, 1, "the same build by either token");
    bench.clock.advance(Duration::from_secs(2));
    ask(OLD, "b").await.is(404, r#"{"error":"not found"}"#);
    ask(NEW, "b").await.is(200, OK);
    for unreadable in [&b""[..], b"not JSON", b"{}"] {
        bench.ask(post(&format!("/xcode/builds/{NEW}"), &[], unreadable)).await.is(200, OK);
    }
    assert_eq!(bench.store.receipts().await, 5);
}

#[tokio::test]
async fn without_a_token_there_is_no_endpoint() {
    let bench = bench();
    let (prefix, more) = (&NEW[..NEW.len() - 1], format!("{NEW}x"));
    let paths = [
        "/xcode/builds".to_owned(),
        "/xcode/builds/".to_owned(),
        format!("/xcode/builds/{prefix}"),
        format!("/xcode/builds/{more}"),
        format!("/xcode/builds/{}", NEW.to_uppercase()),
        format!("/xcode/builds/{NEW}/"),
        format!("/xcode/builds//{NEW}"),
        format!("/xcode/builds/{NEW}/more"),
        format!("/app/{NEW}"),
        format!("/{NEW}"),
    ];
    for method in [Method::POST, Method::GET, Method::PUT, Method::OPTIONS] {
        let request = |path: &str, body: Bytes| Request::builder().method(&method).uri(path).body(Body::from(body)).unwrap();
        let nowhere = bench.ask(request("/nowhere", built("a"))).await;
        assert_eq!(nowhere.status, 404);
        for path in &paths {
            let too_large = Bytes::from(vec![b' '; MAX_BODY + 1]);
            for body in [built("a"), too_large] {
                assert_eq!(bench.ask(request(path, body)).await, nowhere, "{method} {path}");
            }
        }
    }
    bench.shutdown.begin();
    let stopping = bench.ask(post("/xcode/builds/wrong", &[], built("a"))).await;
    assert_eq!(stopping, bench.ask(post("/nowhere", &[], built("a"))).await, "not even while stopping");
    assert_eq!(bench.store.receipts().await, 0);
}

#[tokio::test]
async fn a_signature_does_not_help_and_a_token_does_not_either() {
    let bench = bench();
    let body = notification("a");
    bench.ask(post("/xcode/builds", &[&signed_by(SECRET, &body)], body.clone())).await.is(404, r#"{"error":"not found"}"#);
    bench.ask(post("/app", &[NEW], built("a"))).await.is(401, UNAUTHORIZED);
    let get = Request::get(format!("/xcode/builds/{NEW}")).body(Body::empty()).unwrap();
    bench.ask(get).await.is(405, r#"{"error":"method not allowed"}"#);
    assert_eq!(bench.store.receipts().await, 0);
}

#[tokio::test]
async fn what_is_kept_is_marked_and_holds_no_token() {
    let bench = bench();
    bench.ask(post(&format!("/xcode/builds/{NEW}"), &[], built("a"))).await.is(200, OK);
    let body = notification("a");
    bench.ask(post(&format!("/xcode/builds/{NEW}"), &[&signed_by(SECRET, &body)], body)).await.is(200, OK);
    bench.ask(signed(notification("b"))).await.is(200, OK);
    let record = async |number| bench.store.receipt(ReceiptId(number)).await.unwrap().unwrap();
    let kept = record(1).await;
    assert_eq!((kept.receipt.source, kept.receipt.secret.as_deref()), (Source::Unsigned, Some("new")));
    let text = String::from_utf8(kept.body.to_vec()).unwrap();
    assert!(text.contains("/xcode/builds/***") && !text.contains(NEW), "{text}");
    assert_eq!(kept.receipt.source.read(kept.body).unwrap().kind, EventKind::XcodeCloudBuildCompleted);

    let forged = record(2).await.receipt;
    assert_eq!((forged.source, forged.signature), (Source::Unsigned, None));
    assert!(matches!(forged.content, crate::inbox::Content::Unparsed { .. }), "it is no event of App Store Connect");
    assert_eq!(record(3).await.receipt.source, Source::Pushed);
}
