//! What is made, kept, opened and retired, on a store in memory.

use std::sync::Mutex;

use super::*;
use crate::{
    clock::ManualClock,
    config::{Endpoint, Sources, load},
    inbox::memory::Memory,
};

const KEY: &str = "the key that seals in these tests";

struct Scene {
    store: Arc<Memory>,
    clock: Arc<ManualClock>,
    vault: Vault,
}

impl Scene {
    fn new() -> Self {
        let (store, clock) = (Arc::new(Memory::new()), Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap())));
        let vault = Vault::new(store.clone(), &Secret::new(KEY), clock.clone());
        Self { store, clock, vault }
    }

    /// Label and state of each secret of the endpoint `app`.
    async fn states(&self) -> Vec<(String, SecretState)> {
        self.vault.open().await.unwrap().of("app").iter().map(|secret| (secret.label.clone(), secret.state)).collect()
    }

    #[track_caller]
    fn check(&self, expected: &[(&str, SecretState)]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let found = self.states().await;
            let found: Vec<(&str, SecretState)> = found.iter().map(|(label, state)| (label.as_str(), *state)).collect();
            assert_eq!(found, expected, "{caller}");
        }
    }
}

use SecretState::{Current, Next, Retiring};

#[tokio::test]
async fn a_secret_is_prepared_settled_and_retired_and_each_step_can_be_done_again() {
    let scene = Scene::new();
    let grace = Duration::from_mins(10);
    for _ in 0..2 {
        scene.vault.provide("app").await.unwrap();
        scene.vault.prepare("app").await.unwrap();
        scene.check(&[("managed-1", Next)]).await;
    }
    for _ in 0..2 {
        assert_eq!(scene.vault.settle("app", "managed-1", grace).await.unwrap(), None);
        scene.vault.provide("app").await.unwrap();
        scene.check(&[("managed-1", Current)]).await;
    }
    for _ in 0..2 {
        scene.vault.prepare("app").await.unwrap();
        scene.check(&[("managed-1", Current), ("managed-2", Next)]).await;
    }
    let until = scene.vault.settle("app", "managed-2", grace).await.unwrap();
    assert_eq!(until, Some(scene.clock.now() + SignedDuration::from_mins(10)));
    scene.clock.advance(Duration::from_mins(5));
    assert_eq!(scene.vault.settle("app", "managed-2", grace).await.unwrap(), until, "the grace period is not drawn out");
    scene.check(&[("managed-1", Retiring), ("managed-2", Current)]).await;

    scene.clock.advance(Duration::from_mins(6));
    scene.vault.prepare("app").await.unwrap();
    scene.check(&[("managed-2", Current), ("managed-3", Next)]).await;
    let gone = scene.vault.settle("app", "managed-1", grace).await.unwrap_err();
    assert!(matches!(gone, VaultError::Gone { .. }), "{gone}");
}

#[tokio::test]
async fn another_key_opens_nothing_and_nothing_is_told() {
    let scene = Scene::new();
    scene.vault.provide("app").await.unwrap();
    let secret = scene.vault.open().await.unwrap().of("app")[0].secret.clone();
    let other = Vault::new(scene.store.clone(), &Secret::new("another key, of another deployment"), scene.clock.clone());
    let error = other.open().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the secret `managed-1` of the endpoint `app` was not sealed with the present `store.secrets_key`"
    );
    let kept = scene.store.secrets().await.unwrap();
    let told = format!("{kept:?} {:?} {:?}", scene.vault, scene.vault.open().await.unwrap());
    assert!(!told.contains(secret.expose()) && !told.contains(KEY), "{told}");
    let sealed = &kept.endpoints["app"][0].sealed;
    assert!(!sealed.windows(secret.expose().len()).any(|part| part == secret.expose().as_bytes()));
}

#[tokio::test]
async fn two_that_change_the_same_make_one_secret() {
    let scene = Scene::new();
    let (one, other) = (scene.vault.clone(), scene.vault.clone());
    let (one, other) = tokio::join!(one.prepare("app"), other.prepare("app"));
    one.and(other).unwrap();
    scene.check(&[("managed-1", Next)]).await;
}

fn endpoints() -> Vec<Endpoint> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[store]\nsecrets_key = 'the key that seals in these tests'\n\
        [[endpoint]]\nname = 'app'\npath = '/app'\nmanaged_secrets = true\n\
        [[endpoint]]\nname = 'file'\npath = '/file'\nsecrets = ['the secret of another endpoint']\n";
    std::fs::write(file.path(), text).unwrap();
    let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
    load(&sources).unwrap_or_else(|problems| panic!("{problems}")).config.endpoints
}

#[tokio::test(start_paused = true)]
async fn a_keeper_accepts_before_it_notes_and_is_heard_of_again_and_again() {
    let scene = Scene::new();
    let told: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let listener = told.clone();
    let keeper = Keeper::new(Some(scene.vault.clone()), &endpoints(), move |endpoints| {
        let labels =
            endpoints.iter().map(|one| one.secrets.iter().map(|secret| secret.label.clone()).collect::<Vec<_>>().join(" "));
        listener.lock().unwrap().push(labels.collect());
    });
    let last = || told.lock().unwrap().last().cloned().unwrap_or_default();
    let servers = async || scene.vault.open().await.unwrap().servers;

    assert_eq!(servers().await.len(), 0);
    keeper.look().await.unwrap();
    assert_eq!(last(), ["managed-1", "1"]);
    assert_eq!(servers().await.iter().map(|server| server.version).collect::<Vec<_>>(), [1]);

    scene.vault.prepare("app").await.unwrap();
    scene.vault.settle("app", "managed-1", Duration::ZERO).await.unwrap();
    scene.vault.prepare("app").await.unwrap();
    assert_eq!(servers().await[0].version, 1, "it has not looked yet");
    keeper.look().await.unwrap();
    assert_eq!(last(), ["managed-1 managed-2", "1"]);
    assert_eq!(servers().await[0].version, 3);

    let calls = told.lock().unwrap().len();
    scene.clock.advance(Duration::from_secs(20));
    keeper.look().await.unwrap();
    assert_eq!(told.lock().unwrap().len(), calls, "nothing is told when nothing is new");
    tokio::time::advance(Duration::from_secs(11)).await;
    keeper.look().await.unwrap();
    assert_eq!(servers().await[0].seen_at, scene.clock.now(), "a sign of life");
    scene.clock.advance(Duration::from_secs(31));
    assert_eq!(servers().await.len(), 0, "one that is not heard of is not running");

    keeper.configure(&endpoints()[1..]);
    assert_eq!(last(), ["1"]);
}
