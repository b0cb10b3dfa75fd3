//! Page after page, and never anywhere else.

use std::sync::atomic::{AtomicUsize, Ordering};

use asc_webhooks::asc::Error;
use wiremock::{MockServer, Request};

use super::{client, json, on, requests, server, told};

fn page(ids: &[&str], next: Option<&str>, total: usize) -> String {
    let data: Vec<_> = ids.iter().map(|id| serde_json::json!({ "type": "webhooks", "id": id })).collect();
    let links = serde_json::json!({ "self": "/", "next": next });
    serde_json::json!({ "data": data, "links": links, "meta": { "paging": { "total": total, "limit": 2 } } }).to_string()
}

#[tokio::test]
async fn pages_come_one_after_another() {
    let server = MockServer::start().await;
    let base = server.uri();
    on(&server, "GET", "/v1/apps/1/webhooks", move |request: &Request| {
        let cursor = request.url.query_pairs().find(|(name, _)| name == "cursor").map(|(_, value)| value.into_owned());
        match cursor.as_deref() {
            None => json(200, page(&["a", "b"], Some(&format!("{base}/v1/apps/1/webhooks?cursor=2&limit=2")), 5)),
            Some("2") => json(200, page(&["c", "d"], Some("/v1/apps/1/webhooks?cursor=3"), 5)),
            Some(_) => json(200, page(&["e"], None, 5)),
        }
    })
    .await;
    let client = client(&server);
    let mut pages = client.webhooks("1").unwrap();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        assert_eq!(page.total, Some(5));
        seen.push(page.items.into_iter().map(|webhook| webhook.id).collect::<String>());
    }
    assert_eq!(seen, ["ab", "cd", "e"]);
    assert!(pages.next().await.unwrap().is_none(), "the end stays the end");
    assert_eq!(requests(&server).await.len(), 3);
}

#[tokio::test]
async fn a_page_that_failed_is_asked_for_again() {
    let server = MockServer::start().await;
    let count = AtomicUsize::new(0);
    on(&server, "GET", "/v1/apps/1/webhooks", move |_: &Request| match count.fetch_add(1, Ordering::Relaxed) {
        0 => json(200, page(&["a"], Some("/v1/apps/1/webhooks?cursor=2"), 2)),
        1 => json(400, r#"{"errors": [{"code": "PARAMETER_ERROR.INVALID"}]}"#),
        _ => json(200, page(&["b"], None, 2)),
    })
    .await;
    let client = client(&server);
    let mut pages = client.webhooks("1").unwrap();
    assert_eq!(pages.next().await.unwrap().unwrap().items[0].id, "a");
    assert_eq!(pages.next().await.unwrap_err().status(), Some(400));
    assert_eq!(pages.next().await.unwrap().unwrap().items[0].id, "b");
}

/// Follows a link to the next page and says what comes of it, and how many requests were made.
async fn follow(link: &str) -> (Error, usize) {
    let server = server(json(200, page(&["a"], Some(link), 9))).await;
    let error = client(&server).webhooks("1").unwrap().all().await.unwrap_err();
    (error, requests(&server).await.len())
}

#[tokio::test]
async fn a_link_that_leads_away_is_not_followed() {
    let stranger = server(json(200, page(&["mine"], None, 1))).await;
    let port = stranger.address().port();
    let links = [
        format!("http://127.0.0.1:{port}/v1/apps/1/webhooks?cursor=2"),
        format!("//127.0.0.1:{port}/v1"),
        format!("http://token@127.0.0.1:{port}/"),
        "https://api.appstoreconnect.apple.com.evil.example/v1".to_owned(),
        "data:text/plain,x".to_owned(),
        "http://[".to_owned(),
    ];
    for link in &links {
        let (error, asked) = follow(link).await;
        assert!(matches!(error, Error::ForeignPage { .. }), "{link}: {error}");
        assert_eq!(asked, 1, "{link}");
        assert!(!error.is_retryable());
    }
    assert!(requests(&stranger).await.is_empty(), "the token went to a stranger");
    let (error, _) = follow(&links[3]).await;
    let told = told(&error);
    let (start, _) = told.split_once("http://127").unwrap();
    insta::assert_snapshot!("a_foreign_page", start);
}

#[tokio::test]
async fn a_link_that_leads_back_ends_the_reading() {
    let (error, asked) = follow("/v1/apps/1/webhooks?cursor=2").await;
    assert!(matches!(error, Error::PageLoop { .. }), "{error}");
    assert_eq!(asked, 2);
}
