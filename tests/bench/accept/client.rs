//! The clients: a process that sends signed events and says how that went.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::http::{Connection, event};

/// The argument by which this program knows that it is to be the clients.
pub(crate) const CALLED: &str = "--clients";

/// What the clients are to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// To whom.
    pub(crate) address: String,
    /// How many connections they have.
    pub(crate) connections: u64,
    /// The number of the first event; those that follow count up.
    pub(crate) first: u64,
    /// When to stop.
    pub(crate) until: Until,
    /// How many events they send a second, if not as many as are answered.
    pub(crate) rate: Option<u32>,
    /// Whether the signatures are wrong.
    pub(crate) forged: bool,
}

/// When the clients stop.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Until {
    /// After so many seconds.
    Seconds(u64),
    /// After so many events.
    Events(u64),
}

/// How it went.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// How many events were answered.
    pub(crate) events: u64,
    /// How long that took.
    pub(crate) seconds: f64,
    /// The time within which half of the answers came, in milliseconds. With a rate, counted from when the event was due.
    pub(crate) middle_ms: f64,
}

impl Report {
    /// Events answered a second.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of events")]
        let events = self.events as f64;
        events / self.seconds
    }
}

/// Sets clients to work in a process of their own and waits for their report.
pub(crate) fn send(plan: &Plan) -> anyhow::Result<Report> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(CALLED).arg(serde_json::to_string(plan)?).stderr(Stdio::inherit());
    let output = command.output()?;
    ensure!(output.status.success(), "the clients ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("the clients said something strange")
}

/// Is the clients.
pub(crate) fn run(plan: &str) -> anyhow::Result<()> {
    let plan: Arc<Plan> = Arc::new(serde_json::from_str(plan)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(work(&plan))?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

async fn work(plan: &Arc<Plan>) -> anyhow::Result<Report> {
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        connections.push(Connection::open(&plan.address).await?);
    }
    let (next, waits) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let start = Instant::now();
    let pace = plan.rate.map(|rate| Arc::new(Pace { start, rate, due: Semaphore::new(0) }));
    pace.clone().map(|pace| std::thread::spawn(move || pace.keep()));
    let mut clients = tokio::task::JoinSet::new();
    for connection in connections {
        clients.spawn(client(plan.clone(), connection, start, next.clone(), pace.clone(), waits.clone()));
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let mut waits = std::mem::take(&mut *waits.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    waits.sort_unstable();
    let middle = waits.get(waits.len() / 2).copied().unwrap_or_default();
    Ok(Report { events: u64::try_from(waits.len())?, seconds, middle_ms: middle.as_secs_f64() * 1_000.0 })
}

async fn client(
    plan: Arc<Plan>,
    mut connection: Connection,
    start: Instant,
    next: Arc<AtomicU64>,
    pace: Option<Arc<Pace>>,
    waits: Arc<Mutex<Vec<Duration>>>,
) -> anyhow::Result<()> {
    let expected = if plan.forged { 401 } else { 200 };
    let mut mine = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let over = match plan.until {
            Until::Seconds(seconds) => start.elapsed() >= Duration::from_secs(seconds),
            Until::Events(events) => number >= events,
        };
        if over {
            break;
        }
        let body = event(plan.first + number);
        let mut due = Instant::now();
        if let Some(pace) = &pace {
            due = pace.wait_for(number).await?;
        }
        let status = connection.send(&body, plan.forged).await?;
        ensure!(status == expected, "answered {status} instead of {expected}");
        mine.push(due.elapsed());
    }
    waits.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut mine);
    Ok(())
}

/// Says when an event is due. The runtime's own timer knows whole milliseconds, in which several would come together.
struct Pace {
    start: Instant,
    rate: u32,
    due: Semaphore,
}

impl Pace {
    /// Lets one event after the other go, each at its time.
    fn keep(&self) {
        for number in 0_u32.. {
            std::thread::sleep(self.time_of(number).saturating_duration_since(Instant::now()));
            self.due.add_permits(1);
        }
    }

    /// Waits until the event is due; says when that was.
    async fn wait_for(&self, number: u64) -> anyhow::Result<Instant> {
        self.due.acquire().await?.forget();
        Ok(self.time_of(u32::try_from(number)?))
    }

    fn time_of(&self, number: u32) -> Instant {
        self.start + Duration::from_secs(1) * number / self.rate
    }
}
