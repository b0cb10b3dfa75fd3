//! The figures, each measured in a function of its own.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::ensure;
use tempfile::TempDir;

use super::{
    Effort,
    client::{Plan, Report, Until, send},
    http::{Connection, event},
    program::{PRODUCT, Program, Which, folder},
    table::{Figure, Target, median, print_head},
};

/// A handler that does next to nothing, so that what is seen is the cost of keeping and dispatching.
const HANDLER: &str = "[[handler]]\nname = \"log\"\nkind = \"log\"\n";

/// A handler that is owed every event and never gets done with the first: what is seen is the cost of accepting alone, dispatches
/// included. The address is one that takes connections and says nothing.
fn held(silent: &TcpListener) -> anyhow::Result<String> {
    let address = silent.local_addr()?;
    let keys = "body = \"raw\"\nallow_private = true\nconcurrency = 1\ntimeout = \"1h\"";
    Ok(format!("[[handler]]\nname = \"held\"\nkind = \"forward\"\nurl = \"http://{address}/\"\n{keys}\n"))
}

/// How many connections press on a server.
const CONNECTIONS: u64 = 64;

/// Measures the figures whose names contain a word, and prints each as soon as it is there.
pub(crate) fn measure(effort: Effort, word: &str) -> anyhow::Result<()> {
    type Measure = fn(Effort) -> anyhow::Result<Vec<Figure>>;
    let groups: [(&str, Measure); 7] = [
        ("throughput", throughput),
        ("slow disk", slow_disk),
        ("latency", latency),
        ("refusal", refusal),
        ("at rest", at_rest),
        ("growth", growth),
        ("handler", to_the_handler),
    ];
    print_head();
    for (_, group) in groups.into_iter().filter(|(name, _)| name.contains(word)) {
        group(effort)?.iter().for_each(Figure::print);
    }
    Ok(())
}

/// One round: a fresh server, clients on it, what they say and how much time the server used for each event, in microseconds.
fn round(which: Which, handler: &str, slow_sync: bool, plan: impl Fn(String) -> Plan) -> anyhow::Result<(Report, f64)> {
    let folder = folder()?;
    let program = Program::start(which, folder.path(), slow_sync, handler)?;
    spend(&program, &plan(program.address.clone()))
}

#[expect(clippy::cast_precision_loss, reason = "a count of events")]
fn spend(program: &Program, plan: &Plan) -> anyhow::Result<(Report, f64)> {
    let before = program.cpu_seconds()?;
    let report = send(plan)?;
    let spent = program.cpu_seconds_at_rest()? - before;
    Ok((report, spent * 1_000_000.0 / report.events as f64))
}

/// As fast as it is answered.
fn closed(seconds: u64) -> impl Fn(String) -> Plan {
    move |address| Plan { address, connections: CONNECTIONS, first: 0, until: Until::Seconds(seconds), rate: None, forged: false }
}

fn throughput(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let held = held(&silent)?;
    let servers = [(Which::Yardstick, ""), (Which::Each, ""), (Which::Product, held.as_str()), (Which::Product, HANDLER)];
    let (mut rates, mut costs) = ([const { Vec::new() }; 4], [const { Vec::new() }; 4]);
    for _ in 0..effort.rounds {
        for (at, (which, handler)) in servers.into_iter().enumerate() {
            let (report, cost) = round(which, handler, false, closed(effort.seconds))?;
            rates[at].push(report.rate());
            costs[at].push(cost);
        }
    }
    let [bare, each, ours, handling] = rates.map(median);
    let [bare_cost, _, our_cost, handling_cost] = costs.map(median);
    let to_bare = |cost: f64| format!("{cost:.1} µs to {bare_cost:.1} µs");
    Ok(vec![
        Figure {
            name: "durable events, to bare requests",
            value: ours / bare,
            unit: "×",
            target: Target::AtLeast(0.28),
            made_of: format!("{ours:.0}/s to {bare:.0}/s at {CONNECTIONS} connections"),
        },
        Figure {
            name: "durable events, to one transaction each",
            value: ours / each,
            unit: "×",
            target: Target::AtLeast(5.0),
            made_of: format!("{ours:.0}/s to {each:.0}/s"),
        },
        Figure {
            // On the machine of the target, where a bare request takes 10 µs, that is 40 µs.
            name: "server time per accepted event, to a bare one",
            value: our_cost / bare_cost,
            unit: "×",
            target: Target::AtMost(4.0),
            made_of: to_bare(our_cost),
        },
        Figure {
            name: "durable events while they are handled, to bare",
            value: handling / bare,
            unit: "×",
            target: Target::Open,
            made_of: format!("{handling:.0}/s"),
        },
        Figure {
            name: "server time until it is handled, to a bare one",
            value: handling_cost / bare_cost,
            unit: "×",
            target: Target::Open,
            made_of: to_bare(handling_cost),
        },
    ])
}

