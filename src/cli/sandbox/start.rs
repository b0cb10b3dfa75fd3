//! `sandbox` by itself: starts one, and says what a client needs to know.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf, absolute},
    sync::Arc,
    time::Duration,
};

use serde_json::json;

use super::{
    super::{
        Format,
        failure::{Failure, Outcome},
        init::quoted,
        output,
        signals::Signals,
    },
    key,
};
use crate::{
    clock::SystemClock,
    config::{LogFormat, Telemetry},
    sandbox::{Reach, Running, Sandbox, Settings, StartError},
    secret::Secret,
    shutdown::Shutdown,
    telemetry,
};

/// How long what is under way may take when it is told to stop.
const GRACE: Duration = Duration::from_secs(3);

pub(super) const HELP: &str = "\
It answers to the requests of https://api.appstoreconnect.apple.com that concern webhooks, and posts
real, signed notifications. Whoever reaches its port may press its buttons; by default only this
machine can.

Examples:
  asc-webhooks sandbox > asc.toml               start one, and keep the `[asc]` block
  asc-webhooks sandbox drive release --pace 2s  take a version through review
  asc-webhooks sandbox fault drop --next 3      lose the next three notifications
  asc-webhooks sandbox deliveries               show what was sent, and what was answered";

// It stands within the arguments of `sandbox`, and the group of those has its name.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Listen here. Port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8089")]
    listen: SocketAddr,
    /// The private key of its API key: read from this file, or made and written to it if it is not there
    #[arg(long, value_name = "FILE", default_value = "sandbox.p8")]
    key: PathBuf,
    /// Send notifications to other machines too
    #[arg(long)]
    anywhere: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    telemetry::init(&Telemetry { log: "warn".to_owned(), format: LogFormat::Text })?;
    let (shutdown, signals) = (Shutdown::new(), Signals::new()?);
    let file = absolute(&arguments.key)?;
    let kept = key::read(&file)?;
    let is_new = kept.is_none();
    let settings = settings(arguments, kept)?;
    let running = Sandbox::start(settings, &shutdown).await.map_err(|error| failure(error, &file))?;
    if is_new {
        key::write(&file, running.team_key())?;
    }
    if arguments.format.json {
        output::json(&document(&running, &file))?;
    } else {
        output::talk(words(&running, &file));
        output::line(asc_section(&running, &file))?;
        output::talk(format_args!(
            "\nRegister a webhook, on its page or over its API; then run `asc-webhooks sandbox drive release --url {}`. Ctrl-C ends it.",
            running.api_url(),
        ));
    }
    let ended = async {
        shutdown.begun().await;
        if !shutdown.finished(GRACE).await {
            shutdown.cut_off();
        }
    };
    tokio::select! {
        () = ended => Ok(()),
        never = signals.obey(&shutdown) => match never {},
    }
}

fn settings(arguments: &Arguments, key: Option<Secret>) -> Result<Settings, Failure> {
    let mut settings = Settings::new(arguments.listen, Arc::new(SystemClock::new())).with_random_seed()?;
    settings.private_key_pem = key;
    if arguments.anywhere {
        settings.reach = Reach::Anywhere;
    }
    Ok(settings)
}

/// What an error of the start means for the command that asked for it.
pub(in crate::cli) fn failure(error: StartError, key: &Path) -> Failure {
    match error {
        StartError::Listen { error: ref reason, .. } => {
            let is_taken = reason.kind() == io::ErrorKind::AddrInUse;
            let hint = "another program listens there, perhaps a sandbox; port 0 takes any that is free".to_owned();
            Failure::unreachable(error).hint(is_taken.then_some(hint))
        }
        StartError::Key => Failure::from(anyhow::Error::from(error).context(format!("cannot use `{}`", key.display())))
            .hint("name another file with `--key`, or move this one away: then a new key is made".to_owned()),
        error => error.into(),
    }
}

/// The section of a configuration that asks this sandbox instead of Apple.
pub(in crate::cli) fn asc_section(running: &Running, key: &Path) -> String {
    let team = running.team_key();
    format!(
        "[asc]\nkey_id = {}\nissuer_id = {}\nprivate_key = {{ file = {} }}\nbase_url = {}",
        quoted(&team.id),
        quoted(team.issuer_id.as_deref().unwrap_or_default()),
        quoted(&key.to_string_lossy()),
        quoted(&running.api_url()),
    )
}

/// Where things are, for a person.
pub(in crate::cli) fn words(running: &Running, key: &Path) -> String {
    let (team, url) = (running.team_key(), running.api_url());
    let apps: Vec<String> = running.apps().iter().map(|app| format!("{} ({})", app.id, app.name)).collect();
    format!(
        "\
A local App Store Connect is running. All that is in it, but for its key, ends with it.

  page         {url}/
  API          {url}/v1
  apps         {apps}
  key id       {key_id}
  issuer id    {issuer_id}
  private key  {file}, which only you can read

To ask it instead of Apple, put the `[asc]` block on standard output into a configuration:
",
        apps = apps.join(", "),
        key_id = team.id,
        issuer_id = team.issuer_id.as_deref().unwrap_or_default(),
        file = key.display(),
    )
}

fn document(running: &Running, key: &Path) -> serde_json::Value {
    let team = running.team_key();
    let apps = running.apps().iter().map(|app| json!({ "id": app.id, "name": app.name, "bundle_id": app.bundle_id }));
    json!({
        "base_url": running.api_url(),
        "key_id": team.id,
        "issuer_id": team.issuer_id,
        "private_key": { "file": key },
        "apps": apps.collect::<Vec<_>>(),
    })
}
