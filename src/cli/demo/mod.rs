//! `demo`: the sandbox and the server together, and one version on its way through review.
//!
//! The server is the real one, with a configuration in a file, a store on disk and a secret of its own; the sandbox posts to it over a
//! socket. Only the address of Apple's side is another one.

mod follow;
mod place;

#[cfg(test)]
pub(super) use self::follow::{header as receipts_header, line as receipt_line};

use std::{
    env, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{Method, StatusCode};
use serde_json::json;

use self::{follow::Follow, place::Place};
use super::{
    Format, Setup,
    failure::{Failure, Outcome},
    healthcheck,
    output::{self, Unwritten},
    sandbox, serve,
    signals::Signals,
};
use crate::{
    app::App,
    clock::SystemClock,
    config::{self, Flag, Loaded, Sources},
    http_client::{Outgoing, Reach},
    sandbox::{Drive, Running, Sandbox, Scenario, Settings, StepTaken},
    shutdown::Shutdown,
    telemetry,
};

/// How long the last events may take to be handled.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pace at which App Store Connect can be asked about each event: the server makes one request a second.
const UNHURRIED: Duration = Duration::from_secs(1);

/// How long the sandbox may take to end.
const GRACE: Duration = Duration::from_secs(1);

/// Try it without Apple: a local App Store Connect, a server, and a version on its way through review
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  asc-webhooks demo                   watch, then look around until Ctrl-C
  asc-webhooks demo --data ./demo     keep what was received
  asc-webhooks demo --once --pace 0s  a smoke test: exit code 0 if every event was handled")]
pub(super) struct Arguments {
    /// Keep everything in this folder. Otherwise in a temporary one, which is removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the server listens. Otherwise at any free port of this machine
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where the sandbox listens. Otherwise at any free port of this machine
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", hide_default_value = true)]
    sandbox: SocketAddr,
    /// How long to wait between one step and the next; below one second, versions are not shown
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pace: humantime::Duration,
    /// End when the version is through, instead of staying up until Ctrl-C
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    format: Format,
}

/// What goes on together.
#[derive(Debug)]
struct Scene {
    place: Place,
    sandbox: Running,
    loaded: Loaded,
    app: App,
}

pub(super) fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(demo(setup, arguments))
}

async fn demo(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let ending = Shutdown::new();
    let played = match Scene::set(setup, arguments, &ending).await {
        Ok(scene) => scene.play(arguments).await,
        Err(failure) => Err(failure),
    };
    ending.begin();
    if !ending.finished(GRACE).await {
        ending.cut_off();
    }
    played
}

impl Scene {
    /// Starts the sandbox, and puts the server together and registers it there.
    async fn set(setup: &Setup<'_>, arguments: &Arguments, ending: &Shutdown) -> Result<Self, Failure> {
        let place = Place::new(arguments.data.as_deref())?;
        let key = place.key();
        let kept = sandbox::key::read(&key)?;
        let is_new = kept.is_none();
        let mut settings = Settings::new(arguments.sandbox, Arc::new(SystemClock::new())).with_random_seed()?;
        settings.private_key_pem = kept;
        let sandbox = Sandbox::start(settings, ending).await.map_err(|error| sandbox::failure(error, &key))?;
        if is_new {
            sandbox::key::write(&key, sandbox.team_key())?;
        }
        place.make_secrets()?;
        let (free, admin) = two_free_addresses()?;
        let [harbor, ..] = sandbox.apps() else { return Err(Failure::new("the sandbox has no app")) };
        let listen = arguments.listen.unwrap_or(free);
        // At a faster pace, everybody would wait for the version that each event is about.
        let enrich = if *arguments.pace < UNHURRIED { "off" } else { "best-effort" };
        let asc = sandbox::asc_section(&sandbox, &key);
        place.write_config(&listen.to_string(), &admin.to_string(), harbor.id, &asc, enrich)?;

        // Not the environment of the process: it is for the server that is no demo.
        let quietly = [("telemetry.log", "warn"), ("telemetry.format", "text")];
        let flag = |(key, value): (&str, &str)| Flag { name: "`demo`".to_owned(), key: key.to_owned(), value: value.into() };
        let sources = Sources { file: Some(place.config()), flags: quietly.map(flag).into(), ..Sources::default() };
        let loaded = config::load(&sources)?;
        telemetry::init(&loaded.config.telemetry)?;
        let app = App::new(&loaded, setup.registry).await.map_err(serve::failure)?;
        let endpoint = healthcheck::at(listen, "/apple/harbor")?;
        let secret = loaded.config.endpoints.iter().flat_map(|endpoint| &endpoint.secrets).next();
        let secret = secret.ok_or_else(|| Failure::new("the endpoint has no secret"))?;
        sandbox.register(harbor.id, "asc-webhooks demo", endpoint.as_str(), &secret.secret)?;
        Ok(Self { place, sandbox, loaded, app })
    }

