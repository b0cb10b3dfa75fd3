//! A secret is rotated while Apple sends, the command is killed at each of its steps, and nothing is refused.
//!
//! Apple is the sandbox, in this process; the server and the command are the real program. The control is a server that notes that it has
//! taken notice of a new secret before it has: then Apple is told too early, and what it sends is refused until the server looks.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use asc_webhooks::{
    clock::SystemClock,
    inbox::{
        secrets::SecretState,
        sqlite::{Options, Sqlite},
    },
    sandbox::{Running, Sandbox, Settings},
    secret::Secret,
    shutdown::Shutdown,
    signature::{HEADER, sign},
    vault::{ManagedSecret, Vault},
};

use crate::support::{
    http::Connection,
    load::{event, event_id},
    report,
    server::{Server, Setup},
    times,
};

const APP: &str = "6700000001";
const ENDPOINT: &str = "rotating";
const KEY: &str = "the key that seals the secrets of this test";

/// How long an old secret is accepted: long enough for what is under way.
const GRACE: Duration = Duration::from_secs(2);

/// A word in the line that the command writes when it has done a step, for each step after which it can be killed.
const STEPS: [&str; 5] = ["the secret `managed-", "accepts it", "Apple has it", "a ping", "was signed with it"];

/// The most events that are under way at one time.
const BURST: usize = 20;

#[test]
fn no_delivery_is_refused_while_secrets_are_rotated_and_the_command_is_killed_at_each_step() {
    let scene = Scene::new(Setup::new());
    let server = scene.setup.start();
    scene.command(&["apply"], None);

    let load = scene.load();
    let mut old = Vec::new();
    let deliveries = times(10_000, 50_000);
    while old.len() < 3 || scene.sandbox.deliveries().len() < deliveries {
        old.push(scene.secret(SecretState::Current));
        for step in STEPS {
            assert!(scene.command(&["rotate-secret", ENDPOINT, "--grace", "2s"], Some(step)), "killed after: {step}");
        }
        scene.command(&["rotate-secret", ENDPOINT, "--grace", "2s"], None);
    }
    load.stop();

    let (taken, refused) = scene.answers();
    assert_eq!(refused, 0, "of {taken} deliveries");
    scene.command(&["plan"], None);
    std::thread::sleep(GRACE);
    assert_eq!(send(&server, &scene.secret(SecretState::Current)), 200);
    for secret in &old {
        assert_eq!(send(&server, secret), 401, "`{}` is retired", secret.label);
    }
    let (rotations, kills) = (old.len(), old.len() * STEPS.len());
    report(&format!(
        "{taken} deliveries, {rotations} rotations, {kills} kills of the command: 0 refused; then every old secret is"
    ));
}

#[test]
fn control_a_server_that_says_too_early_that_it_accepts_a_secret_is_caught() {
    let scene = Scene::new(Setup::new().sabotaged("accept-later"));
    let _server = scene.setup.start();
    scene.command(&["apply"], None);
    let load = scene.load();
    for _ in 0..10 {
        scene.command(&["rotate-secret", ENDPOINT, "--grace", "2s"], None);
        if scene.answers().1 > 0 {
            break;
        }
    }
    load.stop();
    let (taken, refused) = scene.answers();
    assert!(refused > 0, "Apple was told too early, and this harness does not see it in {taken} deliveries");
    report(&format!("caught: {refused} of {} deliveries were refused", taken + refused));
}

/// A server to be, a sandbox in the place of Apple, and a configuration in which they know each other.
struct Scene {
    sandbox: Running,
    runtime: tokio::runtime::Runtime,
    shutdown: Shutdown,
    setup: Setup,
    config: PathBuf,
}

impl Scene {
    fn new(setup: Setup) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shutdown = Shutdown::new();
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock::new()));
        let sandbox = runtime.block_on(Sandbox::start(settings, &shutdown)).unwrap();
        // Apple must be told where the server is before it is there.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let key = sandbox.team_key();
        let (id, issuer, pem) = (&key.id, key.issuer_id.as_deref().unwrap(), key.private_key_pem.expose());
        let setup = setup
            .listen(address)
            .server(&format!("public_url = \"http://{address}\"\n"))
            .store_keys(&format!("secrets_key = \"{KEY}\"\n"))
            .with(&format!(
                "[asc]\nkey_id = \"{id}\"\nissuer_id = \"{issuer}\"\nbase_url = \"{}\"\nprivate_key = '''\n{pem}'''\n\n\
                 [[endpoint]]\nname = \"{ENDPOINT}\"\npath = \"/{ENDPOINT}\"\napp_id = \"{APP}\"\nmanaged_secrets = true\n",
                sandbox.api_url()
            ));
        let config = setup.configuration();
        Self { sandbox, runtime, shutdown, setup, config }
    }

    /// Runs a command to its end; or kills it when it has written a line with this in it, and says whether it has.
    #[track_caller]
    fn command(&self, arguments: &[&str], until: Option<&str>) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_asc-webhooks"));
        command.arg("webhooks").args(arguments).arg("--config").arg(&self.config);
        let mut running = Killed(command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
        let mut said = Vec::new();
        for line in BufReader::new(running.0.stderr.take().unwrap()).lines().map_while(Result::ok) {
            let is_it = until.is_some_and(|until| line.contains(until));
            said.push(line);
            if is_it {
                return true;
            }
        }
        let status = running.0.wait().unwrap();
        assert!(until.is_some() || status.success(), "{arguments:?}: {status}\n{}", said.join("\n"));
        false
    }

    /// Lets the sandbox send until it is told to stop.
    fn load(&self) -> Sending {
        let stop = Arc::new(AtomicBool::new(false));
        let (sandbox, until, handle) = (self.sandbox.clone(), stop.clone(), self.runtime.handle().clone());
        let sender = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                handle.block_on(sandbox.burst(APP, BURST)).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Sending { stop, sender }
    }

    /// How many deliveries were taken, and how many were answered otherwise.
    fn answers(&self) -> (usize, usize) {
        let deliveries = self.sandbox.deliveries();
        let answered: Vec<u16> =
            deliveries.iter().filter(|one| one.state != "PENDING").map(|one| one.status.unwrap_or(0)).collect();
        let taken = answered.iter().filter(|status| **status == 200).count();
        (taken, answered.len() - taken)
    }

    /// The endpoint's secret in this state.
    fn secret(&self, state: SecretState) -> ManagedSecret {
        let store = Arc::new(Sqlite::open(Options::new(self.setup.store()).shared()).unwrap());
        let vault = Vault::new(store, &Secret::new(KEY), Arc::new(SystemClock::new()));
        self.runtime.block_on(vault.open()).unwrap().find(ENDPOINT, state).unwrap().clone()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.cut_off();
    }
}

/// Sends an event signed with a secret; answers with the status.
fn send(server: &Server, secret: &ManagedSecret) -> u16 {
    let body = event(&event_id(u64::from(u32::MAX)));
    let (length, signature) = (body.len(), sign(&secret.secret, &body));
    let mut connection = Connection::open(server.public()).unwrap();
    let head = format!("POST /{ENDPOINT} HTTP/1.1\r\nhost: test\r\n{HEADER}: {signature}\r\ncontent-length: {length}\r\n\r\n");
    connection.write(head, &body).unwrap();
    connection.answer().unwrap().status()
}

/// A command that is killed when its time is over.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Apple, sending.
struct Sending {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<()>,
}

impl Sending {
    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.sender.join().unwrap();
    }
}
