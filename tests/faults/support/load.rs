//! Clients that send signed events, and the ledger of what was acknowledged to them.

use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::http::Connection;

/// What the clients were told: which events were acknowledged, and what else was answered.
#[derive(Default)]
pub(crate) struct Ledger {
    made: AtomicU64,
    acknowledged: Mutex<HashSet<String>>,
    answers: Mutex<BTreeMap<u16, usize>>,
    waits: Mutex<Vec<Duration>>,
}

impl Ledger {
    /// A new ledger for several loads to write in.
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Sends one event that was never sent before; true if it was acknowledged.
    pub(crate) fn send(&self, connection: &mut Connection) -> std::io::Result<bool> {
        let id = event_id(self.made.fetch_add(1, Ordering::Relaxed));
        let start = Instant::now();
        let status = connection.send(&event(&id))?.status();
        self.waits.lock().unwrap().push(start.elapsed());
        *self.answers.lock().unwrap().entry(status).or_default() += 1;
        if status == 200 {
            self.acknowledged.lock().unwrap().insert(id);
        }
        Ok(status == 200)
    }

    /// Sends every event once more that was ever sent, whatever came of it, and says how many they are. All of them must be taken.
    #[track_caller]
    pub(crate) fn send_again(&self, address: SocketAddr) -> usize {
        let made = self.made.load(Ordering::Relaxed);
        let mut connection = Connection::open(address).unwrap();
        for number in 0..made {
            assert_eq!(connection.send(&event(&event_id(number))).unwrap().status(), 200, "event {number}, sent again");
        }
        made.try_into().unwrap()
    }

    /// How many events were answered 200.
    pub(crate) fn len(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// How often each status was answered.
    pub(crate) fn answers(&self) -> BTreeMap<u16, usize> {
        self.answers.lock().unwrap().clone()
    }

    /// The time within which all but one in a hundred of the answers came.
    pub(crate) fn slow_answer(&self) -> Duration {
        let mut waits = self.waits.lock().unwrap().clone();
        waits.sort_unstable();
        waits.get(waits.len() * 99 / 100).copied().unwrap_or_default()
    }

    /// How many acknowledged events are not among `found`.
    pub(crate) fn missing_from(&self, found: &HashSet<String>) -> usize {
        self.acknowledged.lock().unwrap().difference(found).count()
    }
}

/// Clients at work, until they are told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Sets clients to work. Each sends, waits for the answer, pauses, and sends again; when its connection breaks, it makes another.
    pub(crate) fn start(address: SocketAddr, clients: usize, pause: Duration, ledger: &Arc<Ledger>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (stop, ledger) = (stop.clone(), ledger.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Ok(mut connection) = Connection::open(address) {
                        while !stop.load(Ordering::Relaxed) && ledger.send(&mut connection).is_ok() {
                            thread::sleep(pause);
                        }
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            })
        };
        Self { clients: (0..clients).map(client).collect(), stop }
    }

    /// Lets every client finish what it is doing. What is acknowledged from here on is still written down.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
    }
}

/// What stands in the middle of every id, so that ids can be found in any bytes.
pub(crate) const MARK: &str = "-fa17-4000-8000-";

/// The id of the `number`th event of this process: a UUID by its look.
pub(crate) fn event_id(number: u64) -> String {
    format!("{:08x}{MARK}{number:012x}", std::process::id())
}

/// An event as Apple would send it, with an id of our choice.
pub(crate) fn event(id: &str) -> Vec<u8> {
    event_saying(id, "READY_FOR_REVIEW")
}

/// An event as Apple would send it, with an id and a new state of our choice.
pub(crate) fn event_saying(id: &str, state: &str) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "data": {
            "type": "appStoreVersionAppVersionStateUpdated",
            "id": id,
            "version": 1,
            "attributes": {"newValue": state, "oldValue": "PREPARE_FOR_SUBMISSION", "timestamp": "2026-05-16T05:00:52.745Z"},
            "relationships": {"instance": {"data": {"type": "appStoreVersions", "id": "ad7e6298-2570-4ca6-b3cc-f81788e40bdc"}}},
        }
    }))
    .unwrap()
}
