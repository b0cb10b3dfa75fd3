//! The bot in Slack: one thread for each subject, told once, whatever happens on the way.

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    Registry,
    event::{EventKind, sample},
    inbox::{
        DispatchState, Owed, ReceiptId, Store,
        query::Replay,
        sqlite::{Options, Sqlite},
    },
};
use bytes::Bytes;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{
    running::Running,
    slack::{CHANNEL, Slack, TOKEN, Trouble, answer, no},
};

/// A program on a disk, and a Slack.
struct Scene {
    slack: Slack,
    server: MockServer,
    folder: tempfile::TempDir,
    keys: &'static str,
    running: Running,
}

impl Scene {
    async fn new(slack: Slack) -> Self {
        Self::with(slack, "").await
    }

    /// With further keys of the handler.
    async fn with(slack: Slack, keys: &'static str) -> Self {
        let (server, folder) = (slack.served().await, tempfile::tempdir().unwrap());
        let running = started(&server, &folder, keys);
        Self { slack, server, folder, keys, running }
    }

    /// Lets the program end at once, whatever is under way, and starts it again.
    async fn restart(mut self) -> Self {
        self.stop().await;
        self.running = started(&self.server, &self.folder, self.keys);
        self.running.work();
        self
    }

    async fn stop(&self) {
        let shutdown = self.running.app.shutdown();
        shutdown.begin();
        shutdown.cut_off();
        assert!(shutdown.finished(Duration::from_secs(20)).await);
        self.running.app.store().close().await.unwrap();
    }

    async fn take_in(&self, events: impl IntoIterator<Item = Bytes>) {
        for event in events {
            self.running.take_in(event).await;
        }
    }

    async fn until_told(&self, receipts: impl IntoIterator<Item = i64>, attempts: usize) {
        for receipt in receipts {
            self.running.until(receipt, "chat", DispatchState::Done, attempts).await;
        }
    }

    async fn until_calls(&self, method: &str, calls: usize) {
        for _ in 0..2_000 {
            if self.slack.calls(method) == calls {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("expected {calls} calls of {method}, found {}", self.slack.calls(method));
    }
}

fn started(server: &MockServer, folder: &tempfile::TempDir, keys: &str) -> Running {
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(Options::new(folder.path().join("inbox.db")).reserve(0)).unwrap());
    let bot = format!("token = '{TOKEN}'\nchannel = '{CHANNEL}'\napi_url = '{}/api'\nallow_private = true\n", server.uri());
    let common = "[[handler]]\nname = 'chat'\nkind = 'slack'\nmention = 'here'\nretry = ['10s', '10s']\njitter = '0%'\n";
    Running::on(store, &format!("{common}{bot}{keys}"), &Registry::builtin())
}

/// A version `v1` changes its state, on the second of March at this hour.
fn change(from: &str, to: &str, hour: u8) -> Bytes {
    let sample = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).subject_id("v1");
    let time = format!("2026-03-02T{hour:02}:00:00Z");
    sample.id(&time).previous_state(from).state(to).time(time.parse().unwrap()).body()
}

fn submitted() -> Bytes {
    change("PREPARE_FOR_SUBMISSION", "WAITING_FOR_REVIEW", 8)
}

fn looked_at() -> Bytes {
    change("WAITING_FOR_REVIEW", "IN_REVIEW", 9)
}

fn rejected() -> Bytes {
    change("IN_REVIEW", "REJECTED", 10)
}

#[tokio::test]
async fn a_version_has_one_thread_through_its_states_and_a_restart() {
    let scene = Scene::new(Slack::default()).await;
    scene.take_in([rejected(), submitted(), looked_at()]).await;
    scene.running.work();
    scene.until_told(1..=3, 1).await;
    insta::assert_snapshot!("three_states", scene.slack.shown());

    let scene = scene.restart().await;
    scene.take_in([change("REJECTED", "WAITING_FOR_REVIEW", 12), change("WAITING_FOR_REVIEW", "IN_REVIEW", 13)]).await;
    scene.until_told(4..=5, 1).await;
    insta::assert_snapshot!("five_states", scene.slack.shown());
    assert_eq!(scene.slack.calls("conversations.history") + scene.slack.calls("conversations.replies"), 0, "nothing was in doubt");
}

