//! The page and its buttons.

use asc_webhooks::{sandbox::Mishap, secret::Secret};
use serde_json::json;

use super::{Answer, HARBOR, SECRET, Scene};

async fn page(scene: &Scene) -> Answer {
    Answer::read(scene.http.get(scene.running.api_url()).send().await.unwrap()).await
}

#[tokio::test]
async fn the_page_shows_what_there_is_and_no_secret() {
    let scene = Scene::new().await;
    let hostile = r#"<script>alert("&'")</script>"#;
    let url = format!("{}?x=<i>", scene.receiver.url);
    let webhook = scene.running.register(HARBOR, hostile, &url, &Secret::new(SECRET)).unwrap();
    scene.running.ping(&webhook).await;
    let page = page(&scene).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert_eq!(policy, "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    assert!(page.text.contains("&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;"));
    assert!(!page.text.contains("<script") && !page.text.contains("<i>"), "{}", page.text);
    assert!(page.text.contains("webhookPingCreated") && page.text.contains(r#"<span class="state SUCCEEDED">"#));
    assert!(!page.text.contains(SECRET) && !page.text.contains("PRIVATE KEY"));
    let style = scene.http.get(format!("{}/sandbox/style.css", scene.running.api_url())).send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css");
}

#[tokio::test]
async fn every_button_does_what_it_says() {
    let scene = Scene::new().await;
    let webhook = scene.register();
    let step = scene.press("/sandbox/step", "scenario=release").await;
    assert_eq!((step.status, step.at("/summary")), (200, json!("build upload: AWAITING_UPLOAD → PROCESSING")));
    let rest = scene.press("/sandbox/drive", &format!("scenario=release&app={HARBOR}&pace=1ms")).await;
    assert_eq!(rest.at("/items").as_array().unwrap().len(), 8);
    assert_eq!(scene.press("/sandbox/ping", &format!("webhook={webhook}")).await.status, 200);
    assert_eq!(scene.press("/sandbox/burst", "events=20").await.at("/items").as_array().unwrap().len(), 20);
    assert_eq!(scene.receiver.received().len(), 30);
    let deliveries = scene.request("GET", "/sandbox/deliveries", None, None).await;
    assert_eq!(deliveries.at("/items").as_array().unwrap().len(), 30);
    let first = deliveries.at("/items/0/id");
    assert_eq!(scene.press("/sandbox/redeliver", &format!("delivery={}", first.as_str().unwrap())).await.status, 200);
    assert_eq!(scene.running.deliveries().last().map(|delivery| delivery.redelivery), Some(true));

    assert_eq!(scene.press("/sandbox/faults", "fault=drop").await.at("/often"), json!({ "next": 1 }));
    assert_eq!(scene.press("/sandbox/faults", "fault=delay&probability=0.5&time=20ms").await.at("/often/probability"), json!(0.5));
    assert_eq!(scene.running.faults()[1].mishap, Mishap::Delay(std::time::Duration::from_millis(20)));
    assert!(page(&scene).await.text.contains("<b>a notification is sent later</b>, 50 times in 100"));
    assert_eq!(scene.request("GET", "/sandbox/faults", None, None).await.at("/items").as_array().unwrap().len(), 2);
    assert_eq!(scene.press("/sandbox/faults/clear", "").await.status, 200);
    assert_eq!(scene.running.faults(), []);
}

#[tokio::test]
async fn a_webhook_is_registered_by_hand() {
    let scene = Scene::new().await;
    assert!(page(&scene).await.text.contains("None is registered"));
    let form = format!("url={}&secret={}", scene.receiver.url, SECRET.replace(' ', "+"));
    let id = scene.press("/sandbox/webhooks", &form).await.at("/id");
    assert!(page(&scene).await.text.contains(id.as_str().unwrap()));
    scene.press("/sandbox/drive", "scenario=feedback").await;
    assert_eq!(scene.receiver.received().iter().filter(|received| received.verify(SECRET).is_ok()).count(), 2);
    let page = page(&scene).await.text;
    assert!(page.contains("<b>feedback with a crash</b>; 1 webhook was told.") && !page.contains(SECRET), "{page}");
}

#[tokio::test]
async fn a_mistake_in_a_browser_is_explained_on_a_page() {
    let scene = Scene::new().await;
    let request = scene.http.post(format!("{}/sandbox/step", scene.running.api_url())).header("accept", "text/html");
    let answer = Answer::read(request.body("scenario=%3Cb%3E").send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("content-type")), (400, "text/html; charset=utf-8"));
    assert!(
        answer.text.contains("found `&lt;b&gt;`, expected one of the scenarios") && answer.text.contains("Back to the sandbox"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_browser_is_led_back_to_the_page() {
    let scene = Scene::new().await;
    let request = scene.http.post(format!("{}/sandbox/step", scene.running.api_url())).header("accept", "text/html,*/*");
    let request = request.header("origin", scene.running.api_url()).body("scenario=beta");
    let answer = Answer::read(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
}

#[tokio::test]
async fn no_other_page_presses_a_button() {
    let scene = Scene::new().await;
    let port = scene.running.address().port();
    for origin in ["https://example.com", "null", &format!("http://localhost:{port}"), "http://127.0.0.1"] {
        let request = scene.http.post(format!("{}/sandbox/burst", scene.running.api_url())).header("origin", origin);
        let answer = Answer::read(request.body("events=5").send().await.unwrap()).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
}

#[tokio::test]
async fn a_mistake_is_explained() {
    let scene = Scene::new().await;
    for (path, form, status, error) in [
        ("/sandbox/drive", "", 400, "the field `scenario` is missing"),
        (
            "/sandbox/drive",
            "scenario=relase",
            400,
            "the field `scenario`: found `relase`, expected one of the scenarios `release`, `rejection`, `beta`, `feedback`, `marketplace`, `background-assets`",
        ),
        (
            "/sandbox/step",
            "scenario=beta&app=7",
            404,
            "the sandbox has no app `7`; it has `6700000001` (Harbor), `6700000002` (Lantern)",
        ),
        ("/sandbox/burst", "events=1000000", 400, "`events` is 1000000; a burst makes at most 100000"),
        ("/sandbox/webhooks", "url=ftp://a/&secret=x", 400, "the field `url`: found `ftp`, expected `http` or `https`"),
        ("/sandbox/ping", "webhook=7", 404, "there is no webhook with id `7`"),
        ("/sandbox/redeliver", "delivery=7", 404, "there is no delivery with id `7`, or its webhook is gone"),
        ("/sandbox/faults", "fault=drop&next=1&probability=1", 400, "give `next` or `probability`, not both"),
        ("/sandbox/faults", "fault=drop&probability=1.5", 400, "the field `probability`: found 1.5, expected 0 to 1"),
    ] {
        let answer = scene.press(path, form).await;
        assert_eq!((answer.status, answer.at("/error")), (status, json!(error)), "{path} {form}");
    }
}
