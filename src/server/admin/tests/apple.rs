//! Apple's side, as somebody tells of it who never asked.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::server::admin::apple::{Delivered, Deliveries, Planned, PlannedItem, Registered, Registrations, Trouble, TroubleKind};

/// Tells always the same, and remembers what it was to have done.
#[derive(Debug)]
pub(super) struct Told {
    answer: Result<(Registrations, Deliveries), Trouble>,
    pub(super) done: Mutex<Vec<String>>,
}

impl Told {
    /// Tells of webhooks and deliveries with this text wherever Apple can put one.
    pub(super) fn with(text: &str) -> Arc<Self> {
        let (now, some) = (NOW.parse().unwrap(), || Some(text.to_owned()));
        let webhook = |id: &str, endpoint: Option<&str>| Registered {
            id: id.to_owned(),
            name: some(),
            url: some(),
            enabled: Some(true),
            app_id: "6448311069".to_owned(),
            endpoint: endpoint.map(str::to_owned),
        };
        let item = |what, endpoint: Option<&str>, webhook: Option<&str>, details: &[&str]| PlannedItem {
            what,
            endpoint: endpoint.map(str::to_owned),
            app_id: Some("6448311069".to_owned()),
            webhook: webhook.map(str::to_owned),
            details: details.iter().map(|&detail| detail.to_owned()).collect(),
        };
        let items = vec![
            item("create", Some("other"), None, &["posts to `https://hooks.example.com/other`"]),
            item("change", Some("my-app"), Some("w-1"), &["enable it", text]),
            item("surplus", None, Some("w-2"), &["a second one for `my-app`, which `w-1` serves"]),
        ];
        let delivery = |id: &str, state: &str, status, kept, receipt| Delivered {
            id: id.to_owned(),
            webhook: "w-1".to_owned(),
            endpoint: "my-app".to_owned(),
            state: Some(state.to_owned()),
            created_at: Some(now),
            status,
            error: (status != Some(200)).then(|| text.to_owned()),
            is_redelivery: id == "d-1",
            kind: some(),
            is_ping: false,
            kept,
            receipt,
        };
        let ping = Delivered { is_ping: true, ..delivery("d-4", "SUCCEEDED", Some(200), Some(true), Some(3)) };
        let tries = vec![
            delivery("d-1", "SUCCEEDED", Some(200), Some(true), Some(1)),
            delivery("d-2", "FAILED", Some(401), Some(false), None),
            delivery("d-3", text, None, None, None),
            ping,
        ];
        let webhooks = vec![webhook("w-1", Some("my-app")), webhook("w-2", None), webhook("w-3", None)];
        let plan = Some(Planned { differs: true, foreign: 1, items });
        let registrations = Registrations { asked_at: now, webhooks, plan };
        let deliveries = Deliveries { asked_at: now, since: now, items: tries, more: true };
        Arc::new(Self { answer: Ok((registrations, deliveries)), done: Mutex::default() })
    }

    /// Says no to everything.
    pub(super) fn failing(kind: TroubleKind, words: &str, hint: Option<&str>) -> Arc<Self> {
        let retry_after_seconds = (kind == TroubleKind::RateLimited).then_some(42);
        let trouble = Trouble { kind, words: words.to_owned(), hint: hint.map(str::to_owned), retry_after_seconds };
        Arc::new(Self { answer: Err(trouble), done: Mutex::default() })
    }

    fn does(&self, what: String) -> Result<(), Trouble> {
        self.answer.as_ref().map_err(Clone::clone)?;
        self.done.lock().unwrap().push(what);
        Ok(())
    }
}

#[async_trait]
impl Apple for Told {
    async fn registrations(&self) -> Result<Registrations, Trouble> {
        self.answer.clone().map(|(registrations, _)| registrations)
    }

    async fn deliveries(&self) -> Result<Deliveries, Trouble> {
        self.answer.clone().map(|(_, deliveries)| deliveries)
    }

    async fn ping(&self, webhook: &str) -> Result<(), Trouble> {
        self.does(format!("ping {webhook}"))
    }

    async fn redeliver(&self, delivery: &str) -> Result<(), Trouble> {
        self.does(format!("redeliver {delivery}"))
    }
}

#[tokio::test]
async fn apple_is_asked_to_ping_and_to_send_again() {
    let apple = Told::with("told");
    let bench = Bench::asking(CONFIG, apple.clone());
    assert_eq!(bench.post("/api/v1/webhooks/w-1/ping", "").await.text, r#"{"pinged":"w-1"}"#);
    assert_eq!(bench.post("/api/v1/deliveries/d-2/redeliver", "").await.text, r#"{"redelivered":"d-2"}"#);
    assert_eq!(*apple.done.lock().unwrap(), ["ping w-1", "redeliver d-2"]);
}

#[tokio::test]
async fn why_apple_was_asked_in_vain_is_said_in_each_case() {
    for (kind, status, retry_after) in [
        (TroubleKind::NotFound, 404, ""),
        (TroubleKind::Refused, 502, ""),
        (TroubleKind::RateLimited, 503, "42"),
        (TroubleKind::Silent, 504, ""),
        (TroubleKind::Ours, 503, "5"),
    ] {
        let bench = Bench::asking(CONFIG, Told::failing(kind, "it went wrong", Some("mend it")));
        for path in ["/api/v1/registrations", "/api/v1/plan", "/api/v1/deliveries"] {
            let answer = bench.get(path).await;
            assert_eq!((answer.status, &answer.json()["detail"]), (status, &"it went wrong; mend it".into()), "{kind:?} {path}");
            assert_eq!(answer.header("retry-after"), retry_after, "{kind:?} {path}");
        }
        let pinged = bench.post("/api/v1/webhooks/w-1/ping", "").await;
        assert_eq!((pinged.status, pinged.header("retry-after")), (status, retry_after), "{kind:?}");
        let page = bench.get("/apple").await;
        assert_eq!(page.status, 200, "the rest of the page is shown all the same");
        assert!(page.text.contains("it went wrong") && page.text.contains("mend it"), "{}", page.text);
    }
    let bench = Bench::new();
    for path in ["/api/v1/registrations", "/api/v1/plan", "/api/v1/deliveries"] {
        assert_eq!(bench.get(path).await.status, 409, "{path}: there is no key");
    }
}
