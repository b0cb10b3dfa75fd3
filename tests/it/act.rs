//! A whole program that does things at the sandbox's side when the sandbox tells it that it is time.
//!
//! The paces are the real ones here, so each test does as little as it can.

use std::{fs, sync::Arc, time::Duration};

use asc_webhooks::{
    App, Registry,
    asc::{Client, build::Build},
    clock::{Clock, SystemClock},
    config::{self, Loaded, Problems, Sources},
    event::{AppVersionState, Event, EventKind},
    http_client::Outgoing,
    inbox::{DispatchState, ReceiptId, memory::Memory, query::ReceiptRecord},
    sandbox::{APPS, Running, Sandbox, Scenario, Settings},
    secret::Secret,
    shutdown::Shutdown,
};
use tokio::net::TcpListener;

const SECRET: &str = "the secret of these tests";

/// A sandbox, and a program that hears of what happens there.
struct Scene {
    sandbox: Running,
    app: App,
    client: Client,
    tasks: Shutdown,
}

impl Scene {
    /// A program with one handler `act` with these keys besides its key for the sandbox.
    async fn new(keys: &str) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let tasks = Shutdown::new();
        let sandbox = Sandbox::start(Settings::new("127.0.0.1:0".parse().unwrap(), clock.clone()), &tasks).await.unwrap();
        let key = sandbox.team_key();
        let (id, issuer) = (&key.id, key.issuer_id.as_deref().unwrap());
        let (pem, url) = (key.private_key_pem.expose(), sandbox.api_url());
        let own = format!("key_id = '{id}'\nissuer_id = '{issuer}'\nprivate_key = '''{pem}'''\nbase_url = '{url}'\n");
        let handler = format!("[[handler]]\nname = 'act'\nkind = 'app-store-connect'\n{own}{keys}");
        let app =
            App::with_store(&loaded(&handler).unwrap(), &Registry::builtin(), Arc::new(Memory::new()), clock.clone()).unwrap();
        drop(app.work());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, hard) = (app.router(), tasks.hard().clone());
        tasks.spawn(async move { hard.run_until_cancelled(axum::serve(listener, router).into_future()).await });
        sandbox.register(APPS[0].id, "ours", &format!("http://{address}/app"), &Secret::new(SECRET)).unwrap();
        let outgoing = Outgoing::new(None).unwrap();
        let client = Client::with_key(id, Some(issuer), &key.private_key_pem, &url.parse().unwrap(), &outgoing, clock).unwrap();
        Self { sandbox, app, client, tasks }
    }

    /// Takes so many steps of a scenario.
    async fn steps(&self, scenario: Scenario, steps: usize) {
        for _ in 0..steps {
            let taken = self.sandbox.step(scenario, APPS[0].id).await.unwrap();
            assert_eq!(taken.deliveries.len(), 1);
            assert_eq!(taken.deliveries[0].status, Some(200));
        }
    }

    /// A receipt whose dispatch is done, and its event.
    async fn done(&self, number: i64) -> (ReceiptRecord, Event) {
        for _ in 0..1_500 {
            let receipt = self.app.store().receipt(ReceiptId(number)).await.unwrap();
            if let Some(receipt) = receipt
                && receipt.dispatches.iter().all(|one| one.dispatch.state == DispatchState::Done)
            {
                let event = Event::parse(receipt.body.clone()).unwrap();
                return (receipt, event);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("receipt {number} is not done: {:?}", self.app.store().receipt(ReceiptId(number)).await);
    }

    /// The build that came out of the upload of a receipt.
    async fn build(&self, event: &Event) -> Build {
        let upload = event.subject.as_ref().unwrap();
        let id = self.client.build_of_upload(&upload.id).await.unwrap().unwrap();
        self.client.build(&id).await.unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.app.shutdown().begin();
        self.app.shutdown().cut_off();
        self.tasks.cut_off();
    }
}

fn loaded(handlers: &str) -> Result<Loaded, Problems> {
    let endpoint = format!("[[endpoint]]\nname = 'app'\npath = '/app'\nsecrets = ['{SECRET}']\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), endpoint + handlers).unwrap();
    config::load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })
}

#[tokio::test]
async fn a_processed_build_is_given_to_groups_by_name() {
    let scene = Scene::new("action = 'add-to-groups'\ngroups = ['Friends', 'Team']\ndry_run = false\n").await;
    scene.steps(Scenario::Beta, 2).await;
    scene.done(1).await;
    let (_, event) = scene.done(2).await;
    assert_eq!(event.state(), Some("COMPLETE"));
    assert_eq!(scene.build(&event).await.groups, [format!("{}-friends", APPS[0].id)], "the team has every build anyway");
}

#[tokio::test]
async fn a_build_is_submitted_for_beta_review_and_apple_says_so() {
    let scene = Scene::new("action = 'submit-for-beta-review'\ndry_run = false\nevents = ['build_beta_detail']\n").await;
    scene.steps(Scenario::Beta, 3).await;
    let (_, event) = scene.done(3).await;
    assert_eq!(event.state(), Some("READY_FOR_BETA_SUBMISSION"));
    let (_, event) = scene.done(4).await;
    assert_eq!(event.kind, EventKind::BuildBetaDetailExternalBuildStateUpdated);
    assert_eq!((event.previous_state(), event.state()), (Some("READY_FOR_BETA_SUBMISSION"), Some("WAITING_FOR_BETA_REVIEW")));
}

#[tokio::test]
async fn an_approved_version_is_released_and_apple_says_so() {
    let scene = Scene::new("action = 'release'\ndry_run = false\n").await;
    scene.steps(Scenario::Release, 6).await;
    let (_, event) = scene.done(6).await;
    assert_eq!(event.state(), Some("PENDING_DEVELOPER_RELEASE"));
    let (_, event) = scene.done(7).await;
    assert_eq!(event.state(), Some("PROCESSING_FOR_DISTRIBUTION"));
}

#[tokio::test]
async fn nothing_is_changed_until_dry_run_is_off() {
    let scene = Scene::new("action = 'release'\n").await;
    scene.steps(Scenario::Release, 6).await;
    let (receipt, event) = scene.done(6).await;
    assert_eq!(receipt.dispatches.len(), 1);
    let version = scene.client.app_store_version(&event.subject.unwrap().id).await.unwrap();
    assert_eq!(version.state, Some(AppVersionState::PendingDeveloperRelease));
}

#[tokio::test]
async fn the_key_of_asc_is_used_only_when_that_is_said() {
    let key = Scene::new("action = 'release'\n").await.sandbox.team_key().clone();
    let asc = format!("[asc]\nkey_id = '{}'\nprivate_key = '''{}'''\n", key.id, key.private_key_pem.expose());
    let handler = |keys: &str| format!("[[handler]]\nname = 'act'\nkind = 'app-store-connect'\naction = 'release'\n{keys}");
    let said = |text: &str| match asc_webhooks::app::check(&loaded(text).unwrap(), &Registry::builtin()) {
        Ok(()) => "good".to_owned(),
        Err(problems) => problems.problems.iter().map(|one| format!("{}: {}", one.key, one.message)).collect::<Vec<_>>().join("\n"),
    };
    assert_eq!(said(&format!("{asc}{}", handler("use_asc_key = true\n"))), "good");
    let missing = "handler[0].key_id: found nothing, expected a key of its own for what changes something at Apple's side";
    assert_eq!(said(&format!("{asc}{}", handler(""))), missing);
    let none = "handler[0].use_asc_key: found no key in `[asc]` that can be used, expected one to share";
    assert_eq!(said(&handler("use_asc_key = true\n")), none);
}
