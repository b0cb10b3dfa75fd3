//! Apple's side, asked of a local App Store Connect.

use std::{fs, os::unix::fs::PermissionsExt as _};

use tokio::net::TcpListener;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::*;
use crate::{
    app::client,
    clock::SystemClock,
    config::{self, Loaded, Sources},
    inbox::memory::Memory,
    sandbox::{ApiKey, Running, Sandbox, Settings},
    secret::Secret,
    shutdown::Shutdown,
};

const APP: &str = "6700000001";

/// A sandbox, and two endpoints of one of its apps.
struct Scene {
    apple: Running,
    side: AppleSide,
    _shutdown: Shutdown,
}

impl Scene {
    async fn new() -> Self {
        let shutdown = Shutdown::new();
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock::new()));
        let apple = Sandbox::start(settings, &shutdown).await.unwrap();
        let side = side(&loaded(&apple.api_url(), apple.team_key()));
        Self { apple, side, _shutdown: shutdown }
    }

    /// How many requests Apple would still answer within the hour.
    fn left(&self) -> u32 {
        self.side.client.rate_limit().unwrap().remaining
    }
}

fn loaded(api: &str, key: &ApiKey) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let (id, issuer, pem) = (&key.id, key.issuer_id.as_deref().unwrap(), key.private_key_pem.expose());
    let endpoint = |name: &str| {
        format!(
            "[[endpoint]]\nname = '{name}'\npath = '/{name}'\napp_id = '{APP}'\nsecrets = ['a secret of the endpoint {name}']\n"
        )
    };
    let text = format!(
        "[server]\npublic_url = 'http://127.0.0.1:9'\n\
         [asc]\nkey_id = '{id}'\nissuer_id = '{issuer}'\nbase_url = '{api}'\nprivate_key = '''\n{pem}'''\n{}{}",
        endpoint("my-app"),
        endpoint("other")
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    config::load(&Sources { file: Some(file), ..Sources::default() }).unwrap()
}

fn side(loaded: &Loaded) -> AppleSide {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let client = client(loaded, Arc::clone(&clock)).unwrap().unwrap();
    AppleSide::new(client, Arc::new(Memory::new()), clock, &loaded.config)
}

#[tokio::test]
async fn what_there_is_is_told_with_what_should_be() {
    let scene = Scene::new().await;
    let secret = Secret::new("a secret of the endpoint my-app");
    let ours = scene.apple.register(APP, "by hand", "http://127.0.0.1:9/my-app", &secret).unwrap();
    let theirs = scene.apple.register(APP, "theirs", "https://elsewhere.example.com/", &secret).unwrap();
    let told = scene.side.registrations().await.unwrap();
    let webhooks: Vec<_> = told.webhooks.iter().map(|webhook| (webhook.id.as_str(), webhook.endpoint.as_deref())).collect();
    assert_eq!(webhooks, [(ours.as_str(), Some("my-app")), (theirs.as_str(), None)]);
    let plan = told.plan.unwrap();
    let items: Vec<_> = plan.items.iter().map(|item| (item.what, item.endpoint.as_deref(), item.webhook.as_deref())).collect();
    assert_eq!(items, [("change", Some("my-app"), Some(ours.as_str())), ("create", Some("other"), None)]);
    assert_eq!((plan.differs, plan.foreign), (true, 1));
}

#[tokio::test]
async fn whoever_reloads_does_not_ask_again_and_whoever_changes_does() {
    let scene = Scene::new().await;
    let secret = Secret::new("a secret of the endpoint my-app");
    let webhook = scene.apple.register(APP, "by hand", "http://127.0.0.1:9/my-app", &secret).unwrap();
    assert_eq!(scene.side.deliveries().await.unwrap().items.len(), 0);
    let left = scene.left();
    for _ in 0..20 {
        scene.side.registrations().await.unwrap();
        scene.side.deliveries().await.unwrap();
    }
    assert_eq!(scene.left(), left, "nobody was asked");

    scene.side.ping(&webhook).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let pinged = loop {
        scene.side.deliveries.forget().await;
        let found = scene.side.deliveries().await.unwrap().items;
        match found.into_iter().find(|one| one.state.as_deref() == Some("FAILED")) {
            Some(pinged) => break pinged,
            None => assert!(Instant::now() < deadline, "Apple lists no ping"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(pinged.is_ping);
    assert_eq!((pinged.endpoint.as_str(), pinged.kept, pinged.receipt), ("my-app", Some(false), None));
    scene.side.redeliver(&pinged.id).await.unwrap();
    assert_eq!(scene.side.deliveries().await.unwrap().items.len(), 2, "it is asked anew");
}

#[tokio::test]
async fn each_trouble_is_called_what_it_is() {
    let scene = Scene::new().await;
    let unknown = scene.side.ping("00000000-0000-0000-0000-000000000000").await.unwrap_err();
    assert_eq!((unknown.kind, unknown.hint.is_some()), (TroubleKind::Refused, true), "{unknown:?}");
    let other = Scene::new().await;
    let stranger = side(&loaded(&scene.apple.api_url(), other.apple.team_key()));
    let refused = stranger.registrations().await.unwrap_err();
    assert_eq!(refused.kind, TroubleKind::Refused, "{refused:?}");
    assert!(refused.hint.is_some());
}

#[tokio::test]
async fn whoever_would_have_to_wait_for_long_is_told_for_how_long() {
    let scene = Scene::new().await;
    let busy = MockServer::start().await;
    let too_many = ResponseTemplate::new(429).insert_header("retry-after", "42");
    Mock::given(any()).respond_with(too_many).mount(&busy).await;
    let side = side(&loaded(&format!("{}/", busy.uri()), scene.apple.team_key()));
    let first = async {
        while side.client.wait().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // From here on nothing is waited for but the time.
        tokio::time::pause();
        tokio::time::sleep(PATIENCE * 2).await;
    };
    let (waited, ()) = tokio::join!(side.deliveries(), first);
    let at_once = side.ping("00000000-0000-0000-0000-000000000000").await;
    for trouble in [waited.unwrap_err(), at_once.unwrap_err()] {
        assert_eq!(trouble.kind, TroubleKind::RateLimited, "{trouble:?}");
        let seconds = trouble.retry_after_seconds.unwrap();
        assert!((1..=42).contains(&seconds), "{trouble:?}");
        let words = format!("asks to wait: the next request with this key can be made in {seconds}s");
        assert!(trouble.words.ends_with(&words), "{trouble:?}");
        assert!(trouble.hint.is_some_and(|hint| hint.contains("the same key")));
    }
    assert_eq!(busy.received_requests().await.unwrap().len(), 1, "whoever was asked to wait was not asked again");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_one_who_is_silent() {
    let scene = Scene::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    let side = side(&loaded(&address, scene.apple.team_key()));
    let begun = Instant::now();
    assert_eq!(side.deliveries().await.unwrap_err().kind, TroubleKind::Silent);
    let trouble = side.ping("00000000-0000-0000-0000-000000000000").await.unwrap_err();
    assert!(trouble.hint.is_some_and(|hint| hint.contains("may have been done")));
    assert!(begun.elapsed() <= PATIENCE * 3, "{:?}", begun.elapsed());
}

#[test]
fn a_wait_is_told_in_whole_seconds_and_none_too_short() {
    let told = [0, 1, 999, 1_000, 1_001, 41_300].map(|millis| whole_seconds(Duration::from_millis(millis)));
    assert_eq!(told, [0, 1, 1, 1, 2, 42]);
}