#[tokio::test]
async fn each_subject_has_a_thread_and_what_has_none_stands_alone() {
    let scene = Scene::new(Slack::default()).await;
    let build = |id: &str, state: &str| {
        let sample = sample::of(&EventKind::BuildUploadStateUpdated).id(format!("{id} {state}")).subject_id(id);
        sample.state(state).time("2026-03-02T09:00:00Z".parse().unwrap()).body()
    };
    let ping = |id: &str| sample::of(&EventKind::WebhookPingCreated).id(id).body();
    scene.running.work();
    for (number, event) in
        (1..).zip([build("b1", "PROCESSING"), build("b2", "PROCESSING"), build("b1", "COMPLETE"), ping("1"), ping("2")])
    {
        scene.take_in([event]).await;
        scene.until_told([number], 1).await;
    }
    insta::assert_snapshot!("subjects", scene.slack.shown());
}

#[tokio::test]
async fn what_comes_late_is_told_and_does_not_set_the_state_back() {
    let scene = Scene::new(Slack::default()).await;
    scene.running.work();
    for (number, event) in (1..).zip([submitted(), rejected(), looked_at()]) {
        scene.take_in([event]).await;
        scene.until_told([number], 1).await;
    }
    insta::assert_snapshot!("late", scene.slack.shown());
}

#[tokio::test]
async fn two_at_once_begin_one_thread() {
    let scene = Scene::with(Slack::default(), "order = 'none'\n").await;
    scene.take_in([submitted(), looked_at(), rejected()]).await;
    scene.running.work();
    scene.until_told(1..=3, 1).await;
    let shown = scene.slack.shown();
    assert_eq!(shown.lines().filter(|line| !line.starts_with(' ')).count(), 1, "{shown}");
}

/// A message is posted, and the program ends before it hears of it. What is there once it has started again?
async fn cut_off(slack: Slack, before: &[Bytes], event: Bytes) -> Scene {
    let scene = Scene::new(slack).await;
    scene.running.work();
    let mut number = 0;
    for event in before {
        number += 1;
        scene.take_in([event.clone()]).await;
        scene.until_told([number], 1).await;
    }
    scene.slack.trouble("chat.postMessage", Trouble::AnswerLost);
    scene.take_in([event]).await;
    number += 1;
    scene.until_calls("chat.postMessage", usize::try_from(number).unwrap()).await;
    let scene = scene.restart().await;
    scene.until_told([number], 2).await;
    scene
}

#[tokio::test]
async fn a_message_is_not_posted_again_if_it_can_be_found_again() {
    let first = cut_off(Slack::default(), &[], submitted()).await;
    assert_eq!((first.slack.calls("chat.postMessage"), first.slack.calls("conversations.history")), (1, 1));
    first.take_in([looked_at()]).await;
    first.until_told([2], 1).await;
    insta::assert_snapshot!("found_first", first.slack.shown());

    let reply = cut_off(Slack::default(), &[submitted()], looked_at()).await;
    assert_eq!((reply.slack.calls("chat.postMessage"), reply.slack.calls("conversations.replies")), (2, 1));
    insta::assert_snapshot!("found_reply", reply.slack.shown());
}

#[tokio::test]
async fn without_a_look_at_the_channel_slack_must_know_the_message_by_its_id() {
    let known = cut_off(Slack::default().hiding_history().knowing_ids(), &[], submitted()).await;
    assert_eq!((known.slack.calls("chat.postMessage"), known.slack.shown().lines().count()), (2, 1));
    let unknown = cut_off(Slack::default().hiding_history(), &[], submitted()).await;
    assert_eq!((unknown.slack.calls("chat.postMessage"), unknown.slack.shown().lines().count()), (2, 2), "this is what remains");
}

#[tokio::test]
async fn a_message_that_somebody_deletes_is_followed_by_a_new_thread() {
    let scene = Scene::new(Slack::default()).await;
    scene.running.work();
    scene.take_in([submitted()]).await;
    scene.until_told([1], 1).await;
    scene.slack.delete_all();
    scene.take_in([looked_at()]).await;
    scene.until_told([2], 1).await;
    scene.take_in([rejected()]).await;
    scene.until_told([3], 1).await;
    insta::assert_snapshot!("deleted", scene.slack.shown());
}

