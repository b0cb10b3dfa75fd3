//! The commands.
//!
//! One command a file; what they have in common is here: the tree that `clap` reads, and the exit codes. Standard output carries data
//! and nothing else, so it can be piped; everything said to a person goes to standard error. Nothing below this module may know that
//! there is a command line.

mod arrival;
mod change;
mod check;
mod completions;
mod deliveries;
mod demo;
mod events;
mod failure;
mod files;
mod given;
mod given_secret;
mod handlers;
mod healthcheck;
mod init;
mod marketplace;
mod messages;
mod output;
mod progress;
mod registered;
mod sandbox;
mod send;
mod serve;
mod signals;
mod webhooks;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, Parser, Subcommand};

use self::failure::{Failure, Outcome};
use crate::{
    app, asc,
    clock::SystemClock,
    config::{self, Config, Flag, Loaded, Problems, Sources, StoreUrl},
    handler::Registry,
    inbox::{
        StoreError,
        sqlite::{Options, Sqlite},
    },
    telemetry,
    vault::Vault,
};

/// Runs the command that the arguments of this process ask for. `registry` knows the kinds of handlers there are.
///
/// This is the whole of a program's `main`, ours and an embedder's:
///
/// ```no_run
/// use asc_webhooks::{cli, handler::Registry};
///
/// fn main() -> std::process::ExitCode {
///     cli::main(&Registry::builtin())
/// }
/// ```
pub fn main(registry: &Registry) -> ExitCode {
    let arguments = Arguments::parse();
    let _last_words = telemetry::LastWords;
    match run(&arguments, registry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Receives the webhook notifications of App Store Connect: verified, kept on disk before they are answered, handled until done.
#[derive(Debug, Parser)]
#[command(name = "asc-webhooks", version, disable_help_subcommand = true, max_term_width = 100, after_help = failure::EXIT_CODES)]
struct Arguments {
    /// The configuration. Otherwise the file that `ASC_WEBHOOKS_CONFIG` names, `config.toml`, or `/etc/asc-webhooks/config.toml`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Init(init::Arguments),
    Check(check::Arguments),
    Send(send::Arguments),
    #[command(subcommand)]
    Events(events::Command),
    #[command(subcommand)]
    Handlers(handlers::Command),
    #[command(subcommand)]
    Messages(messages::Command),
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    #[command(subcommand)]
    Marketplace(marketplace::Command),
    Healthcheck(healthcheck::Arguments),
    Demo(demo::Arguments),
    Sandbox(sandbox::Arguments),
    Completions(completions::Arguments),
}

/// What every command that shows data understands.
#[derive(Clone, Copy, Debug, Args)]
struct Format {
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Where a command finds the configuration, if it needs one.
#[derive(Clone, Debug)]
struct Setup<'a> {
    file: Option<PathBuf>,
    registry: &'a Registry,
}

impl Setup<'_> {
    /// The sources of the configuration, with what flags say.
    fn sources(&self, flags: Vec<Flag>) -> Sources {
        Sources { flags, ..Sources::of_process(self.file.clone()) }
    }

    /// Loads the configuration. Its warnings are for `serve` and `check` to show.
    fn load(&self) -> Result<Loaded, Problems> {
        config::load(&self.sources(Vec::new()))
    }

    /// Loads the configuration, and prepares to ask App Store Connect. Asking may take its time; the log says why.
    fn client(&self) -> Result<(Loaded, Arc<asc::Client>), Failure> {
        let loaded = self.load()?;
        telemetry::init(&loaded.config.telemetry)?;
        let client = app::client(&loaded, Arc::new(SystemClock::new()))?;
        let client = client.ok_or_else(|| {
            let hint = "write `[asc]` with `key_id` and `private_key` into the configuration; an issuer's id too for a team's key";
            Failure::new("there is no key for App Store Connect").hint(hint.to_owned())
        })?;
        Ok((loaded, client))
    }

    /// Loads the configuration, and opens its store beside a server that may be running.
    fn open(&self) -> Result<(Loaded, Sqlite), Failure> {
        with_store(self.load()?)
    }

    /// The same without secrets, for those who only look into the store or change what is in it: at two in the morning, in a shell that
    /// has not been given what the server has.
    fn open_without_secrets(&self) -> Result<(Loaded, Sqlite), Failure> {
        with_store(config::load(&Sources { needs_no_secrets: true, ..self.sources(Vec::new()) })?)
    }
}

fn with_store(loaded: Loaded) -> Result<(Loaded, Sqlite), Failure> {
    let store = open(&loaded.config).map_err(Failure::unreachable)?;
    Ok((loaded, store))
}

fn open(config: &Config) -> Result<Sqlite, StoreError> {
    let StoreUrl::Sqlite(path) = &config.store.url;
    Sqlite::open(Options::new(path).reserve(config.store.reserve).shared())
}

/// The store for those who look into it only if it is on this machine.
fn open_if_here(config: &Config) -> Option<Sqlite> {
    let StoreUrl::Sqlite(path) = &config.store.url;
    if !path.exists() {
        return None;
    }
    open(config).inspect_err(|error| output::talk(format_args!("warning: what is kept is not looked at: {error}"))).ok()
}

/// Opens the store beside a server that may be running, and the vault in it.
fn vault(config: &Config) -> Result<(Arc<Sqlite>, Vault), Failure> {
    let key = config.store.secrets_key.as_ref();
    let key = key.ok_or_else(|| Failure::new("`store.secrets_key` is not set, so there are no managed secrets"))?;
    let store = Arc::new(open(config).map_err(Failure::unreachable)?);
    let vault = Vault::new(Arc::clone(&store) as Arc<_>, key, Arc::new(SystemClock::new()));
    Ok((store, vault))
}

fn run(arguments: &Arguments, registry: &Registry) -> Outcome {
    let setup = Setup { file: arguments.config.clone(), registry };
    match &arguments.command {
        Command::Serve(arguments) => serve::run(&setup, arguments),
        Command::Init(arguments) => init::run(&setup, arguments),
        Command::Check(arguments) => block_on(check::run(&setup, arguments))?,
        Command::Send(arguments) => block_on(send::run(&setup, arguments))?,
        Command::Events(command) => block_on(events::run(&setup, command))?,
        Command::Handlers(command) => block_on(handlers::run(&setup, command))?,
        Command::Messages(command) => messages::run(&setup, command),
        Command::Webhooks(command) => block_on(webhooks::run(&setup, command))?,
        Command::Deliveries(command) => block_on(deliveries::run(&setup, command))?,
        Command::Marketplace(command) => block_on(marketplace::run(&setup, command))?,
        Command::Healthcheck(arguments) => block_on(healthcheck::run(&setup, arguments))?,
        Command::Demo(arguments) => demo::run(&setup, arguments),
        Command::Sandbox(arguments) => block_on(sandbox::run(arguments))?,
        Command::Completions(arguments) => completions::run(arguments),
    }
}

fn block_on<T>(task: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(task))
}

#[cfg(test)]
mod tests;
