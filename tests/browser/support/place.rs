//! A running program with its store, and all its pages.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use asc_webhooks::{
    clock::{Clock as _, SystemClock},
    event::{
        Event, EventKind,
        sample::{self, Sample},
    },
    inbox::{
        Accepted, Arrival, AttemptResult, Claim, Finish, Owed, ReceiptId, Room, Store as _, Verdict,
        account::Pass,
        sqlite::{Options, Sqlite},
    },
    secret::Secret,
    signature::{Secrets, SigningKey, sign},
};
use bytes::Bytes;

use super::PATIENCE;

pub(crate) const TOKEN: &str = "the token of the operator in these tests";
const SECRET: &str = "a secret that only these tests use";

/// A handler that is owed things and is not configured, so that the test says what becomes of them.
pub(crate) const GHOST: &str = "ghost";

/// A running program. It is ended when this is dropped.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    child: Child,
    /// Where the page is: `http://127.0.0.1:8081`.
    pub(crate) page: String,
    /// Where Apple would post to.
    pub(crate) endpoint: String,
    store: Sqlite,
    clock: SystemClock,
    client: reqwest::Client,
}

impl Place {
    /// A program whose one handler, `gate`, rejects everything until [`Place::open_the_gate`].
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gate = folder.path().join("gate").display().to_string();
        let command = format!("test -e {gate} || {{ echo the gate is closed >&2; exit 1; }}");
        Self::start(folder, &format!("kind = 'exec'\nreject_codes = [1]\ncommand = ['/bin/sh', '-c', '{command}']\n"))
    }

    /// A program whose one handler takes everything, and no time for it.
    pub(crate) fn easy() -> Self {
        Self::start(tempfile::tempdir().unwrap(), "kind = 'log'\n")
    }

    fn start(folder: tempfile::TempDir, handler: &str) -> Self {
        std::fs::write(folder.path().join("config.toml"), configuration(handler)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_asc-webhooks"))
            .args(["serve", "--config", "config.toml"])
            .current_dir(folder.path())
            .env_remove("ASC_WEBHOOKS_CONFIG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stderr.take().unwrap());
        let (public, admin) = (listening(&lines, "public"), listening(&lines, "admin"));
        let store = Sqlite::open(Options::new(folder.path().join("inbox.db")).shared()).unwrap();
        Self {
            folder,
            child,
            page: format!("http://{admin}"),
            endpoint: format!("http://{public}/app"),
            store,
            clock: SystemClock::new(),
            client: client(),
        }
    }

    /// From now on the handler takes everything.
    pub(crate) fn open_the_gate(&self) {
        std::fs::write(self.folder.path().join("gate"), "open").unwrap();
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends an event as Apple does.
    pub(crate) async fn send(&self, event: &Sample) {
        let body = event.body();
        let signature = sign(&Secret::new(SECRET), &body).to_string();
        let answer = self.client.post(&self.endpoint).header("x-apple-signature", signature).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// Asks as an operator.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.page)).bearer_auth(TOKEN).send().await.unwrap()
    }

    /// Keeps bytes that are owed to [`GHOST`], as another process would.
    pub(crate) async fn keep(&self, body: Bytes) -> ReceiptId {
        let (secret, now) = (Secret::new(SECRET), self.clock.now());
        let header = sign(&secret, &body).to_string();
        let authentic = Secrets::new([SigningKey::new(&secret, "only")]).verify([header.as_bytes()], body, now).unwrap();
        let parsed = Event::parse(authentic.get().clone());
        let owed = vec![Owed { handler: GHOST.into(), in_order: false }];
        match self.store.accept(Arrival::new("app".into(), authentic, parsed.as_ref(), owed, now)).await.unwrap() {
            Accepted::New { receipt, .. } => receipt,
            known => panic!("{known:?}"),
        }
    }

    /// Ends every dispatch that waits for [`GHOST`] with an error.
    pub(crate) async fn fail(&self, error: &str, is_for_good: bool) {
        let now = self.clock.now();
        let room = Room { handler: GHOST.into(), slots: 1_000, lease: Duration::from_mins(1) };
        for claimed in self.store.claim(Claim { handlers: vec![room], now }).await.unwrap() {
            let (result, error) = (AttemptResult::Rejected, error.to_owned());
            let verdict = if is_for_good { Verdict::Dead { result, error } } else { Verdict::Retry { due_at: now, result, error } };
            let finish = Finish { lease: claimed.lease, started_at: now, took: Duration::from_millis(7), verdict };
            assert!(self.store.finish(finish).await.unwrap());
        }
    }

    /// What is known of a receipt besides: every text of it is this one.
    pub(crate) async fn explain(&self, id: ReceiptId, event: &Sample, text: &str) {
        let event = Event::parse(event.body()).unwrap();
        let mut details = serde_json::to_value(asc_webhooks::event::details::sample::of(&event)).unwrap();
        fill(&mut details, text);
        assert!(self.store.keep_details(id, details.to_string().into(), Vec::new()).await.unwrap());
    }

    /// That Apple could not be asked, and why.
    pub(crate) async fn miss(&self, why: &str) {
        self.store.end_pass("app", Pass::Failed { error: why.to_owned() }, self.clock.now()).await.unwrap();
    }

    /// Something of everything: what is done, dead, waiting, strange, explained and missed.
    pub(crate) async fn furnish(&self) {
        let version = |id: &str, state: &str| {
            sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).id(id).previous_state("IN_REVIEW").state(state)
        };
        self.send(&version("dead", "REJECTED").subject_id("6444444444")).await;
        self.send(&sample::of(&EventKind::BuildUploadStateUpdated).id("failed").state("FAILED")).await;
        self.send(&sample::of(&EventKind::BetaFeedbackCrashSubmissionCreated).id("crash")).await;
        self.keep(Bytes::from_static(b"{\"data\": no event")).await;
        let feedback = sample::of(&EventKind::BetaFeedbackScreenshotSubmissionCreated).id("feedback");
        let id = self.keep(feedback.body()).await;
        self.explain(id, &feedback, "The map stays grey after I turn the phone.").await;
        self.fail("503 Service Unavailable: try again later", true).await;
        self.keep(version("waiting", "READY_FOR_DISTRIBUTION").body()).await;
        self.miss("App Store Connect did not answer within 30 s").await;
    }

    /// Every page that can be reached by links, one address for each thing that it can show, and those that no link leads to: what is
    /// not there, and the form to log in with.
    ///
    /// # Panics
    /// If the program has a route for pages that no link leads to, or a link that leads nowhere.
    pub(crate) async fn pages(&self) -> Vec<String> {
        let mut pages = self.reached_from("/").await;
        let routes = asc_webhooks::server::pages();
        let unseen: Vec<_> = routes.iter().filter(|route| !pages.iter().any(|path| is_of(route, path))).collect();
        assert!(unseen.is_empty(), "no link leads to {unseen:?}");
        pages.extend(["/events/999".to_owned(), "/login".to_owned()]);
        pages
    }

    async fn reached_from(&self, start: &str) -> Vec<String> {
        let (mut open, mut seen, mut pages) = (VecDeque::from([start.to_owned()]), BTreeSet::new(), Vec::new());
        while let Some(path) = open.pop_front() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let answer = self.get(&path).await;
            assert_eq!(answer.status(), 200, "a link leads to {path}");
            if answer.headers()["content-type"].to_str().unwrap().starts_with("text/html") {
                open.extend(links(&answer.text().await.unwrap()));
                pages.push(path);
            }
        }
        pages
    }
}