#[tokio::test]
async fn an_old_message_that_may_not_be_changed_stays_as_it_is() {
    let scene = Scene::new(Slack::default()).await;
    scene.running.work();
    scene.take_in([submitted()]).await;
    scene.until_told([1], 1).await;
    scene.slack.trouble("chat.update", Trouble::Instead(answer(&no("edit_window_closed"))));
    scene.take_in([looked_at()]).await;
    scene.until_told([2], 1).await;
    insta::assert_snapshot!("not_changed", scene.slack.shown());
}

#[tokio::test]
async fn what_was_replayed_is_told_again() {
    let scene = Scene::new(Slack::default()).await;
    scene.running.work();
    scene.take_in([submitted()]).await;
    scene.until_told([1], 1).await;
    let handlers = vec![Owed { handler: "chat".into(), in_order: true }];
    let replay = Replay::Receipt { id: ReceiptId(1), handlers };
    assert_eq!(
        scene.running.app.store().replay(&replay, asc_webhooks::clock::Clock::steady(&*scene.running.clock)).await.unwrap(),
        1
    );
    scene.until_told([1], 2).await;
    insta::assert_snapshot!("replayed", scene.slack.shown());
}

/// The first attempt meets this trouble, and the second goes well. Returns when it was due, in seconds.
async fn waits(method: &'static str, instead: ResponseTemplate) -> i64 {
    let scene = Scene::new(Slack::default()).await;
    scene.running.work();
    scene.take_in([submitted()]).await;
    scene.until_told([1], 1).await;
    scene.slack.trouble(method, Trouble::Instead(instead));
    scene.take_in([looked_at()]).await;
    let waiting = scene.running.until(2, "chat", DispatchState::Waiting, 1).await;
    let now = asc_webhooks::clock::Clock::steady(&*scene.running.clock);
    let wait = waiting.dispatch.due_at.unwrap().duration_since(now);
    scene.running.clock.advance(Duration::try_from(wait).unwrap());
    scene.until_told([2], 2).await;
    assert_eq!(scene.slack.shown().lines().count(), 3, "{}", scene.slack.shown());
    wait.as_secs()
}

#[tokio::test]
async fn a_passing_trouble_is_waited_for() {
    let limit = || ResponseTemplate::new(429).insert_header("retry-after", "30").set_body_json(no("ratelimited"));
    assert_eq!(waits("chat.postMessage", limit()).await, 30);
    assert_eq!(waits("chat.update", limit()).await, 30);
    assert_eq!(waits("chat.postMessage", answer(&no("internal_error"))).await, 10);
    assert_eq!(waits("chat.postMessage", ResponseTemplate::new(502).set_body_string("<html>")).await, 10);
    assert_eq!(waits("chat.postMessage", ResponseTemplate::new(200).set_body_string("maintenance")).await, 10);
    assert_eq!(waits("chat.postMessage", answer(&no("duplicate_message_not_found"))).await, 10);
}

#[tokio::test]
async fn a_lasting_trouble_ends_the_dispatch_in_slacks_word_and_says_what_to_do() {
    let scene = Scene::new(Slack::default()).await;
    scene.running.work();
    let mut said = Vec::new();
    let words =
        ["invalid_auth", "channel_not_found", "not_in_channel", "is_archived", "restricted_action_thread_locked", "something_new"];
    let troubles = words.map(no).into_iter().chain([
        json!({ "ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "files:write" }),
        json!({ "ok": false, "error": "invalid_blocks", "response_metadata": { "messages": ["[ERROR] must be shorter\n[json-pointer:/blocks/0]"] } }),
        json!({ "ok": false }),
    ]);
    for (number, trouble) in (1..).zip(troubles) {
        scene.slack.trouble("chat.postMessage", Trouble::Instead(answer(&trouble)));
        scene.take_in([sample::of(&EventKind::WebhookPingCreated).id(number.to_string()).body()]).await;
        let dead = scene.running.until(number, "chat", DispatchState::Dead, 1).await;
        said.push(dead.history[0].error.clone().unwrap());
    }
    let said = said.join("\n");
    assert!(!said.contains(TOKEN), "{said}");
    insta::assert_snapshot!("lasting", said);
}
