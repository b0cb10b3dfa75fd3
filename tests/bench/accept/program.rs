//! A server in a process of its own, and what the operating system says of it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::{
    http::{Connection, PATH, SECRET},
    yardstick,
};

/// The product, as it is built for this run.
pub(crate) const PRODUCT: &str = env!("CARGO_BIN_EXE_asc-webhooks");

/// A running server. It is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    /// Where it receives.
    pub(crate) address: String,
    /// How long it took from its start until it was ready.
    pub(crate) started_in: Duration,
}

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The bare one, which keeps nothing.
    Yardstick,
    /// The bare one, with one transaction for each request.
    Each,
    /// The product.
    Product,
}

impl Program {
    /// Starts a server on a folder. With `slow_sync`, every sync takes five milliseconds longer than the disk needs.
    pub(crate) fn start(which: Which, folder: &Path, slow_sync: bool, handler: &str) -> anyhow::Result<Self> {
        let mut words = Vec::new();
        if slow_sync {
            let delay = "inject=fsync,fdatasync:delay_exit=5000";
            words.extend(
                ["strace", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-e", delay, "-o", "/dev/null"].map(String::from),
            );
        }
        match which {
            Which::Product => {
                let configuration = configure(folder, handler)?.display().to_string();
                words.extend([PRODUCT.into(), "serve".into(), "--config".into(), configuration]);
            }
            Which::Yardstick | Which::Each => {
                let kept = match which {
                    Which::Each => folder.join("each.db").display().to_string(),
                    _ => yardstick::KEEPS_NOTHING.into(),
                };
                words.extend([std::env::current_exe()?.display().to_string(), yardstick::CALLED.into(), kept]);
            }
        }
        let start = Instant::now();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).process_group(0).stdin(Stdio::null());
        let product = which == Which::Product;
        if product {
            command.stderr(Stdio::piped()).stdout(Stdio::null())
        } else {
            command.stdout(Stdio::piped())
        };
        let mut child = command.spawn().with_context(|| format!("cannot start `{}`", words[0]))?;
        let lines: Box<dyn std::io::Read + Send> = match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), _) => Box::new(stdout),
            (None, Some(stderr)) => Box::new(stderr),
            (None, None) => bail!("the server has nothing to say"),
        };
        let mut program = Self { child, address: String::new(), started_in: Duration::ZERO };
        program.address = listening(lines)?;
        program.wait_until_ready()?;
        program.started_in = start.elapsed();
        Ok(program)
    }

    /// How much time of the processors it has used, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').context("`stat` without a name")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |at: usize| -> anyhow::Result<f64> { Ok(fields.get(at).context("a short `stat`")?.parse()?) };
        // `utime` and `stime` are the 14th and 15th fields, in hundredths of a second; two come before the name's end.
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }

    /// The same once it has nothing to do any more, so that what an event costs after its answer is counted too.
    pub(crate) fn cpu_seconds_at_rest(&self) -> anyhow::Result<f64> {
        let mut spent = self.cpu_seconds()?;
        loop {
            thread::sleep(Duration::from_millis(300));
            let now = self.cpu_seconds()?;
            if now - spent < 0.02 {
                return Ok(now);
            }
            spent = now;
        }
    }

    /// How much memory it holds, in mebibytes.
    pub(crate) fn resident_mebibytes(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no `VmRSS`")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1_024.0)
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            for _ in 0..10_000 {
                if let Ok(mut connection) = Connection::open(&self.address).await
                    && connection.get("/readyz").await.is_ok_and(|status| status == 200)
                {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            bail!("the server is not ready");
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        drop(self.child.wait());
    }
}

/// The address in the line by which a server says that it listens. What it says after is read away, so that it never waits for us.
fn listening(pipe: Box<dyn std::io::Read + Send>) -> anyhow::Result<String> {
    let (found, address) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if line["message"] == "listening" && line["listener.name"] == "public" {
                drop(found.send(line["address"].as_str().unwrap_or_default().to_owned()));
            }
        }
    });
    address.recv_timeout(Duration::from_secs(30)).context("the server did not say where it listens")
}

fn configure(folder: &Path, handler: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join("config.toml");
    let store = folder.join("inbox.db");
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:0"
[admin]
listen = false
[store]
url = "sqlite:{}"
[telemetry]
log = "info,asc_webhooks::handler=warn"
format = "json"
[[endpoint]]
name = "my-app"
path = "{PATH}"
secrets = ["{SECRET}"]
{handler}"#,
        store.display()
    );
    fs::write(&path, text)?;
    Ok(path)
}

/// A folder for a server's files, on the disk that holds the build.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    let beside = Path::new(PRODUCT).parent().context("the program is in no folder")?;
    Ok(TempDir::with_prefix_in("bench-", beside)?)
}