fn slow_disk(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..effort.rounds {
        for (at, which) in [Which::Each, Which::Product].into_iter().enumerate() {
            rates[at].push(round(which, HANDLER, true, closed(effort.seconds))?.0.rate());
        }
    }
    let [each, ours] = rates.map(median);
    Ok(vec![Figure {
        name: "the same, on a disk with 5 ms more per sync",
        value: ours / each,
        unit: "×",
        target: Target::AtLeast(20.0),
        made_of: format!("{ours:.0}/s to {each:.0}/s"),
    }])
}

fn latency(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let steady = |address| Plan { connections: 128, rate: Some(2_000), ..closed(effort.seconds)(address) };
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let held = held(&silent)?;
    let servers = [(Which::Yardstick, ""), (Which::Product, held.as_str()), (Which::Product, HANDLER)];
    let mut waits = [const { Vec::new() }; 3];
    for _ in 0..effort.rounds {
        for (at, (which, handler)) in servers.into_iter().enumerate() {
            waits[at].push(round(which, handler, false, steady)?.0.middle_ms);
        }
    }
    let ([bare, ours, handling], sync) = (waits.map(median), sync()?);
    let to_bare = |wait: f64| format!("median {wait:.2} ms, bare {bare:.2} ms; one sync alone takes {sync:.2} ms on this disk");
    Ok(vec![
        Figure {
            name: "added to the answer at 2,000 events a second",
            value: ours - bare,
            unit: "ms",
            target: Target::AtMost(0.4),
            made_of: to_bare(ours),
        },
        Figure {
            name: "the same while they are handled",
            value: handling - bare,
            unit: "ms",
            target: Target::Open,
            made_of: to_bare(handling),
        },
    ])
}

/// How long the disk takes to sync what a transaction writes into a log that is there already, in milliseconds: what no server can save.
fn sync() -> anyhow::Result<f64> {
    const WRITTEN: usize = 48 * 1_024;
    const TIMES: usize = 200;
    let folder = folder()?;
    let log = fs::File::create_new(folder.path().join("log"))?;
    log.write_all_at(&vec![0; WRITTEN * TIMES], 0)?;
    log.sync_all()?;
    let mut waits = Vec::new();
    for place in 0..TIMES {
        log.write_all_at(&vec![1; WRITTEN], u64::try_from(place * WRITTEN)?)?;
        let start = Instant::now();
        log.sync_data()?;
        waits.push(start.elapsed().as_secs_f64() * 1_000.0);
        std::thread::sleep(Duration::from_micros(300));
    }
    Ok(median(waits))
}

fn refusal(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let forged = |address| Plan { forged: true, ..closed(effort.seconds)(address) };
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..effort.rounds {
        for (at, which) in [Which::Yardstick, Which::Product].into_iter().enumerate() {
            rates[at].push(round(which, HANDLER, false, forged)?.0.rate());
        }
    }
    let [bare, ours] = rates.map(median);
    Ok(vec![Figure {
        name: "forged requests refused, to bare ones",
        value: ours / bare,
        unit: "×",
        target: Target::AtLeast(0.9),
        made_of: format!("{ours:.0}/s to {bare:.0}/s"),
    }])
}

#[expect(clippy::cast_precision_loss, reason = "the size of a file")]
fn at_rest(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let folder = folder()?;
    fill(folder.path(), 1_000)?;
    let (mut starts, mut sizes) = (Vec::new(), Vec::new());
    read_from_disk(Path::new(PRODUCT))?;
    for _ in 0..effort.rounds.max(5) {
        let program = Program::start(Which::Product, folder.path(), false, HANDLER)?;
        starts.push(program.started_in.as_secs_f64() * 1_000.0);
        std::thread::sleep(Duration::from_millis(500));
        sizes.push(program.resident_mebibytes()?);
    }
    let size = fs::metadata(PRODUCT)?.len() as f64 / 1_048_576.0;
    let figure = |name, value, unit, target| Figure { name, value, unit, target: Target::AtMost(target), made_of: String::new() };
    Ok(vec![
        figure("from start to ready, on a store with receipts", median(starts), "ms", 30.0),
        figure("memory while idle", median(sizes), "MiB", 12.0),
        figure("size of the program, stripped", size, "MiB", 15.0),
    ])
}

