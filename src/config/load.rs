//! Finds the layers of the configuration, reads them, and has every section settled: the one place here that does I/O.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use toml::{Table, Value, de::DeTable};

use super::{
    Admin, Asc, Config, Endpoint, Handler, Messages, Outgoing, Recovery, Registration, Server, Store, Telemetry,
    draft::{Draft, Loaded},
    endpoint::{Exposure, Others},
    error::{Origin, Problem, Problems},
    layers::{Layers, PREFIX},
    secret_source::{ConfidentialFile, Surroundings, without_line_break},
    section::{Asked, Reading, Section, Setting as _, Taken},
};
use crate::secret::Secret;

/// The built-in defaults: `config/default.toml`, which is also the reference of all keys.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The variable that names the configuration file.
const FILE_VARIABLE: &str = "ASC_WEBHOOKS_CONFIG";

/// Where a configuration file is looked for when none is named.
const USUAL_FILES: [&str; 2] = ["config.toml", "/etc/asc-webhooks/config.toml"];

/// Where a configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file. Without one, `ASC_WEBHOOKS_CONFIG` in the environment names it, or it is `config.toml` or
    /// `/etc/asc-webhooks/config.toml`; and there may be none at all if the environment has keys.
    pub file: Option<PathBuf>,
    /// The environment: `ASC_WEBHOOKS__SECTION__KEY` and the variables that secrets refer to.
    pub environment: BTreeMap<String, String>,
    /// What flags of the command line say.
    pub flags: Vec<Flag>,
    /// Whether a secret that cannot be read is no problem, for those who prove and sign nothing.
    pub needs_no_secrets: bool,
}

/// A flag of the command line that stands for a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// How it is written, such as `--listen`.
    pub name: String,
    /// The path of the key, such as `server.listen`.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl Sources {
    /// The file, if one is named, and the environment of this process. Variables that are not Unicode are passed over.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        Self { file, environment, ..Self::default() }
    }
}

/// Loads the configuration, as far as it can be judged without knowing the kinds of handlers; [`crate::app::load`] knows them.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    draft(sources)?.settle([])
}

/// Where a server with these sources listens, as far as they tell. Of all of them only `server.listen` is read, from the first that has one
/// (flags, environment, file, defaults), so nothing else that is wrong with them matters, be it the whole file.
pub fn listen(sources: &Sources) -> Option<SocketAddr> {
    let of = |table: &Table| SocketAddr::read(table.get("server")?.get("listen")?).ok();
    let flag = sources.flags.iter().find(|flag| flag.key == "server.listen");
    let in_environment = || {
        let mut layers = Layers::new();
        layers.overlay_environment(&sources.environment, &mut Vec::new());
        of(&layers.table)
    };
    let in_file = || {
        let text = fs::read_to_string(find_file(sources).ok()??).ok()?;
        let (table, _) = DeTable::parse_recoverable(&text);
        let listen = table.get_ref().get("server")?.get_ref().get("listen")?.get_ref().as_str()?;
        listen.parse().ok()
    };
    flag.and_then(|flag| SocketAddr::read(&flag.value).ok())
        .or_else(in_environment)
        .or_else(in_file)
        .or_else(|| of(&DEFAULTS.parse().ok()?))
}

/// Reads the configuration and settles what can be settled, for others to judge the rest.
///
/// # Errors
/// When there is no file, or none that can be read as TOML. Everything else that is wrong is in the draft.
pub fn draft(sources: &Sources) -> Result<Draft, Problems> {
    let file = find_file(sources)?;
    let mut problems = Vec::new();
    let (mut layers, shared) = match &file {
        Some(path) => {
            let (text, shared) = read_file(path, 0o044).map_err(|error| unreadable(path, &error))?;
            (Layers::from_file(path, &text)?, shared)
        }
        None => (Layers::new(), false),
    };
    layers.overlay_environment(&sources.environment, &mut problems);
    for flag in &sources.flags {
        let segments: Vec<String> = flag.key.split('.').map(str::to_owned).collect();
        layers.overlay(&segments, flag.value.clone(), &Origin::Flag(flag.name.clone()), &mut problems);
    }
    fill_defaults(&mut layers);
    let surroundings = Machine { environment: &sources.environment, shared, needs_no_secrets: sources.needs_no_secrets };
    let reading = Reading::new(layers.origins, &surroundings, problems);
    Ok(settle(&layers.table, reading, file).0)
}