/// The pages that are not about one thing, with the longest lists there are.
pub(crate) fn views() -> Vec<String> {
    let views = asc_webhooks::server::pages().into_iter().filter(|path| !path.contains('{')).map(str::to_owned);
    views.chain(["/events?limit=1000", "/events?dispatch=dead&limit=1000"].map(str::to_owned)).collect()
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(handler: &str) -> String {
    format!(
        "[server]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\ntoken = '{TOKEN}'\n[store]\nurl = 'sqlite:inbox.db'\n\
         [telemetry]\nformat = 'json'\n[[endpoint]]\nname = 'app'\npath = '/app'\nsecrets = ['{SECRET}']\n\
         [[handler]]\nname = 'gate'\n{handler}"
    )
}

/// What speaks HTTP for these tests.
pub(crate) fn client() -> reqwest::Client {
    // The one that the program uses too; a process has only one, and a second try changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "it talks to loopback only, which the program's own clients refuse")]
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn lines_of(pipe: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel();
    // It is read to its end even when nobody listens any more: a full pipe would hold the program up.
    thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    lines
}

fn listening(lines: &mpsc::Receiver<String>, name: &str) -> String {
    let mut heard = Vec::new();
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if said["message"] == "listening" && said["listener.name"] == name {
            return said["address"].as_str().unwrap().to_owned();
        }
        heard.push(line);
    }
    panic!("the program does not listen:\n{}", heard.join("\n"));
}

/// The addresses of our own that a page links to.
fn links(html: &str) -> Vec<String> {
    let hrefs = html.split("<a ").skip(1).filter_map(|tag| tag.split('>').next()?.split("href=\"").nth(1)?.split('"').next());
    let plain = hrefs.map(|href| href.replace("&#x2f;", "/").replace("&amp;", "&"));
    plain.map(|href| href.split('#').next().unwrap_or_default().to_owned()).filter(|href| href.starts_with('/')).collect()
}

/// Whether an address is one of a route's.
fn is_of(route: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let (mut parts, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || (part.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

/// Replaces every text, but for those that choose what is shown.
fn fill(value: &mut serde_json::Value, text: &str) {
    match value {
        serde_json::Value::String(found) => text.clone_into(found),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| fill(item, text)),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter_mut().filter(|(name, _)| *name != "link");
            fields.for_each(|(_, value)| fill(value, text));
        }
        _ => {}
    }
}