/// Takes a file out of the page cache, so that the next use reads it from disk. What is mapped around the pages of a program that are used
/// depends on how they came into the cache: after a copy it was up to a MiB more than on a host that has just booted.
fn read_from_disk(file: &Path) -> anyhow::Result<()> {
    let file = fs::File::open(file)?;
    file.sync_all()?;
    Ok(rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?)
}

/// Whether an event costs more when there are many: a store on its way to be full and one that begins, in turns.
fn growth(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    const TURNS: u64 = 15;
    let (step, folders) = (effort.receipts / 100, [folder()?, folder()?]);
    let start = |folder: &TempDir| Program::start(Which::Product, folder.path(), false, HANDLER);
    let [empty, full] = [start(&folders[0])?, start(&folders[1])?];
    let cost = |program: &Program, first, events| {
        spend(program, &Plan { first, until: Until::Events(events), ..closed(0)(program.address.clone()) }).map(|(_, cost)| cost)
    };
    let filled = effort.receipts - TURNS * step;
    cost(&full, 0, filled)?;
    let mut costs = [const { Vec::new() }; 2];
    for turn in 0..TURNS {
        costs[0].push(cost(&empty, turn * step, step)?);
        costs[1].push(cost(&full, filled + turn * step, step)?);
    }
    let ([at_first, at_last], listed) = (costs.map(median), list(folders[1].path())?);
    let receipts = effort.receipts;
    Ok(vec![
        Figure {
            name: "server time per event, full store to empty",
            value: at_last / at_first,
            unit: "×",
            target: Target::AtMost(1.15),
            made_of: format!("{at_last:.1} µs for the last of {receipts}, {at_first:.1} µs for the first {}", TURNS * step),
        },
        Figure {
            name: "`events list`, first page of the full store",
            value: listed.as_secs_f64() * 1_000.0,
            unit: "ms",
            target: Target::AtMost(50.0),
            made_of: "the whole command".into(),
        },
    ])
}

/// How long the command for people takes, at best of five.
fn list(folder: &Path) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let mut command = Command::new(PRODUCT);
        command.args(["events", "list", "--config"]).arg(folder.join("config.toml")).stdout(Stdio::null()).stderr(Stdio::null());
        ensure!(command.status()?.success(), "`events list` failed");
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// How long it takes from the answer until a handler has the event: here until a `forward` handler's request is at its server.
fn to_the_handler(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let handler = format!(
        "[[handler]]\nname = \"forward\"\nkind = \"forward\"\nurl = \"http://{}/\"\nbody = \"raw\"\nallow_private = true\n",
        listener.local_addr()?
    );
    let (arrived, arrivals) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            use std::io::{Read as _, Write as _};
            let mut buffer = [0; 8_192];
            while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                // One small request is one read; were it two, the first is what counts, and the second answer is ignored.
                if arrived.send(Instant::now()).is_err()
                    || stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err()
                {
                    return;
                }
            }
        }
    });

    let folder: TempDir = folder()?;
    let program = Program::start(Which::Product, folder.path(), false, &handler)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut waits = Vec::new();
    for number in 0..u64::try_from(effort.rounds)? * 20 {
        let answered = runtime.block_on(async {
            let mut connection = Connection::open(&program.address).await?;
            ensure!(connection.send(&event(number), false).await? == 200, "the event was not accepted");
            Ok(Instant::now())
        })?;
        let at_handler = arrivals.recv_timeout(Duration::from_secs(10))?;
        waits.push(at_handler.saturating_duration_since(answered).as_secs_f64() * 1_000.0);
        std::thread::sleep(Duration::from_millis(20));
        arrivals.try_iter().for_each(drop);
    }
    Ok(vec![Figure {
        name: "from the answer to the handler, idle server",
        value: median(waits),
        unit: "ms",
        target: Target::AtMost(5.0),
        made_of: "until a forwarded request has arrived".into(),
    }])
}

/// Puts some receipts into the store of a folder.
fn fill(folder: &Path, events: u64) -> anyhow::Result<()> {
    let program = Program::start(Which::Product, folder, false, HANDLER)?;
    send(&Plan { until: Until::Events(events), ..closed(0)(program.address.clone()) })?;
    Ok(())
}