/// Settles every section. Returns the keys that were asked for besides.
pub(super) fn settle(table: &Table, mut reading: Reading<'_>, file: Option<PathBuf>) -> (Draft, Asked) {
    let mut root = Section::new("", table, &mut reading);
    // What depends on the address is to be said even when the rest of its section cannot be used.
    let public = table.get("server").and_then(|server| SocketAddr::read(server.get("listen")?).ok());
    let server = root.section("server").and_then(Server::settle);
    let endpoints = root.tables("endpoint");
    let store = root.section("store").and_then(Store::settle);
    let (private_key, asc) = root.section("asc").map(Asc::settle).unwrap_or_default();
    let recovery = root.section("recovery").and_then(Recovery::settle);
    let registration = root.section("registration").and_then(Registration::settle);
    let admin = root.section("admin").and_then(|section| Admin::settle(section, public));
    let telemetry = root.section("telemetry").and_then(Telemetry::settle);
    let outgoing = root.section("outgoing").map(Outgoing::settle);
    let messages = root.section("messages").and_then(Messages::settle);
    let handlers = root.tables("handler");
    root.finish();

    let is_loopback = public.is_none_or(|address| address.ip().is_loopback());
    let exposure = if is_loopback { Exposure::Loopback } else { Exposure::Network };
    if table.get("endpoint").is_none_or(|given| given.as_array().is_some_and(Vec::is_empty)) {
        let hint = "write an `[[endpoint]]` block with `name`, `path` and `secrets`".to_owned();
        reading.wrong("endpoint", "nothing", "at least one endpoint", hint);
    }
    let names: Vec<String> =
        endpoints.iter().filter_map(|(_, endpoint)| Some(endpoint.get("name")?.as_str()?.to_owned())).collect();
    let mut others = Others::new(table.get("store").is_some_and(|store| store.get("secrets_key").is_some()));
    let endpoints = settle_each("endpoint", &endpoints, &mut reading, |section| Endpoint::settle(section, exposure, &mut others));
    let mut taken = Taken::new();
    let handlers = settle_each("handler", &handlers, &mut reading, |section| Handler::settle(section, &mut taken, &names));
    let (outlines, handlers): (Vec<_>, Vec<_>) = handlers.into_iter().unzip();

    let Reading { origins, problems, warnings, asked, .. } = reading;
    let (ask_with, send_with) = (asc.clone(), outgoing.clone());
    let config = (|| {
        let endpoints = endpoints.into_iter().collect::<Option<_>>()?;
        let handlers = handlers.into_iter().collect::<Option<_>>()?;
        let (server, store, recovery, admin) = (server?, store?, recovery?, admin?);
        let (registration, telemetry, outgoing, messages) = (registration?, telemetry?, outgoing?, messages?);
        Some(Config { server, endpoints, store, asc, recovery, registration, admin, telemetry, outgoing, messages, handlers })
    })();
    (Draft { config, asc: ask_with, private_key, outgoing: send_with, outlines, origins, file, problems, warnings }, asked)
}

