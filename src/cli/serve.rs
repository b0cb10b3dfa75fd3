//! `serve`: the server, from the configuration to the last orderly word.

use std::{
    convert::Infallible,
    env,
    io::{self, IsTerminal as _},
    path::Path,
    time::Duration,
};

use tokio::signal::unix::{Signal, SignalKind, signal};
use toml::Value;
use url::Url;

use super::{
    Setup,
    failure::{Failure, Outcome},
    healthcheck, output,
    signals::Signals,
};
use crate::{
    app::{self, App, AppError},
    config::{EndpointKind, Flag, Loaded, Problem, Problems, Sources},
    handler::Registry,
    telemetry,
    vault::VaultError,
};

/// How long threads that are under way have to end once everything else has.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Receive notifications and have them handled, until told to stop
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Signals:
  SIGTERM, SIGINT  stop: take on nothing new, finish what is under way; a second one cuts it off
  SIGHUP           load the configuration again; a wrong one changes nothing and says why")]
pub(super) struct Arguments {
    /// Listen here instead of at `server.listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

pub(super) fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let listen = arguments.listen.iter().map(|address| Flag {
        name: "--listen".to_owned(),
        key: "server.listen".to_owned(),
        value: Value::String(address.clone()),
    });
    let sources = setup.sources(listen.collect());
    let loaded = app::load(&sources, setup.registry)?;
    telemetry::init(&loaded.config.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(&sources, &loaded, setup.registry));
    // Dropping it would wait for threads that a disk or a name server may never let go.
    runtime.shutdown_timeout(LAST_MOMENT);
    outcome
}

async fn serve(sources: &Sources, loaded: &Loaded, registry: &Registry) -> Outcome {
    warn(&loaded.warnings);
    let app = App::new(loaded, registry).await.map_err(failure)?;
    let (signals, hang_up) = (Signals::new()?, signal(SignalKind::hangup())?);
    let running = app.start().await.map_err(failure)?;
    announce(loaded, sources, &app);
    tokio::select! {
        ended = app.until_end(running) => ended.map_err(failure),
        never = signals.obey(app.shutdown()) => match never {},
        never = on_hang_up(hang_up, || reload(&app, sources, registry)) => match never {},
    }
}

/// Says what goes on, and how to try it.
fn announce(loaded: &Loaded, sources: &Sources, app: &App) {
    let server = &loaded.config.server;
    for endpoint in &loaded.config.endpoints {
        if endpoint.kind == EndpointKind::XcodeCloud {
            let tokens = endpoint.tokens.len();
            tracing::info!(endpoint.name = &*endpoint.name, path = endpoint.path, tokens, "receiving what nobody signs");
            continue;
        }
        let (secrets, managed_secrets) = (endpoint.secrets.len(), endpoint.managed_secrets);
        tracing::info!(endpoint.name = &*endpoint.name, path = endpoint.path, secrets, managed_secrets, "receiving");
    }
    for handler in &loaded.config.handlers {
        tracing::info!(handler.name = &*handler.name, handler.kind = handler.kind, "handling");
    }
    // Nobody but who sits at the terminal is shown it: logs go to places that more people can read.
    if let (Some(listen), Some(token)) = (loaded.config.admin.listen, app.desk().access().made_token()) {
        if io::stderr().is_terminal() {
            output::talk(format_args!(
                "\nThe page is at http://{listen}/, and its token for this run is\n\n    {}",
                token.expose()
            ));
        } else {
            tracing::info!("to log in to the page, set `admin.token`: the token of this run is shown on a terminal only");
        }
    }
    if server.listen.ip().is_loopback() && server.listen.port() != 0 {
        // Another terminal knows the file, but not the flags of this one.
        let mut signed = loaded.config.endpoints.iter().filter(|endpoint| endpoint.kind != EndpointKind::XcodeCloud);
        let Some(endpoint) = signed.next() else { return };
        let (program, config) = (env::args().next(), loaded.file.as_deref());
        let command = if endpoint.secrets.is_empty() {
            first_ping(program.as_deref(), config, &endpoint.name)
        } else {
            let url = if sources.flags.is_empty() { None } else { healthcheck::at(server.listen, &endpoint.path).ok() };
            first_event(program.as_deref(), config, url.as_ref())
        };
        if io::stderr().is_terminal() {
            output::talk(format_args!("\nTo send a first event, run in another terminal:\n\n    {command}\n"));
        } else {
            tracing::info!(command, "this sends a first event");
        }
    }
}

/// The command that sends a first event to the server.
pub(super) fn first_event(program: Option<&str>, config: Option<&Path>, url: Option<&Url>) -> String {
    let (program, config) = same(program, config);
    let url = url.map(|url| format!(" --url {}", output::shell_word(url.as_str()))).unwrap_or_default();
    format!("{program} send app_version --state REJECTED{config}{url}")
}

/// The same for an endpoint whose secret only the store and Apple know: Apple, or the sandbox, has to send it.
pub(super) fn first_ping(program: Option<&str>, config: Option<&Path>, endpoint: &str) -> String {
    let (program, config) = same(program, config);
    format!("{program} webhooks apply{config} && {program} webhooks ping --endpoint {endpoint}{config}")
}

/// This program and this configuration, as a shell takes them.
fn same(program: Option<&str>, config: Option<&Path>) -> (String, String) {
    let config = config.map(|file| format!(" --config {}", output::shell_word(&file.to_string_lossy()))).unwrap_or_default();
    (output::shell_word(program.unwrap_or("asc-webhooks")), config)
}

async fn on_hang_up(mut hang_up: Signal, reload: impl Fn()) -> Infallible {
    loop {
        hang_up.recv().await;
        reload();
    }
}

fn reload(app: &App, sources: &Sources, registry: &Registry) {
    let taken = app::load(sources, registry).and_then(|loaded| {
        let later = app.reload(&loaded, registry)?;
        Ok([loaded.warnings, later].concat())
    });
    match taken {
        Ok(warnings) => {
            warn(&warnings);
            tracing::info!("the configuration was loaded again");
        }
        Err(Problems { problems, .. }) => {
            for problem in &problems {
                tracing::error!("{}", on_one_line(problem));
            }
            tracing::error!(problems = problems.len(), "the configuration was not loaded again: nothing has changed");
        }
    }
}

fn warn(warnings: &[Problem]) {
    for warning in warnings {
        tracing::warn!("{}", on_one_line(warning));
    }
}

fn on_one_line(problem: &Problem) -> String {
    problem.to_string().replace("\n  hint:", "; hint:")
}

/// What an error of the program means for the command that runs it.
pub(super) fn failure(error: AppError) -> Failure {
    match error {
        AppError::Config(problems) => problems.into(),
        AppError::Listen { name, ref source, .. } => {
            let is_taken = source.kind() == io::ErrorKind::AddrInUse;
            let hint = format!("another program listens there; give the {name} listener another address");
            Failure::unreachable(error).hint(is_taken.then_some(hint))
        }
        error @ AppError::Store(_) => Failure::unreachable(error),
        AppError::Vault(error @ VaultError::Sealed { .. }) => {
            let hint = "give it the key they were sealed with; if that is lost, `src/docs/operations.md` says how to start anew";
            Failure::from(error).hint(hint.to_owned())
        }
        error => error.into(),
    }
}
