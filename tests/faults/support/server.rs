//! A running server: the real program in a process of its own.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::{PATH, SECRET, eventually, http, report};

/// How long a server may take to be ready. Generous, because it may run under `strace` on a busy machine.
const START: Duration = Duration::from_mins(1);

/// A server to be started, once or again and again.
pub(crate) struct Setup {
    folder: TempDir,
    store: PathBuf,
    wrapper: Vec<String>,
    program: Vec<String>,
    variables: Vec<(String, String)>,
    listen: SocketAddr,
    server: String,
    store_keys: String,
    blocks: String,
}

impl Setup {
    /// The real program, with its store in a folder that lasts as long as the setup.
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("asc-webhooks-").unwrap();
        let store = folder.path().join("inbox.db");
        Self {
            folder,
            store,
            wrapper: Vec::new(),
            program: vec![env!("CARGO_BIN_EXE_asc-webhooks").into()],
            variables: Vec::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            server: String::new(),
            store_keys: String::new(),
            blocks: String::new(),
        }
    }

    /// Keeps the store in another folder.
    pub(crate) fn store_in(mut self, folder: &Path) -> Self {
        self.store = folder.join("inbox.db");
        self
    }

    /// Takes the program that breaks its word, in the way that is named.
    pub(crate) fn sabotaged(mut self, how: &str) -> Self {
        self.program = vec![env!("CARGO_BIN_EXE_asc-webhooks-sabotaged").into(), how.into()];
        self
    }

    /// Runs the program under another one, such as `strace`.
    pub(crate) fn under<W: Into<String>>(mut self, wrapper: impl IntoIterator<Item = W>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Listens there, and not at any address that is free.
    pub(crate) fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Adds keys of `[store]`.
    pub(crate) fn store_keys(mut self, keys: &str) -> Self {
        self.store_keys += keys;
        self
    }

    /// Adds keys of `[server]`.
    pub(crate) fn server(mut self, keys: &str) -> Self {
        self.server += keys;
        self
    }

    /// Adds blocks, such as a `[[handler]]`.
    pub(crate) fn with(mut self, blocks: &str) -> Self {
        self.blocks += blocks;
        self
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// A folder that lasts as long as the setup.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Server {
        let mut server = self.launch();
        server.wait_until_ready();
        server
    }

    /// Writes the configuration; says where.
    pub(crate) fn configuration(&self) -> PathBuf {
        let Self { store, listen, server, store_keys, blocks, .. } = self;
        let store = store.display();
        let text = format!(
            r#"
[server]
listen = "{listen}"
{server}

[admin]
listen = "127.0.0.1:0"

[store]
url = "sqlite:{store}"
{store_keys}

[telemetry]
log = "info"
format = "json"

[[endpoint]]
name = "my-app"
path = "{PATH}"
secrets = ["{SECRET}"]

{blocks}"#
        );
        let path = self.folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn launch(&self) -> Server {
        let configuration = self.configuration();
        let mut words = self.wrapper.iter().chain(&self.program);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("serve").arg("--config").arg(configuration);
        command.envs(self.variables.iter().cloned());
        // A group of its own, so that a signal reaches the program and not only the one it runs under.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (log, is_held) = (Arc::default(), Arc::default());
        let err = follow(child.stderr.take().unwrap(), &log, &is_held);
        let out = follow(child.stdout.take().unwrap(), &log, &is_held);
        Server { child, log, is_held, readers: vec![err, out], public: None, admin: None }
    }
}

/// A running server. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    /// Whether nobody reads its outputs.
    is_held: Arc<AtomicBool>,
    readers: Vec<JoinHandle<()>>,
    public: Option<SocketAddr>,
    admin: Option<SocketAddr>,
}

impl Server {
    /// Where it receives.
    pub(crate) fn public(&self) -> SocketAddr {
        self.public.unwrap()
    }

    /// Where its metrics are.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.unwrap()
    }

    /// All it has written so far, on both of its outputs.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Holds its outputs: nobody reads them, and nobody closes them either.
    pub(crate) fn hold_outputs(&self) {
        self.is_held.store(true, Ordering::SeqCst);
    }

    /// Reads its outputs again.
    pub(crate) fn read_outputs(&self) {
        self.is_held.store(false, Ordering::SeqCst);
    }

    /// The number of its process (or of what it runs under).
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it and to what it runs under.
    pub(crate) fn signal(&self, signal: Signal) {
        let group = Pid::from_child(&self.child);
        // It may have ended by itself, which is not what the caller is asking about.
        let _ = kill_process_group(group, signal);
    }

    /// Holds it where it is, until it is ended: no thread of it takes another step of its own.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let threads = || std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().flatten();
        let is_held = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with(['T', 'D']));
        eventually("every thread is held", Duration::from_secs(10), || {
            threads().all(|thread| std::fs::read_to_string(thread.path().join("stat")).is_ok_and(is_held))
        });
    }

    /// Ends it without a warning, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to end and waits until it has; says how, and how long that took.
    #[track_caller]
    pub(crate) fn stop(mut self, patience: Duration) -> (ExitStatus, Duration, String) {
        let start = Instant::now();
        self.signal(Signal::TERM);
        let status = self.ended_within(patience);
        let took = start.elapsed();
        let status = status.unwrap_or_else(|| panic!("still running after {patience:?}:\n{}", self.log()));
        self.end();
        (status, took, self.log())
    }

    /// Waits until it ends by itself; none if it does not in time.
    pub(crate) fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        let start = Instant::now();
        loop {
            self.public = self.public.or_else(|| listening(&self.log(), "public"));
            self.admin = self.admin.or_else(|| listening(&self.log(), "admin"));
            if let (Some(public), Some(_)) = (self.public, self.admin)
                && http::get(public, "/readyz").is_ok_and(|answer| answer.status() == 200)
            {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended at start with {ended:?}:\n{}", self.log());
            assert!(start.elapsed() < START, "not ready after {START:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn end(&mut self) {
        self.signal(Signal::KILL);
        drop(self.child.wait());
        self.read_outputs();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            report(&format!("the last words of the server:\n{}", lines[lines.len().saturating_sub(40)..].join("\n")));
        }
    }
}

/// Collects what comes out of a pipe, line by line, but not while it is held.
fn follow(pipe: impl std::io::Read + Send + 'static, log: &Arc<Mutex<String>>, is_held: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (log, is_held) = (log.clone(), is_held.clone());
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            while is_held.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(10));
            }
            writeln!(log.lock().unwrap(), "{}", String::from_utf8_lossy(&line)).unwrap();
        }
    })
}

/// The address in the line by which a listener says that it is open.
fn listening(log: &str, listener: &str) -> Option<SocketAddr> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .filter(|line| line["message"] == "listening" && line["listener.name"] == listener)
        .find_map(|line| line["address"].as_str()?.parse().ok())
}
