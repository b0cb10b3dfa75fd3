//! The commands that ask App Store Connect, run as people run them, against the sandbox and against servers that answer worse.

mod changes;
mod check;
mod deliveries;
mod healthcheck;
mod idle;
mod listings;
mod ping;
mod refusals;
mod secrecy;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use asc_webhooks::{
    clock::SystemClock,
    sandbox::{ApiKey, Running, Sandbox, Settings},
    secret::Secret,
    shutdown::Shutdown,
};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_asc-webhooks");
const APP: &str = "6700000001";

/// The secret of the endpoint `my-app`. No output may hold it.
const SECRET: &str = "canary-of-the-signing-secret";

/// A sandbox that stands in for Apple, and a folder with a configuration that has its key.
struct Scene {
    apple: Running,
    place: Place,
    shutdown: Shutdown,
}

impl Scene {
    async fn new() -> Self {
        let shutdown = Shutdown::new();
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock::new()));
        let apple = Sandbox::start(settings, &shutdown).await.unwrap();
        let place = Place::new(&apple.api_url(), apple.team_key());
        Self { apple, place, shutdown }
    }

    /// Registers the endpoint of the configuration, as somebody may have done by hand.
    fn register(&self) -> String {
        self.apple.register(APP, "by hand", &self.place.url(), &Secret::new(SECRET)).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.cut_off();
    }
}

/// A folder with a configuration, whose server has an address of its own.
struct Place {
    folder: tempfile::TempDir,
    listen: String,
}

impl Place {
    fn new(api: &str, key: &ApiKey) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let place = Self { folder: tempfile::tempdir().unwrap(), listen: free.to_string() };
        place.write("AuthKey.p8", key.private_key_pem.expose());
        place.write("my-app.secret", SECRET);
        let issuer = key.issuer_id.as_ref().map(|issuer| format!("issuer_id = '{issuer}'\n")).unwrap_or_default();
        place.write(
            "config.toml",
            &format!(
                "[server]\nlisten = '{listen}'\npublic_url = 'http://{listen}'\n[admin]\nlisten = false\n[store]\nurl = 'sqlite:inbox.db'\n\
                 [telemetry]\nlog = 'off'\n[asc]\nkey_id = '{}'\n{issuer}private_key = {{ file = 'AuthKey.p8' }}\nbase_url = '{api}'\n\
                 [[endpoint]]\nname = 'my-app'\npath = '/apple/my-app'\napp_id = '{APP}'\nsecrets = [{{ file = 'my-app.secret' }}]\n",
                key.id,
                listen = place.listen,
            ),
        );
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
        fs::set_permissions(self.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The address of the endpoint.
    fn url(&self) -> String {
        format!("http://{}/apple/my-app", self.listen)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.path()).env_remove("ASC_WEBHOOKS_CONFIG").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, while the sandbox goes on in this process.
    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let arguments = arguments.join(" ");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Ran { arguments, output }
    }

    /// The JSON that a command writes.
    async fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).await.ends_with(0).json()
    }

    /// Starts the server, and returns when it is ready.
    async fn serve(&self) -> Serving {
        let serving = Serving(self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        self.until_ready().await;
        serving
    }

    /// Waits for a server that was started.
    async fn until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.run(&["healthcheck"]).await.code() != 0 {
            assert!(Instant::now() < deadline, "the server does not become ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A server that ends with its test, whatever comes of it.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that has ended.
struct Ran {
    arguments: String,
    output: Output,
}

impl Ran {
    fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{}", self.told());
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.output.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.told()))
    }

    fn out(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// The command, all that it wrote, and its code, as a terminal would show it.
    fn told(&self) -> String {
        format!("$ asc-webhooks {}\n{}{}[{}]", self.arguments, self.out(), self.err(), self.code())
    }
}

/// A text with names in place of what is different every time. In a pattern, `9` stands for a digit and `x` for a hexadecimal one.
fn masked(text: &str) -> String {
    const PATTERNS: [(&str, &str); 4] = [
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "UUID"),
        ("9999-99-99 99:99:99", "TIME"),
        ("127.0.0.1:99999", "HOST"),
        ("after 9.999 s", "after N s"),
    ];
    let is_at = |pattern: &str, rest: &str| {
        let fits = |(pattern, found): (u8, u8)| match pattern {
            b'9' => found.is_ascii_digit(),
            b'x' => found.is_ascii_hexdigit(),
            letter => letter == found,
        };
        rest.len() >= pattern.len() && pattern.bytes().zip(rest.bytes()).all(fits)
    };
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        let (length, name) = match PATTERNS.iter().find(|(pattern, _)| is_at(pattern, rest)) {
            Some((pattern, name)) => (pattern.len(), (*name).to_owned()),
            None => (letter.len_utf8(), letter.to_string()),
        };
        masked.push_str(&name);
        rest = &rest[length..];
    }
    masked
}

/// Compares what a person sees with what it should be.
macro_rules! assert_told {
    ($name:expr, $ran:expr) => {
        insta::assert_snapshot!($name, crate::commands::masked(&$ran.told()))
    };
}
use assert_told;
