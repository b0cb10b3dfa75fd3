//! Listening, without a socket: what is told, to whom, and when it ends.

use std::{pin::Pin, sync::Arc};

use axum::{
    Router,
    body::{Body, BodyDataStream},
};
use futures_util::StreamExt as _;
use http::Request;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt as _;

use super::{
    super::{router, tests as bench},
    listener::SIGN_OF_LIFE,
    *,
};
use crate::{
    clock::ManualClock,
    event::{Event, EventKind, sample},
    inbox::{
        Arrival, AttemptResult, Claim, Finish, Owed, Room, Verdict,
        memory::Memory,
        sqlite::{Options, Sqlite},
        watched::Watched,
    },
    secret::Secret,
    server::{Limits, serve},
    signature::{Secrets, SigningKey, sign},
};

/// A desk that is watched, and everything around it.
struct Scene {
    store: Arc<dyn Store>,
    desk: Arc<Desk>,
    app: Router,
    shutdown: Shutdown,
}

impl Scene {
    fn new() -> Self {
        let (store, changes) = Watched::around(Arc::new(Memory::new()));
        let (clock, shutdown) = (Arc::new(ManualClock::new("2026-11-21T14:30:00Z".parse().unwrap())), Shutdown::new());
        let desk = bench::live_over(store.clone(), clock, Live::new(changes, &shutdown));
        shutdown.spawn(Arc::clone(&desk).watch(shutdown.clone()));
        Self { store, app: router(Arc::clone(&desk)), desk, shutdown }
    }

    async fn ask(&self, path: &str, last: Option<&str>) -> http::Response<Body> {
        let request = Request::get(path).header("host", "localhost").header("authorization", "Bearer the token of an operator");
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn listen(&self, path: &str, last: Option<&str>) -> Ear {
        let response = self.ask(path, last).await;
        assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (200, &"text/event-stream".parse().unwrap()));
        let mut ear = Ear { stream: Box::pin(response.into_body().into_data_stream()), heard: String::new() };
        if last.is_none() {
            assert!(ear.piece().await.unwrap().contains(": listening"), "so that nothing that comes from now on is missed");
        }
        ear
    }

    async fn keep(&self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            let body = sample::of(&EventKind::BuildUploadStateUpdated).id(&id).state("COMPLETE").body();
            let (secret, now) = (Secret::new("a secret for the tests of the page"), "2026-11-21T14:30:00Z".parse().unwrap());
            let header = sign(&secret, &body).to_string();
            let authentic = Secrets::new([SigningKey::new(&secret, "only")]).verify([header.as_bytes()], body, now).unwrap();
            let parsed = Event::parse(authentic.get().clone());
            let owed = vec![Owed { handler: "ci".into(), in_order: false }];
            self.store.accept(Arrival::new("my-app".into(), authentic, parsed.as_ref(), owed, now)).await.unwrap();
        }
    }

    /// Ends one dispatch that waits.
    async fn finish(&self, verdict: Verdict) {
        let now = "2026-11-21T14:30:00Z".parse().unwrap();
        let room = Room { handler: "ci".into(), slots: 1, lease: Duration::from_mins(1) };
        for claimed in self.store.claim(Claim { handlers: vec![room], now }).await.unwrap() {
            let finish = Finish { lease: claimed.lease, started_at: now, took: Duration::ZERO, verdict: verdict.clone() };
            assert!(self.store.finish(finish).await.unwrap());
        }
    }
}

/// One who listens.
struct Ear {
    stream: Pin<Box<BodyDataStream>>,
    heard: String,
}

/// Something that was said.
#[derive(Debug, PartialEq)]
struct Said {
    name: String,
    id: Option<i64>,
    data: Value,
}

impl Ear {
    /// The next piece; none at the end.
    async fn piece(&mut self) -> Option<String> {
        loop {
            if let Some((piece, rest)) = self.heard.split_once("\n\n") {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.heard = rest;
                return Some(piece);
            }
            self.heard += str::from_utf8(&self.stream.next().await?.unwrap()).unwrap();
        }
    }

    /// The next thing that is said; none at the end.
    async fn hear(&mut self) -> Option<Said> {
        loop {
            let piece = self.piece().await?;
            let field = |name: &str| piece.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
            let (Some(name), Some(data)) = (field("event"), field("data")) else { continue };
            return Some(Said { name, id: field("id").map(|id| id.parse().unwrap()), data: serde_json::from_str(&data).unwrap() });
        }
    }

