//! Fetching back what was missed, from the sandbox.
//!
//! The client's pace is a matter of its own (`asc::pacing`); here it asks as fast as it can.

mod account;
mod program;

use std::{fs, sync::Arc, time::Duration};

use asc_webhooks::{
    asc::{Client, Credentials, Retry, Settings as Asking},
    clock::{Clock, ManualClock},
    config::{self, Loaded, Sources},
    event::KindPattern,
    handler::route::{Route, Routes},
    http_client::Outgoing,
    inbox::{
        ReceiptId, Store,
        account::Account,
        memory::Memory,
        query::{PageRequest, ReceiptFilter},
    },
    intake::Intake,
    recovery::{Followed, Plan, Recovered, Recovery, RecoveryError},
    sandbox::{Fault, Mishap, Running, Sandbox, Settings},
    secret::Secret,
    shutdown::Shutdown,
};
use tokio::sync::Notify;

const HARBOR: &str = "6700000001";
const BEGIN: &str = "2026-11-21T12:00:00Z";
const SECRET: &str = "a secret of the tests of recovery";

/// Nobody listens here.
const NOWHERE: &str = "http://127.0.0.1:1/app";

/// The configuration of one endpoint with an app, and more.
fn loaded(more: &str) -> Loaded {
    let text = format!("[[endpoint]]\nname = 'app'\npath = '/app'\nsecrets = ['{SECRET}']\napp_id = '{HARBOR}'\n{more}");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    config::load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() }).unwrap()
}

/// A sandbox whose notifications reach nobody, and a recovery that asks it.
struct Scene {
    sandbox: Running,
    webhook: String,
    clock: Arc<ManualClock>,
    store: Arc<Memory>,
    recovery: Recovery,
    shutdown: Shutdown,
}

impl Scene {
    async fn new() -> Self {
        Self::with("").await
    }

