//! Every event that Apple lists is kept in the end, however many notifications fail, however often the server dies, and however long it is
//! away; and Apple is asked no more than once a second for that.
//!
//! The sandbox plays Apple, in this process. Its API answers one request in ten with a 429 and one in ten with a 500.

use std::{
    collections::HashSet,
    net::TcpListener,
    ops::Range,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use asc_webhooks::{
    clock::{Clock, SystemClock},
    sandbox::{Fault, Mishap, Running, Sandbox, Settings},
    secret::Secret,
    shutdown::Shutdown,
};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;

use crate::{
    clock::{library, set},
    support::{
        PATH, SECRET, eventually,
        kept::{Kept, assert_sound},
        random::pause,
        report,
        server::Setup,
        sink::Sink,
    },
};

const APP: &str = "6700000001";

/// `recovery.interval`.
const INTERVAL: Duration = Duration::from_secs(15);

/// How many events are sent in each life of the server, and while it is away.
const EVENTS: usize = 120;
const EVENTS_WHILE_AWAY: usize = 400;

/// After how many milliseconds each life ends: in the middle of a pass, or after one.
const LIVES: [Range<u64>; 5] = [200..1_500, 5_000..7_000, 200..1_500, 5_000..7_000, 1_000..3_000];

#[test]
fn all_that_apple_lists_is_kept_in_the_end() {
    let sink = Sink::open();
    let scene = Scene::new(Setup::new().with(&sink.handler("sink")));
    let sent = scene.live_and_die();
    let server = scene.start();
    let start = Instant::now();
    eventually("every event is kept", 2 * INTERVAL, || Kept::read(scene.setup.store()).receipts >= sent.len());
    let took = start.elapsed();
    let kept = Kept::read(scene.setup.store());
    assert_eq!((kept.events, kept.receipts), (sent.clone(), sent.len()), "all of them, and none twice");

    eventually("a look is complete that finds nothing missing", INTERVAL, || scene.account()["completed_at"].is_string());
    eventually("the account has them all", 2 * INTERVAL, || scene.account()["listed"] == sent.len());
    let account = scene.account();
    assert_eq!((&account["kept"], &account["missing"]), (&sent.len().into(), &0.into()), "{account}");
    eventually("every event is handled", Duration::from_mins(1), || sink.events() == sent);
    server.kill();
    assert_sound(scene.setup.store());

    let requests = scene.sandbox.requests();
    scene.assert_one_a_second(&requests);
    let failed = scene.sandbox.deliveries().iter().filter(|delivery| delivery.state == "FAILED").count();
    report(&format!(
        "{} of {} events kept, none twice, nothing missing; {failed} of their deliveries failed; {} lives, the last one needed {took:.1?}; \
         {} requests, never more than one a second",
        sent.len(),
        sent.len(),
        LIVES.len() + 1,
        requests.len()
    ));
}

#[test]
fn control_a_mark_that_moves_before_the_commit_is_caught() {
    let scene = Scene::new(Setup::new().sabotaged("mark-first"));
    let sent = scene.live_and_die();
    let server = scene.start();
    // Longer than the twin waits before it writes: what is not there then is lost, not late.
    std::thread::sleep(Duration::from_secs(23));
    let kept = Kept::read(scene.setup.store()).events;
    server.kill();
    let lost = sent.difference(&kept).count();
    assert!(lost > 0, "the mark moves before the commit, and this harness does not see it");
    report(&format!("caught: {lost} of {} events are lost for good", sent.len()));
}

/// A sandbox, a server that is to live several times, and the time that both believe it to be.
struct Scene {
    runtime: Runtime,
    sandbox: Running,
    clock: Arc<Turned>,
    setup: Setup,
    shutdown: Shutdown,
    starts: std::sync::Mutex<Vec<Timestamp>>,
}

impl Scene {
    fn new(setup: Setup) -> Self {
        let runtime = Runtime::new().unwrap();
        let (clock, shutdown) = (Arc::new(Turned::default()), Shutdown::new());
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), clock.clone());
        let sandbox = runtime.block_on(Sandbox::start(settings, &shutdown)).unwrap();
        // The address stays the same from one life to the next, as a real one does.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        sandbox.register(APP, "ours", &format!("http://{address}{PATH}"), &Secret::new(SECRET)).unwrap();
        sandbox.fault(Fault::sometimes(Mishap::Drop, 0.3));
        sandbox.fault(Fault::sometimes(Mishap::ApiLimit, 0.1));
        sandbox.fault(Fault::sometimes(Mishap::ApiError, 0.1));

        let time = setup.folder().join("time").display().to_string();
        let setup = setup
            .with(&asking(&sandbox))
            .variable("ASC_WEBHOOKS__SERVER__LISTEN", &address.to_string())
            .variable("ASC_WEBHOOKS__ENDPOINT__0__APP_ID", APP)
            .variable("LD_PRELOAD", &library())
            .variable("FAKETIME_TIMESTAMP_FILE", &time)
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let scene = Self { runtime, sandbox, clock, setup, shutdown, starts: std::sync::Mutex::default() };
        scene.forward(0);
        scene
    }

    /// Lets so many seconds pass for both sides.
    fn forward(&self, seconds: i64) {
        let ahead = self.clock.0.fetch_add(seconds, Ordering::SeqCst) + seconds;
        set(&self.setup.folder().join("time"), &format!("+{ahead}s"));
    }

    fn start(&self) -> crate::support::server::Server {
        self.starts.lock().unwrap().push(self.clock.now());
        self.setup.start()
    }

    /// Has the server live and be killed while events are sent, and then be away for ten minutes while more are. Returns what was sent.
    fn live_and_die(&self) -> HashSet<String> {
        let mut sent = HashSet::new();
        for life in &LIVES {
            let server = self.start();
            let sandbox = self.sandbox.clone();
            let burst = self.runtime.spawn(async move { sandbox.burst(APP, EVENTS).await.unwrap() });
            std::thread::sleep(pause(life));
            server.kill();
            sent.extend(self.runtime.block_on(burst).unwrap());
            self.forward(60);
        }
        self.forward(300);
        sent.extend(self.runtime.block_on(self.sandbox.burst(APP, EVENTS_WHILE_AWAY)).unwrap());
        self.forward(300);
        assert_eq!(sent.len(), LIVES.len() * EVENTS + EVENTS_WHILE_AWAY);
        sent
    }

    /// The account of the endpoint, as `events stats` tells it.
    fn account(&self) -> serde_json::Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_asc-webhooks"));
        let output = command.args(["events", "stats", "--json", "--config"]).arg(self.setup.configuration()).output().unwrap();
        let mut stats: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        stats["recovery"][0].take()
    }

    /// Within one life, any number of requests takes so many seconds, less one. Half a second is for a busy machine.
    fn assert_one_a_second(&self, requests: &[Timestamp]) {
        let starts = self.starts.lock().unwrap();
        let life_of = |at: &Timestamp| starts.iter().rposition(|start| start <= at);
        let lives = requests.chunk_by(|one, next| life_of(one) == life_of(next));
        for life in lives {
            for (first, one) in life.iter().enumerate() {
                for (between, other) in (1_u32..).zip(&life[first + 1..]) {
                    let took = other.duration_since(*one).as_secs_f64();
                    assert!(took >= f64::from(between) - 0.5, "{} requests within {took} s", between + 1);
                }
            }
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.cut_off();
    }
}

/// The configuration that has the server ask this sandbox.
fn asking(sandbox: &Running) -> String {
    let key = sandbox.team_key();
    let (id, issuer) = (&key.id, key.issuer_id.as_deref().unwrap());
    let (pem, url, interval) = (key.private_key_pem.expose(), sandbox.api_url(), INTERVAL.as_secs());
    // The sandbox lists everything at once, so a second of overlap will do; more would hide a mark that moved too soon.
    format!(
        "[asc]\nkey_id = '{id}'\nissuer_id = '{issuer}'\nbase_url = '{url}'\nprivate_key = '''{pem}'''\n\
         [recovery]\ninterval = '{interval}s'\noverlap = '1s'\n"
    )
}

/// The machine's clock, some seconds ahead.
#[derive(Debug, Default)]
struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        SystemClock::new().now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Timestamp {
        self.now()
    }
}