/// Fills in the defaults: the single `[[endpoint]]` of the built-in file is the pattern of every endpoint, its `[[handler]]` without a
/// kind that of every handler, and each other `[[handler]]` that of its kind, which goes before it.
pub(super) fn fill_defaults(layers: &mut Layers) {
    let mut defaults: Table = DEFAULTS.parse().unwrap_or_default();
    let mut patterns = |name: &str| match defaults.remove(name) {
        Some(Value::Array(items)) => items.into_iter().filter_map(|item| item.try_into::<Table>().ok()).collect(),
        _ => Vec::new(),
    };
    let (endpoints, mut handlers) = (patterns("endpoint"), patterns("handler"));
    // What is filled in first stays: a kind may want another default of a key that is common to all.
    handlers.sort_by_key(|pattern| !pattern.contains_key("kind"));
    Layers::fill(&mut layers.origins, "", &mut layers.table, &defaults);
    for (name, patterns) in [("endpoint", endpoints), ("handler", handlers)] {
        let Some(Value::Array(items)) = layers.table.get_mut(name) else { continue };
        for (index, item) in items.iter_mut().enumerate() {
            let Value::Table(item) = item else { continue };
            let path = format!("{name}[{index}]");
            let kind = item.get("kind").cloned();
            for pattern in patterns
                .iter()
                .filter(|pattern| name == "endpoint" || !pattern.contains_key("kind") || pattern.get("kind") == kind.as_ref())
            {
                Layers::fill(&mut layers.origins, &path, item, pattern);
            }
        }
    }
}

fn settle_each<'a, T>(
    name: &str,
    tables: &[(usize, Table)],
    reading: &mut Reading<'a>,
    mut settle: impl FnMut(Section<'_, 'a>) -> T,
) -> Vec<T> {
    let mut settled = Vec::new();
    for (index, table) in tables {
        settled.push(settle(Section::new(format!("{name}[{index}]"), table, reading)));
    }
    settled
}

fn find_file(sources: &Sources) -> Result<Option<PathBuf>, Problems> {
    let named = sources.file.clone().or_else(|| sources.environment.get(FILE_VARIABLE).map(PathBuf::from));
    if let Some(named) = named {
        return Ok(Some(named));
    }
    let usual = USUAL_FILES.iter().map(PathBuf::from).find(|path| path.is_file());
    if usual.is_some() || sources.environment.keys().any(|name| name.starts_with(PREFIX)) {
        return Ok(usual);
    }
    Err(Problem {
        origin: Origin::Nowhere,
        key: String::new(),
        message: format!(
            "found no file, expected `--config FILE`, a file named by `{FILE_VARIABLE}`, `{}`, or `{}`",
            USUAL_FILES[0], USUAL_FILES[1]
        ),
        hint: Some("`asc-webhooks init` writes a first one".to_owned()),
    }
    .into())
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem {
        origin: Origin::File { path: path.to_owned(), line: None },
        key: String::new(),
        message: format!("found nothing that can be read: {error}, expected a configuration"),
        hint: (error.kind() == io::ErrorKind::NotFound).then(|| "`asc-webhooks init` writes a first one".to_owned()),
    }
}

/// The text of a file, and whether any of the given permissions is set.
fn read_file(path: &Path, mode: u32) -> io::Result<(String, bool)> {
    use std::os::unix::fs::PermissionsExt as _;
    let text = fs::read_to_string(path)?;
    Ok((text, fs::metadata(path)?.permissions().mode() & mode != 0))
}

#[derive(Debug)]
pub(super) struct Machine<'e> {
    pub(super) environment: &'e BTreeMap<String, String>,
    pub(super) shared: bool,
    pub(super) needs_no_secrets: bool,
}

impl Surroundings for Machine<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    fn confidential_file(&self, path: &Path) -> io::Result<ConfidentialFile> {
        let (text, shared) = read_file(path, 0o004)?;
        Ok(ConfidentialFile { text: Secret::new(without_line_break(&text)), shared })
    }

    fn folder(&self) -> Option<PathBuf> {
        std::env::current_dir().ok()
    }

    fn configuration_is_shared(&self) -> bool {
        self.shared
    }

    fn secrets_are_needless(&self) -> bool {
        self.needs_no_secrets
    }
}