    async fn with(more: &str) -> Self {
        let clock = Arc::new(ManualClock::new(BEGIN.parse().unwrap()));
        let shutdown = Shutdown::new();
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), clock.clone());
        let sandbox = Sandbox::start(settings, &shutdown).await.unwrap();
        let webhook = register(&sandbox, NOWHERE);
        let store = Arc::new(Memory::new());
        let recovery = recovery(&client(&sandbox, clock.clone()), store.clone(), clock.clone(), &loaded(more));
        Self { sandbox, webhook, clock, store, recovery, shutdown }
    }

    /// Makes so many events that do not arrive.
    async fn missed(&self, events: usize) {
        self.sandbox.burst(HARBOR, events).await.unwrap();
    }

    fn endpoint(&self) -> Followed {
        self.recovery.endpoints().remove(0)
    }

    async fn try_to_recover(&self) -> Result<Recovered, RecoveryError> {
        self.recovery.recover(&self.endpoint(), None).await
    }

    async fn recover(&self) -> Recovered {
        self.try_to_recover().await.unwrap()
    }

    async fn account(&self) -> Account {
        self.store.accounts().await.unwrap().remove(0)
    }

    async fn receipts(&self) -> u64 {
        self.store.stats(self.clock.now()).await.unwrap().receipts
    }

    /// The ids of the events that are kept, the oldest first.
    async fn events(&self) -> Vec<String> {
        let all = PageRequest { before: None, limit: 10_000 };
        let page = self.store.receipts(&ReceiptFilter::default(), all).await.unwrap();
        let documents = page.items.iter().rev().map(|item| serde_json::to_value(item).unwrap());
        documents.map(|document| document["content"]["event"]["event_id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.cut_off();
    }
}

fn register(sandbox: &Running, url: &str) -> String {
    sandbox.register(HARBOR, "ours", url, &Secret::new(SECRET)).unwrap()
}

fn client(sandbox: &Running, clock: Arc<dyn Clock>) -> Arc<Client> {
    let key = sandbox.team_key();
    let credentials = Credentials::team(&key.id, key.issuer_id.as_deref().unwrap(), &key.private_key_pem).unwrap();
    let mut asking = Asking::new(sandbox.api_url().parse().unwrap());
    asking.interval = Duration::ZERO;
    asking.retry = Retry { first: Duration::from_millis(1), ..Retry::default() };
    Arc::new(Client::new(credentials, asking, &Outgoing::new(None).unwrap(), clock).unwrap())
}

fn recovery(client: &Arc<Client>, store: Arc<dyn Store>, clock: Arc<dyn Clock>, loaded: &Loaded) -> Recovery {
    let work = Arc::new(Notify::new());
    let intake = Intake::new(Arc::clone(&store), Routes::default(), Arc::clone(&clock), work);
    Recovery::new(Arc::clone(client), Arc::new(intake), store, clock, Plan::new(&loaded.config))
}

#[tokio::test]
async fn all_that_was_missed_comes_back_once() {
    let scene = Scene::new().await;
    scene.missed(450).await;
    let first = scene.recover().await;
    assert_eq!((first.deliveries, first.recovered, first.under_way), (450, 450, 0), "over three pages");
    assert_eq!((first.account.listed, first.account.kept, first.account.missing), (450, 450, 0));
    assert_eq!(scene.store.stats(scene.clock.now()).await.unwrap().recovered, 450);

    let second = scene.recover().await;
    assert_eq!((second.recovered, second.account.listed), (0, 450), "known, and counted once");
    assert_eq!(scene.receipts().await, 450);
}

#[tokio::test]
async fn a_handler_that_panics_when_asked_what_it_wants_does_not_end_a_pass() {
    let scene = Scene::new().await;
    scene.missed(1).await;
    let undecided = Route {
        handler: "undecided".into(),
        patterns: vec![KindPattern::parse("*").unwrap()],
        endpoints: Vec::new(),
        when: None,
        wants: Arc::new(|kind| panic!("no opinion on `{kind}`")),
        in_order: false,
    };
    let (client, plan) = (client(&scene.sandbox, scene.clock.clone()), Plan::new(&loaded("").config));
    let intake = Intake::new(scene.store.clone(), Routes::new(vec![undecided]), scene.clock.clone(), Arc::default());
    let recovery = Recovery::new(client, Arc::new(intake), scene.store.clone(), scene.clock.clone(), plan);
    let recovered = recovery.recover(&scene.endpoint(), None).await.unwrap();
    assert_eq!((recovered.recovered, recovered.account.missing), (1, 0));
    let kept = scene.store.receipt(ReceiptId(1)).await.unwrap().unwrap();
    let owed: Vec<_> = kept.dispatches.iter().map(|one| one.dispatch.handler.as_str()).collect();
    assert_eq!(owed, ["undecided"], "it is owed the event, to fail at it by itself");
}

#[tokio::test]
async fn whoever_watches_a_pass_is_told_how_far_it_is() {
    let scene = Scene::new().await;
    scene.missed(450).await;
    let mut told = Vec::new();
    let mut tell = |seen, of| told.push((seen, of));
    let watched = scene.recovery.recover_telling(&scene.endpoint(), None, &mut tell).await.unwrap();
    assert_eq!(watched.recovered, 450);
    assert_eq!(told, [(200, Some(450)), (400, Some(450)), (450, Some(450))], "after each page");

    register(&scene.sandbox, "http://127.0.0.1:1/hooks/app");
    scene.missed(3).await;
    told.clear();
    let mut tell = |seen, of| told.push((seen, of));
    scene.recovery.recover_telling(&scene.endpoint(), None, &mut tell).await.unwrap();
    assert_eq!(told.last(), Some(&(456, Some(456))), "over both webhooks: {told:?}");
}

#[tokio::test]
async fn several_deliveries_of_one_event_count_once() {
    let scene = Scene::new().await;
    scene.missed(3).await;
    for delivery in scene.sandbox.deliveries() {
        assert!(scene.sandbox.redeliver(&delivery.id).await);
    }
    let recovered = scene.recover().await;
    assert_eq!((recovered.deliveries, recovered.recovered, recovered.account.listed), (6, 3, 3));
}

#[tokio::test]
async fn pings_are_not_missed() {
    let scene = Scene::new().await;
    assert!(scene.sandbox.ping(&scene.webhook).await);
    let recovered = scene.recover().await;
    assert_eq!((recovered.deliveries, recovered.recovered, recovered.account.listed), (1, 0, 0));
    assert_eq!(scene.receipts().await, 0);
}

#[tokio::test]
async fn what_is_taken_in_late_is_taken_in_in_order() {
    let scene = Scene::new().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.extend(scene.sandbox.burst(HARBOR, 1).await.unwrap());
        scene.clock.advance(Duration::from_secs(1));
    }
    scene.recover().await;
    assert_eq!(scene.events().await, expected, "the sandbox lists the newest first");
}