    /// Runs the server, and tells the story beside it.
    async fn play(&self, arguments: &Arguments) -> Outcome {
        let (signals, shutdown) = (Signals::new()?, self.app.shutdown());
        let server = async {
            let ended = self.app.run().await;
            shutdown.begin();
            ended
        };
        let story = async {
            let told = tokio::select! {
                told = self.tell(arguments) => told,
                () = shutdown.begun() => Ok(()),
            };
            shutdown.begin();
            told
        };
        let both = async { tokio::join!(server, story) };
        tokio::select! {
            (ended, told) = both => ended.map_err(serve::failure).and(told),
            never = signals.obey(shutdown) => match never {},
        }
    }

    async fn tell(&self, arguments: &Arguments) -> Outcome {
        self.until_ready().await?;
        let mut follow = Follow::from_now(Arc::clone(self.app.store()), arguments.format).await?;
        output::talk(self.introduction()?);
        if !arguments.format.json {
            output::line(follow::header())?;
        }
        let release = Drive::from(Scenario::Release).with_pace(*arguments.pace);
        let steps = follow.during(self.sandbox.drive(release)).await??;
        let events: Vec<&str> = steps.iter().map(|step| step.event_id.as_str()).collect();
        follow.until_shown(&events, PATIENCE).await?;

        let account = Account {
            told: steps.len(),
            delivered: delivered(&steps),
            kept: follow.kept(&events),
            handled: follow.handled(&events),
        };
        account.show(arguments.format)?;
        if !account.is_complete() {
            return Err(Failure::new("not every event was delivered, kept and handled"));
        }
        if arguments.once {
            return Ok(());
        }
        output::talk(self.what_next());
        follow.during(self.app.shutdown().begun()).await
    }

    /// Returns when the server takes notifications. It ends by itself if it never can.
    async fn until_ready(&self) -> Outcome {
        let url = healthcheck::at(self.loaded.config.server.listen, "/readyz")?;
        let client = Outgoing::new(None)?.client(Reach::Private)?;
        loop {
            let answer = client.request(Method::GET, url.clone())?.timeout(PATIENCE).send().await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn introduction(&self) -> Result<String, url::ParseError> {
        let config = &self.loaded.config;
        let at = |address, path| healthcheck::at(address, path).map(String::from);
        let operator = config.admin.listen.map(|admin| at(admin, "/")).transpose()?.unwrap_or_default();
        // Made for this demo alone, on loopback, and gone with it.
        let token = config.admin.tokens.first().map(|token| token.secret.expose()).unwrap_or_default();
        Ok(format!(
            "\
A local App Store Connect and a server are running on this machine, and nothing leaves it.

  App Store Connect  {page}/   (a page with buttons)
  the server         {server}
  its page           {operator}   (log in with {token})
  its configuration  {file}

A version of the app Harbor now goes through review. App Store Connect notifies the server of each step, signed; the server verifies
it, keeps it on disk, answers 200, and hands it to the handler `log`. The lines below are read back from disk.
",
            page = self.sandbox.api_url(),
            server = at(config.server.listen, "/apple/harbor")?,
            file = self.place.config().display(),
        ))
    }

    fn what_next(&self) -> String {
        let program = env::args().next().unwrap_or_else(|| "asc-webhooks".to_owned());
        let config = self.place.config();
        what_next(&program, &config, &self.sandbox.api_url(), self.place.temporary())
    }
}

/// What to try while it is up.
pub(in crate::cli) fn what_next(program: &str, config: &Path, sandbox: &str, temporary: Option<&Path>) -> String {
    let config = config.display();
    let end = match temporary {
        Some(folder) => format!("Ctrl-C ends it and removes `{}`; with `--data DIR`, what was received stays.", folder.display()),
        None => "Ctrl-C ends it.".to_owned(),
    };
    format!(
        "
In another terminal:

    {program} events list --config {config}
    {program} events show 1 --config {config}
    {program} sandbox drive rejection --url {sandbox}
    {program} send beta_feedback_crash --config {config}

What comes in is shown here. {end}
"
    )
}

/// How many events there were, and how far they came.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Account {
    pub(super) told: usize,
    pub(super) delivered: usize,
    pub(super) kept: usize,
    pub(super) handled: usize,
}

impl Account {
    fn is_complete(&self) -> bool {
        [self.delivered, self.kept, self.handled].iter().all(|number| *number == self.told)
    }

    fn show(&self, format: Format) -> Result<(), Unwritten> {
        if format.json { output::json_line(&json!({ "account": self })) } else { output::line(format_args!("\n{}", self.words())) }
    }

    pub(super) fn words(&self) -> String {
        let Self { told, delivered, kept, handled } = self;
        format!(
            "{} happened: {delivered} delivered, {kept} kept, {handled} handled",
            output::count(*told as u64, "event", "events")
        )
    }
}

fn delivered(steps: &[StepTaken]) -> usize {
    let is_taken = |step: &&StepTaken| step.deliveries.iter().any(|delivery| delivery.state == "SUCCEEDED");
    steps.iter().filter(is_taken).count()
}

/// Two addresses of this machine that nobody listens at. Somebody may before we do; then the server says so and ends.
fn two_free_addresses() -> io::Result<(SocketAddr, SocketAddr)> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // Both are open at the same time, so that they differ.
    let (one, other) = (bind()?, bind()?);
    Ok((one.local_addr()?, other.local_addr()?))
}
