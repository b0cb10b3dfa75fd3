//! The sandbox itself, as its parts share it: what it remembers, under its lock, and what it needs to act.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use super::{
    Reach, Settings, StartError,
    scenario::{Journey, Scenario, Told},
    seed::Seed,
    state::{Job, Notice, State},
    token::{ApiKey, Role},
};
use crate::{
    clock::Clock,
    event::{EventKind, sample},
    http_client::{HttpClient, Outgoing, Reach as Addresses},
    shutdown::Shutdown,
};

/// What the ids of the keys are drawn from: they are the same in every sandbox, so that a configuration can name them.
const KEYS: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct Connect {
    pub(super) address: SocketAddr,
    pub(super) keys: [ApiKey; 3],
    pub(super) hourly_limit: usize,
    pub(super) patience: Duration,
    pub(super) reach: Reach,
    pub(super) client: HttpClient,
    pub(super) shutdown: Shutdown,
    /// What is being sent.
    pub(super) under_way: TaskTracker,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Connect {
    pub(super) fn new(settings: Settings, address: SocketAddr, shutdown: &Shutdown) -> Result<Self, StartError> {
        let now = milliseconds(settings.clock.now());
        let mut ids = Seed::new(KEYS);
        let (team, individual, developer) = (ids.capitals(10), ids.capitals(10), ids.capitals(10));
        let issuer = Some(ids.uuid());
        let keys = [
            match &settings.private_key_pem {
                Some(pem) => ApiKey::from_pem(team, issuer.clone(), Role::AppManager, pem)?,
                None => ApiKey::generate(team, issuer.clone(), Role::AppManager)?,
            },
            ApiKey::generate(individual, None, Role::AppManager)?,
            ApiKey::generate(developer, issuer, Role::Developer)?,
        ];
        let addresses = match settings.reach {
            Reach::Loopback => Addresses::Private,
            Reach::Anywhere => Addresses::Everywhere,
        };
        Ok(Self {
            address,
            keys,
            hourly_limit: settings.hourly_limit,
            patience: settings.patience,
            reach: settings.reach,
            client: Outgoing::new(None)?.client(addresses)?,
            shutdown: shutdown.clone(),
            under_way: TaskTracker::new(),
            clock: settings.clock,
            state: Mutex::new(State::new(settings.seed, now)),
        })
    }

    /// What is remembered. Nothing is awaited while it is held.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, to the millisecond, as Apple tells it.
    pub(super) fn now(&self) -> Timestamp {
        milliseconds(self.clock.now())
    }

    /// Where the sandbox can be reached.
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes one step of a scenario, and says what is to be sent. None if there is no such app.
    pub(super) fn advance(&self, scenario: Scenario, app: &str) -> Option<(Told, Vec<Job>)> {
        let (base, now) = (self.base(), self.now());
        let mut state = self.state();
        let told = Journey::advance(&mut state, scenario, app, &base, now)?;
        let jobs = state.announce(&told.app, told.notice.clone(), now);
        Some((told, jobs))
    }

    /// Makes a ping of a webhook. None if there is no such webhook.
    pub(super) fn ping(&self, webhook: &str) -> Option<Job> {
        let now = self.now();
        let mut state = self.state();
        let id = state.ids.uuid();
        let kind = EventKind::WebhookPingCreated;
        let payload = sample::of(&kind).id(&id).time(now).body();
        state.ping(webhook, Notice { kind, event_id: id, payload, summary: "ping".to_owned() }, now)
    }
}

fn milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
