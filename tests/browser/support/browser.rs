//! Chromium without a window, driven over [WebDriver](https://www.w3.org/TR/webdriver2/).
//!
//! Only what these tests ask of it is here, over our own HTTP client: the crates that speak all of it would bring their own versions of
//! half the house, and change how the program under test writes JSON.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    PATIENCE, left,
    place::{TOKEN, client},
};

/// The name under which elements are passed about.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Run in every page before anything else is: whatever a script in a payload does is noted. Browsers run it under any policy.
const NOTE: &str = "for (const name of ['alert', 'confirm', 'prompt', 'ran']) window[name] = () => { window.__ran = true; };";

/// A browser. It is closed when this is dropped.
pub(crate) struct Browser {
    client: reqwest::Client,
    session: String,
    process: Child,
    /// Where the browser keeps all that it would leave behind.
    folder: TempDir,
}

/// Which colours the reader prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Browser {
    /// Opens one.
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`chromedriver` is in Debian's package `chromium-driver`, which `tests/run` installs");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok());
        thread::spawn(move || lines.for_each(drop));
        let driver = format!("http://127.0.0.1:{}/session", port.unwrap());
        let wishes = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"]
            },
            "goog:loggingPrefs": { "browser": "ALL" }
        });
        let mut browser = Self { client: client(), session: driver, process, folder };
        let session = browser.ask("", json!({ "capabilities": { "alwaysMatch": wishes } })).await;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().unwrap());
        browser.tell("Page.enable", json!({})).await;
        browser.tell("Page.addScriptToEvaluateOnNewDocument", json!({ "source": NOTE })).await;
        browser
    }

    /// Goes to an address.
    pub(crate) async fn go(&self, url: &str) {
        self.ask("/url", json!({ "url": url })).await;
    }

    /// Logs in by the form.
    pub(crate) async fn log_in(&self, page: &str) {
        self.go(&format!("{page}/login")).await;
        self.write("#token", TOKEN).await;
        self.click("form.login button").await;
        self.until("document.querySelector('nav') !== null").await;
    }

    /// Clicks on the first element that a selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.ask(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Types into the first element that a selector finds.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.ask(&format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// The value of an expression in the page.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        self.ask("/execute/sync", json!({ "script": format!("return ({expression});"), "args": [] })).await
    }

    /// The value that a promise in the page comes to.
    pub(crate) async fn promised(&self, expression: &str) -> Value {
        let script = format!("const done = arguments[0]; ({expression}).then(done, (error) => done(String(error)));");
        self.ask("/execute/async", json!({ "script": script, "args": [] })).await
    }

    /// Runs a script in the page, whatever the page's policy says.
    pub(crate) async fn run(&self, script: &str) {
        self.ask("/execute/sync", json!({ "script": script, "args": [] })).await;
    }

    /// Waits until an expression in the page is true.
    pub(crate) async fn until(&self, expression: &str) {
        let start = Instant::now();
        while self.value(expression).await != true {
            let text = async || self.value("document.body.innerText").await;
            assert!(start.elapsed() < PATIENCE, "not so: {expression}\n{}", text().await.as_str().unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the browser has complained of since it was last asked: errors of scripts, refused requests, breaches of the policy.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", json!({ "type": "browser" })).await;
        // What is only advice is not meant.
        let grave = log.as_array().unwrap().iter().filter(|entry| entry["level"] != "DEBUG");
        let said = |entry: &Value| format!("{}: {}", entry["level"].as_str().unwrap(), entry["message"].as_str().unwrap());
        grave.map(said).collect()
    }

    /// Leaves a picture of the whole page to be looked at.
    pub(crate) async fn picture(&self, name: &str) {
        let picture = self.tell("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        fs::write(left(&format!("{name}.png")), bytes).unwrap();
    }

    /// Sets the size of the window, as a phone or a desk has it.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Prefers light or dark colours.
    pub(crate) async fn prefer(&self, scheme: Scheme) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme.as_str() }]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Heeds no page's policy, or heeds it again.
    pub(crate) async fn ignore_policies(&self, is_so: bool) {
        self.tell("Page.setBypassCSP", json!({ "enabled": is_so })).await;
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.ask("/element", json!({ "using": "css selector", "value": selector })).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Gives a command of [Chromium's own](https://chromedevtools.github.io/devtools-protocol/).
    async fn tell(&self, command: &str, parameters: Value) -> Value {
        self.ask("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn ask(&self, path: &str, parameters: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.session)).body(parameters.to_string());
        let answer: Value = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
        let value = &answer["value"];
        assert!(value.get("error").is_none(), "{path} {parameters}: {}", value["message"]);
        value.clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // A driver that is ended leaves its browser behind, which has many parts; none may write into the folder that is removed next.
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let parts = parts(self.folder.path());
            if parts.is_empty() {
                break;
            }
            for part in parts {
                let _ = kill_process(part, Signal::KILL);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The processes whose command line names this folder: all of a browser, which keeps its profile there.
fn parts(folder: &Path) -> Vec<Pid> {
    let folder = folder.to_str().unwrap();
    let names_it =
        |process: &Path| fs::read(process.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(folder));
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let parts = processes.filter(|process| names_it(process));
    parts.filter_map(|process| Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?)).collect()
}