#[tokio::test]
async fn a_delivery_that_is_under_way_is_looked_at_again() {
    let scene = Scene::new().await;
    scene.missed(1).await;
    scene.clock.advance(Duration::from_mins(5));
    let before = scene.clock.now();
    scene.sandbox.fault(Fault::next(Mishap::Delay(Duration::from_hours(1)), 1));
    scene.missed(1).await;
    scene.clock.advance(Duration::from_mins(5));
    scene.missed(1).await;

    let first = scene.recover().await;
    assert_eq!((first.recovered, first.under_way, first.account.listed), (2, 1, 2));
    assert_eq!(first.account.mark, Some(before), "the mark does not move past it");

    scene.clock.advance(Duration::from_mins(20));
    let second = scene.recover().await;
    assert_eq!((second.recovered, second.under_way, second.account.listed), (1, 0, 3), "nobody waits for it any longer");
    assert!(second.account.mark > Some(before));
}

#[tokio::test]
async fn only_webhooks_that_post_here_are_asked_about() {
    let scene = Scene::new().await;
    register(&scene.sandbox, "http://127.0.0.1:1/other");
    scene.missed(3).await;
    assert_eq!(scene.recover().await.deliveries, 3, "and not those of `/other`, which has the same events");

    let behind_a_path = Scene::new().await;
    register(&behind_a_path.sandbox, "http://127.0.0.1:1/hooks/app");
    behind_a_path.missed(3).await;
    let recovered = behind_a_path.recover().await;
    assert_eq!((recovered.deliveries, recovered.recovered), (6, 3), "our own address is not known, so both may be ours");

    let known = Scene::with("[server]\npublic_url = 'http://127.0.0.1:1/hooks'").await;
    let error = known.try_to_recover().await.unwrap_err();
    assert_eq!(error.to_string(), format!("the app `{HARBOR}` has no webhook that posts to `http://127.0.0.1:1/hooks/app`"));
    assert!(error.hint().unwrap().contains("`webhooks apply` registers it"));
    register(&known.sandbox, "http://127.0.0.1:1/hooks/app");
    known.missed(3).await;
    assert_eq!(known.recover().await.deliveries, 3);
}

#[tokio::test]
async fn only_endpoints_with_an_app_are_followed() {
    let endpoint = |name: &str, more: &str| {
        format!("[[endpoint]]\nname = '{name}'\npath = '/{name}'\nsecrets = ['{SECRET}, of {name}']\n{more}\n")
    };
    let more =
        endpoint("unknown", "") + &endpoint("older", "kind = 'marketplace'\napp_id = '1'") + &endpoint("other", "app_id = '2'");
    let scene = Scene::with(&more).await;
    let names: Vec<_> = scene.recovery.endpoints().iter().map(|endpoint| endpoint.name.to_string()).collect();
    assert_eq!(names, ["app", "other"]);
}
