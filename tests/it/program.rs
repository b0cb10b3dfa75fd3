//! The real binaries as processes: signals, their log, and the two examples.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_asc-webhooks");
const OLD: &str = "the old secret of this test";
const NEW: &str = "the new secret of this test";

/// Nothing here takes long; a program that does not do what it must is not waited for forever.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with a configuration and the file of its secret.
struct Place(tempfile::TempDir);

impl Place {
    fn new(handlers: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("old", OLD);
        place.write("new", NEW);
        place.write("secret", OLD);
        let config = "[server]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = false\n[store]\nurl = 'sqlite:inbox.db'\n\
            [telemetry]\nformat = 'json'\n[[endpoint]]\nname = 'app'\npath = '/app'\nsecrets = [{ file = 'secret' }]\n";
        place.write("config.toml", &format!("{config}{handlers}"));
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(self.0.path()).env_remove("ASC_WEBHOOKS_CONFIG");
        command
    }

    fn start(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Process {
        let mut child = self.command(program, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let also = tell.clone();
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        thread::spawn(move || BufReader::new(err).lines().map_while(Result::ok).try_for_each(|line| also.send(line)));
        Process { child, lines, heard: Vec::new() }
    }

    /// Sends an app version's event, signed with the secret in a file.
    fn send(&self, address: &str, path: &str, secret: &str) -> Output {
        let url = format!("http://{address}{path}");
        let arguments = ["send", "app_version", "--state", "READY_FOR_DISTRIBUTION", "--url", &url, "--secret-file", secret];
        self.command(PROGRAM, &arguments).output().unwrap()
    }

    #[track_caller]
    fn check(&self, address: &str, path: &str, secret: &str, code: i32) {
        let output = self.send(address, path, secret);
        assert_eq!(output.status.code(), Some(code), "{secret}: {output:?}");
    }
}

/// A process that ends with its test, and every line it has written so far.
struct Process {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Process {
    /// The next line that has all of these in it.
    fn hear(&mut self, parts: &[&str]) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.heard.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {parts:?} in:\n{}", self.heard.join("\n"))
                }
            }
            if let Some(line) = self.heard.last().filter(|line| parts.iter().all(|part| line.contains(part))) {
                return line.clone();
            }
        }
    }

    /// Where it listens, as it says itself.
    fn address(&mut self) -> String {
        let line = self.hear(&["listening", "127.0.0.1:"]);
        let digits = line.split_once("127.0.0.1:").unwrap().1.chars().take_while(char::is_ascii_digit);
        format!("127.0.0.1:{}", digits.collect::<String>())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self, signal: Signal) {
        self.signal(signal);
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.heard.join("\n"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An example, which `cargo nextest run` builds beside the program when no single test target is asked for.
fn example(name: &str) -> PathBuf {
    let path = Path::new(PROGRAM).with_file_name("examples").join(name);
    assert!(path.is_file(), "`{}` is not built: run `cargo build --examples` first", path.display());
    path
}

#[test]
fn hanging_up_loads_a_valid_configuration_and_refuses_a_broken_one() {
    let place = Place::new("");
    let mut serving = place.start(PROGRAM, &["serve", "--config", "config.toml"]);
    let address = serving.address();
    place.check(&address, "/app", "old", 0);
    place.check(&address, "/app", "new", 4);

    place.write("secret", NEW);
    serving.signal(Signal::HUP);
    serving.hear(&["the configuration was loaded again"]);
    place.check(&address, "/app", "new", 0);
    place.check(&address, "/app", "old", 4);

    place.write("config.toml", "[server]\nlisen = '127.0.0.1:0'\n");
    serving.signal(Signal::HUP);
    serving.hear(&["lisen", "did you mean `listen`"]);
    serving.hear(&["nothing has changed"]);
    place.check(&address, "/app", "new", 0);
    serving.end(Signal::TERM);
}

/// A handler that is renamed leaves its dead dispatches behind; nothing says that they will be tried, and the log says that they are.
#[test]
fn nothing_is_replayed_to_a_handler_that_is_gone() {
    let boom = |name: &str| format!("[[handler]]\nname = '{name}'\nkind = 'exec'\ncommand = ['/bin/false']\nretry = []\n");
    let place = Place::new(&boom("boom"));
    let run = |arguments: &[&str], code: i32| {
        let output = place.command(PROGRAM, &[arguments, &["--config", "config.toml"]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let dead = |code: i32| run(&["events", "replay", "--dead"], code);
    let mut serving = place.start(PROGRAM, &["serve", "--config", "config.toml"]);
    let address = serving.address();
    place.check(&address, "/app", "old", 0);
    serving.hear(&["boom", "dead"]);
    run(&["handlers", "pause", "boom", "--reason", "it is renamed"], 0);

    let config = fs::read_to_string(place.0.path().join("config.toml")).unwrap();
    place.write("config.toml", &config.replace("'boom'", "'bang'"));
    serving.signal(Signal::HUP);
    let owed = ["\"WARN\"", "1 dispatch is owed to `boom`, which is not in the configuration: nobody handles it"];
    serving.hear(&owed);
    for arguments in [&["--dead"][..], &["--dead", "--handler", "boom"], &["1"], &["1", "--handler", "boom"]] {
        let said = run(&[&["events", "replay"], arguments].concat(), 1);
        assert!(said.contains("`boom` is not in the configuration, so nothing would try it again"), "{arguments:?}: {said}");
    }
    assert!(run(&["handlers", "resume", "boom"], 0).contains("`boom` is paused no more, but it is not in the configuration"));
    serving.end(Signal::TERM);

    let mut serving = place.start(PROGRAM, &["serve", "--config", "config.toml"]);
    let address = serving.address();
    serving.hear(&owed);
    place.check(&address, "/app", "old", 0);
    serving.hear(&["bang", "dead"]);
    let said = dead(0);
    assert!(said.contains("1 dispatch will be tried again") && said.contains("1 dispatch to `boom` is left as it is"), "{said}");
    serving.end(Signal::TERM);
}

#[test]
fn the_example_with_a_handler_of_its_own_handles_an_event() {
    let place = Place::new(
        "[[handler]]\nname = 'room'\nkind = 'announce'\nroom = 'releases'\n[[handler]]\nname = 'party'\nkind = 'celebrate'\n",
    );
    for expected in ["#releases: ", "it is out"] {
        let mut serving = place.start(example("custom_handler"), &["serve", "--config", "config.toml"]);
        let address = serving.address();
        place.check(&address, "/app", "old", 0);
        serving.hear(&[expected]);
        serving.end(Signal::TERM);
    }
}

#[test]
fn the_example_inside_another_application_handles_an_event() {
    let (tell, told) = channel();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", elsewhere.local_addr().unwrap());
    thread::spawn(move || {
        let mut read = Vec::new();
        let (mut peer, _) = elsewhere.accept().unwrap();
        while !String::from_utf8_lossy(&read).contains("READY_FOR_DISTRIBUTION") {
            let mut some = [0; 1_024];
            let length = peer.read(&mut some).unwrap();
            assert!(length > 0, "the request ended too soon");
            read.extend(&some[..length]);
        }
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        tell.send(()).unwrap();
    });
    let keys = format!("url = '{url}'\nbody = 'raw'\nallow_private = true\n");
    let place = Place::new(&format!("[[handler]]\nname = 'on'\nkind = 'forward'\n{keys}"));
    let mut serving = place.start(example("embed_router"), &["config.toml"]);
    let address = serving.address();
    place.check(&address, "/webhooks/app", "new", 4);
    place.check(&address, "/webhooks/app", "old", 0);
    told.recv_timeout(PATIENCE).expect("the event is handed on");
    // The recorder is the application's, and what the receiver counts is in it.
    let mut page = String::new();
    let mut peer = TcpStream::connect(&address).unwrap();
    peer.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    peer.read_to_string(&mut page).unwrap();
    for line in [
        "# HELP asc_webhooks_requests_total Requests, by endpoint",
        "asc_webhooks_requests_total{endpoint=\"app\",status=\"200\"} 1",
    ] {
        assert!(page.contains(line), "{line}:\n{page}");
    }
    serving.end(Signal::INT);
}

/// Logged at the finest level, asked with right and wrong tokens, reloaded, and shown by every command: the token is in none of it.
#[test]
fn a_token_in_a_path_is_printed_nowhere() {
    const TOKEN: &str = "91e0c7d25f3b4a6880d1f94c7ab26e35";
    let place = Place::new(
        "[[endpoint]]\nname = 'builds'\npath = '/xcode'\nkind = 'xcode-cloud'\ntokens = [{ file = 'token' }]\n\
         [[handler]]\nname = 'log'\nkind = 'log'\nevents = ['*', 'xcode_cloud']\n",
    );
    place.write("token", TOKEN);
    let config = fs::read_to_string(place.0.path().join("config.toml")).unwrap();
    place.write("config.toml", &config.replace("format = 'json'", "format = 'json'\nlog = 'trace'"));
    let mut server = place.start(PROGRAM, &["serve", "--config", "config.toml"]);
    let address = server.address();
    let url = format!("http://{address}/xcode");
    let mut told = String::new();
    let mut run = |arguments: &[&str], code: i32| {
        let output = place.command(PROGRAM, arguments).env("ASC_WEBHOOKS_CONFIG", "config.toml").output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        told.push_str(&String::from_utf8(output.stdout).unwrap());
        told.push_str(&String::from_utf8(output.stderr).unwrap());
    };
    let inside = format!("webhook.url={url}/{TOKEN}");
    run(&["send", "xcode_cloud_build_completed", "--url", &url, "--data", &inside], 0);
    run(&["send", "xcode_cloud_build_started", "--url", &url, "--secret-file", "token", "--json"], 0);
    run(&["send", "xcode_cloud_build_started", "--url", &url, "--secret-file", "old"], 4);
    run(&["send", "xcode_cloud_build_started", "--url", &format!("{url}/deeper"), "--secret-file", "token"], 4);
    run(&["send", "xcode_cloud_build_started", "--endpoint", "app"], 1);
    run(&["check"], 0);
    run(&["events", "list"], 0);
    run(&["events", "show", "1"], 0);
    run(&["events", "show", "1", "--raw"], 0);
    run(&["events", "export"], 0);
    server.signal(Signal::HUP);
    server.hear(&["receiving what nobody signs"]);
    server.hear(&["the configuration was loaded again"]);
    server.signal(Signal::TERM);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    while let Ok(line) = server.lines.recv_timeout(PATIENCE) {
        server.heard.push(line);
    }
    let logged = server.heard.join("\n");
    assert!(logged.contains("\"DEBUG\"") && logged.contains("wrong_token"), "{logged}");
    assert!(told.contains("takes what nobody signs") && told.contains("(unsigned)") && told.contains("***"), "{told}");
    assert!(
        !logged.contains(TOKEN) && !told.contains(TOKEN),
        "{}",
        format!("{logged}\n{told}").lines().find(|line| line.contains(TOKEN)).unwrap()
    );
}