    /// The numbers of the next receipts that are new.
    async fn new_ones(&mut self, count: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            numbers.extend(self.hear().await.unwrap().id);
        }
        numbers
    }
}

fn names(range: std::ops::Range<i64>) -> impl Iterator<Item = String> {
    range.map(|number| format!("event {number}"))
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_and_what_becomes_of_it_is_told() {
    let scene = Scene::new();
    scene.keep(names(0..3)).await;
    let mut ear = scene.listen("/api/v1/receipts/live", None).await;
    scene.keep(names(3..5)).await;
    assert_eq!(ear.new_ones(2).await, [4, 5], "nothing of before, each once, in order");
    scene.finish(Verdict::Done).await;
    let said = ear.hear().await.unwrap();
    assert_eq!((said.name.as_str(), said.id), ("receipt", None), "it is not new");
    assert_eq!(said.data["dispatches"][0]["state"], "done");
    let id = ReceiptId(said.data["id"].as_i64().unwrap());
    assert_eq!(said.data, serde_json::to_value(one(&*scene.store, id).await.unwrap()).unwrap(), "it is told as it is listed");
}

#[tokio::test(start_paused = true)]
async fn only_what_was_asked_for_is_told_and_when_it_ceases_to_be_that() {
    let scene = Scene::new();
    let mut waiting = scene.listen("/api/v1/receipts/live?dispatch=waiting", None).await;
    let mut other = scene.listen("/api/v1/receipts/live?state=FAILED", None).await;
    let mut second = scene.listen("/events/live?receipt=2", None).await;
    scene.keep(names(0..2)).await;
    assert_eq!(waiting.new_ones(2).await, [1, 2]);
    scene.finish(Verdict::Done).await;
    assert_eq!(waiting.hear().await.unwrap(), Said { name: "gone".into(), id: None, data: serde_json::json!({ "id": 1 }) });
    assert_eq!(other.hear().await.unwrap().name, "gone", "what was never one of those is not told when it comes in");
    let row = second.hear().await.unwrap();
    assert_eq!((row.id, &row.data["id"]), (Some(2), &2.into()));
    assert!(row.data["row"].as_str().unwrap().contains("<tr data-receipt=\"2\">"), "{row:?}");
    for path in [
        "/api/v1/receipts/live?limit=5",
        "/api/v1/receipts/live?text=harbor",
        "/api/v1/receipts/live?receipt=5",
        "/events/live?before=2",
    ] {
        assert_eq!(scene.ask(path, None).await.status(), 400, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_told_what_came_meanwhile() {
    let scene = Scene::new();
    scene.keep(names(0..5)).await;
    let mut ear = scene.listen("/api/v1/receipts/live", Some("2")).await;
    assert_eq!(ear.new_ones(3).await, [3, 4, 5]);
    scene.keep(names(5..6)).await;
    assert_eq!(ear.new_ones(1).await, [6]);
    let mut strange = scene.listen("/api/v1/receipts/live", Some("999")).await;
    scene.keep(names(6..7)).await;
    assert_eq!(strange.new_ones(1).await, [7], "who has heard more than there is goes on from now");

    let most = i64::try_from(MOST_AT_ONCE).unwrap();
    scene.keep(names(7..most + 20)).await;
    let mut late = scene.listen("/api/v1/receipts/live", Some("1")).await;
    let said = late.hear().await.unwrap();
    assert_eq!((said.name.as_str(), &said.data["after"]), ("missed", &1.into()), "and where to list from");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_keep_up_is_told_so_and_holds_nobody_up() {
    let scene = Scene::new();
    let mut slow = scene.listen("/api/v1/receipts/live", None).await;
    let mut quick = scene.listen("/api/v1/receipts/live", None).await;
    let total = i64::try_from(3 * MOST_BEHIND).unwrap();
    for first in (0..total).step_by(500) {
        let until = total.min(first + 500);
        scene.keep(names(first..until)).await;
        assert_eq!(quick.new_ones(usize::try_from(until - first).unwrap()).await, (first + 1..=until).collect::<Vec<_>>());
    }
    let said = slow.hear().await.unwrap();
    assert_eq!((said.name.as_str(), &said.data["after"]), ("missed", &0.into()));
    let rest = slow.new_ones(MOST_BEHIND).await;
    let most = i64::try_from(MOST_BEHIND).unwrap();
    assert_eq!((rest[0], rest.last()), (total - most + 1, Some(&total)), "and goes on with what is new");
}

#[tokio::test(start_paused = true)]
async fn more_than_can_be_told_is_told_in_one_word() {
    let scene = Scene::new();
    scene.keep(names(0..1)).await;
    scene.finish(Verdict::Dead { result: AttemptResult::Rejected, error: "no".into() }).await;
    let mut ear = scene.listen("/api/v1/receipts/live", None).await;
    let replay = crate::inbox::query::Replay::Dead { handler: None };
    assert_eq!(scene.store.replay(&replay, "2026-11-21T14:30:00Z".parse().unwrap()).await.unwrap(), 1);
    loop {
        // The end of the first attempt may be told before.
        let said = ear.hear().await.unwrap();
        if said.name == "missed" {
            break;
        }
    }
}

#[tokio::test]
async fn what_could_not_be_read_is_told_later() {
    let scene = Scene::new();
    scene.keep(names(0..1)).await;
    // Nobody else is to look meanwhile.
    scene.shutdown.begin();
    assert!(scene.shutdown.finished(Duration::from_secs(5)).await);
    let live = &scene.desk.live;
    let (mut told, _) = live.listen(&*scene.store).await.unwrap();
    scene.finish(Verdict::Done).await;
    let folder = tempfile::tempdir().unwrap();
    let closed = Sqlite::open(Options::new(folder.path().join("inbox.db"))).unwrap();
    closed.close().await.unwrap();
    live.tell(&closed).await.unwrap_err();
    assert!(told.is_empty());
    assert!(live.tell(&*scene.store).await.unwrap());
    assert!(matches!(told.try_recv(), Ok(Told::More)), "which ones they were is not known any more");
    assert!(live.tell(&*scene.store).await.unwrap());
    assert!(told.is_empty(), "once is enough");
}

#[tokio::test(start_paused = true)]
async fn there_is_room_for_so_many_and_who_leaves_makes_room() {
    let scene = Scene::new();
    let mut ears = Vec::new();
    for _ in 0..MOST_LISTENERS {
        ears.push(scene.listen("/api/v1/receipts/live", None).await);
    }
    let refused = scene.ask("/api/v1/receipts/live", None).await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (503, true));
    ears.pop();
    scene.listen("/api/v1/receipts/live", None).await;
}

#[tokio::test]
async fn who_closes_the_connection_makes_room_at_once() {
    let scene = Scene::new();
    let (listener, limits) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Limits::admin(&bench::config(bench::CONFIG).server));
    let address = listener.local_addr().unwrap();
    let (app, shutdown) = (scene.app.clone(), scene.shutdown.clone());
    scene.shutdown.spawn(async move { serve(listener, app, limits, None, &shutdown).await });
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut peer = TcpStream::connect(address).await.unwrap();
        let asked = "GET /events/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer the token of an operator\r\n\r\n";
        peer.write_all(asked.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(": listening") {
            assert_ne!(peer.read_buf(&mut heard).await.unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
        }
        peers.push(peer);
    }
    let places = &scene.desk.live.places;
    assert_eq!(places.available_permits(), MOST_LISTENERS - peers.len());
    drop(peers);
    let all = places.acquire_many(u32::try_from(MOST_LISTENERS).unwrap());
    let all = tokio::time::timeout(SIGN_OF_LIFE / 2, all).await;
    assert!(all.is_ok(), "before anything is said to them again, they are gone");
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_program_and_after_an_hour() {
    let scene = Scene::new();
    let mut ear = scene.listen("/api/v1/receipts/live", None).await;
    let (ended, hour) = (tokio::time::Instant::now(), Duration::from_hours(1));
    assert_eq!(ear.hear().await, None);
    assert_eq!(ended.elapsed().as_secs(), hour.as_secs());
    let mut other = scene.listen("/api/v1/receipts/live", None).await;
    scene.shutdown.begin();
    let begun = tokio::time::Instant::now();
    assert_eq!(other.hear().await, None);
    assert!(scene.shutdown.finished(Duration::from_secs(1)).await && begun.elapsed() < Duration::from_millis(100));
}
