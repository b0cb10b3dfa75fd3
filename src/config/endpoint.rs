//! `[[endpoint]]`: the paths that Apple posts to, and the secrets that are accepted there.

use std::{collections::BTreeSet, fmt, sync::Arc};

use jiff::Timestamp;
use serde_json::json;
use toml::{Table, Value};

use super::{
    secret_source,
    section::{Hint, Listed, Reading, Section, Setting, Taken},
    setting::{Name, one_of, text, words_of},
};
use crate::{
    event::EventKind,
    secret::{Secret, Weakness},
    spelling::did_you_mean,
};

/// The paths that the public listener answers itself.
const RESERVED_PATHS: [&str; 2] = ["/livez", "/readyz"];

/// The fewest characters a token may have when the listener can be reached from other machines.
const SHORTEST_TOKEN: usize = 32;

/// Fewer different ones than this, and somebody has made it up.
const FEWEST_DIFFERENT: usize = 8;

const KINDS: [(&str, EndpointKind); 3] =
    [("app", EndpointKind::App), ("marketplace", EndpointKind::Marketplace), ("xcode-cloud", EndpointKind::XcodeCloud)];

/// `[[endpoint]]`
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name, in logs, receipts and routes.
    pub name: Arc<str>,
    /// The path Apple posts to; for Xcode Cloud, a `/` and a token follow.
    pub path: String,
    /// What webhooks come in: the app's, the older marketplace ones, or Xcode Cloud's.
    pub kind: EndpointKind,
    /// The secrets that are accepted because they are given here; at least one, unless there are managed ones
    /// or it is Xcode Cloud's.
    pub secrets: Vec<EndpointSecret>,
    /// Whether secrets that the program makes itself are accepted too: those that its store keeps for this endpoint.
    pub managed_secrets: bool,
    /// The tokens that are accepted after the path of an endpoint of Xcode Cloud, at least one; none at any other.
    pub tokens: Vec<EndpointSecret>,
    /// The app whose webhook posts here.
    pub app_id: Option<String>,
    /// The event types that the registration is to have; empty means all.
    pub events: Vec<EventKind>,
}

/// What kind of webhook posts to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointKind {
    /// A webhook of one app.
    App,
    /// The older webhook of an alternative marketplace.
    Marketplace,
    /// A webhook of Xcode Cloud, which signs nothing.
    XcodeCloud,
}

/// One accepted secret, or token.
#[derive(Clone, Debug)]
pub struct EndpointSecret {
    /// The secret.
    pub secret: Secret,
    /// What it is called in logs and receipts.
    pub label: String,
    /// When it ceases to be accepted.
    pub not_after: Option<Timestamp>,
}

impl Endpoint {
    pub(super) fn settle(mut section: Section<'_, '_>, exposure: Exposure, others: &mut Others) -> Option<Self> {
        let name = section.unique("name", &mut others.names).map(|Name(name)| name);
        let path = section.unique("path", &mut others.paths).map(|Path(path)| path);
        let kind = section.required("kind");
        let managed_secrets = section.required("managed_secrets");
        let is_unsigned = kind == Some(EndpointKind::XcodeCloud);
        // Only to an app's webhook can a secret be handed that the program made.
        let is_managed = managed_secrets == Some(true) && kind.is_none_or(|kind| kind == EndpointKind::App);
        let needs_secrets = !is_unsigned && !is_managed;
        let secrets = settle_secrets(&mut section, Sort::Secret, needs_secrets, exposure, &mut others.secrets);
        let tokens = settle_secrets(&mut section, Sort::Token, is_unsigned, exposure, &mut others.secrets);
        if is_managed && !others.have_key {
            let key = section.path("managed_secrets");
            let hint = "write `secrets_key = { file = \"…\" }` into `[store]`; `openssl rand -base64 32` makes one".to_owned();
            section.reading().wrong(&key, "`true`, without a key to seal them with", "`store.secrets_key`", hint);
        }
        let app_id = section.optional("app_id").map(|AppId(id)| id);
        let events = section.list("events");
        warn_of_unknown_kinds(&mut section, &events);
        if let Some(kind) = kind {
            let given = [
                ("secrets", !secrets.is_empty()),
                ("managed_secrets", managed_secrets == Some(true)),
                ("tokens", !tokens.is_empty()),
                ("app_id", app_id.is_some()),
                ("events", !events.is_empty()),
            ];
            refuse_foreign_keys(&mut section, kind, &given);
        }
        if is_managed && !section.has("app_id") {
            let key = section.path("app_id");
            let hint =
                "without it `webhooks apply` passes the endpoint over, and nobody gives Apple the secret that the program makes";
            section.reading().warn(&key, "nothing", "the app whose webhook posts here", hint.to_owned());
        }
        if let Some(path) = path.as_ref().filter(|path| is_unsigned && path.ends_with('/')) {
            let key = section.path("path");
            section.reading().wrong(&key, format!("`{path}`"), "a path without `/` at its end, where the token follows", None);
        }
        section.finish();
        let (name, path, kind, managed_secrets) = (name?, path?, kind?, managed_secrets?);
        Some(Self { name, path, kind, secrets, managed_secrets, tokens, app_id, events })
    }
}

/// What the endpoints before have: names and paths are unique, and each endpoint has secrets of its own, so that what was recorded
/// at one cannot be sent to another.
#[derive(Debug, Default)]
pub(super) struct Others {
    names: Taken<Name>,
    paths: Taken<Path>,
    secrets: Vec<(Secret, String)>,
    have_key: bool,
}

impl Others {
    /// No endpoint yet, and whether there is a key to seal managed secrets with.
    pub(super) fn new(have_key: bool) -> Self {
        Self { have_key, ..Self::default() }
    }
}

/// Who can reach the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposure {
    /// This machine.
    Loopback,
    /// Others too.
    Network,
}

impl Exposure {
    /// Notes something that is a danger to a listener that others can reach, and only worth a word otherwise.
    fn note(self, reading: &mut Reading<'_>, key: &str, found: String, expected: &str, hint: &str) {
        match self {
            Self::Loopback => {
                let found = format!("{found}, accepted because `server.listen` is loopback");
                reading.warn(key, found, expected, hint.to_owned());
            }
            Self::Network => reading.wrong(key, found, expected, hint.to_owned()),
        }
    }
}

/// What lets somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// What a notification is signed with.
    Secret,
    /// What stands in the address of those that nobody signs.
    Token,
}

impl Sort {
    fn key(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Token => "tokens",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Token => "token",
        }
    }

    fn making(self) -> &'static str {
        match self {
            Self::Secret => "`asc-webhooks init` makes a strong one; so does `openssl rand -base64 32`",
            Self::Token => "`openssl rand -hex 32` makes a strong one",
        }
    }

    /// Why it protects nothing, and what would.
    fn weakness(self, secret: &Secret) -> Option<(String, &'static str)> {
        match self {
            Self::Secret => secret.weakness().map(|weak| (weak.to_string(), "a secret of at least 16 bytes that nobody can guess")),
            Self::Token => token_weakness(secret).map(|weak| (weak, "a token of at least 32 characters that nobody can guess")),
        }
    }
}

/// An address is written down in more places than a secret, and there is no signature to fall back on: so a token must be stronger.
fn token_weakness(token: &Secret) -> Option<String> {
    let text = token.expose();
    let different = text.bytes().collect::<BTreeSet<_>>().len();
    match token.weakness() {
        Some(Weakness::Documented) => Some("a token that is printed in the documentation".to_owned()),
        _ if text.len() < SHORTEST_TOKEN => Some(format!("a token of {} characters", text.len())),
        _ if different < FEWEST_DIFFERENT => Some(format!("a token of {different} different characters")),
        _ => None,
    }
}

/// The secrets or the tokens of an endpoint. `needed` says whether there must be one.
fn settle_secrets(
    section: &mut Section<'_, '_>,
    sort: Sort,
    needed: bool,
    exposure: Exposure,
    taken: &mut Vec<(Secret, String)>,
) -> Vec<EndpointSecret> {
    let (key, noun) = (sort.key(), sort.noun());
    let Some(items) = section.items(key, key, &secret_source::schema()) else { return Vec::new() };
    let (key, endpoint) = (section.path(key), section.own_path().to_owned());
    if items.is_empty() && needed {
        let making = if sort == Sort::Secret { "`asc-webhooks init` makes a secret" } else { sort.making() };
        let hint = format!("write `{} = [{{ file = \"…\" }}]`; {making}", sort.key());
        section.reading().wrong(&key, "nothing", format!("at least one {noun}"), hint);
    }
    let reading = section.reading();
    let mut settled = Vec::new();
    for (number, (path, value)) in (1..).zip(&items) {
        let Some(secret) = settle_secret(reading, path, value, number, sort, exposure) else { continue };
        if let Some((_, first)) = taken.iter().find(|(known, _)| known.expose() == secret.secret.expose()) {
            let owner = if *first == endpoint { "this endpoint again".to_owned() } else { format!("`{first}`") };
            let hint = "each webhook has one of its own";
            exposure.note(reading, path, format!("a {noun} of {owner}"), &format!("a {noun} of its own"), hint);
        }
        taken.push((secret.secret.clone(), endpoint.clone()));
        settled.push(secret);
    }
    settled
}

fn settle_secret(
    reading: &mut Reading<'_>,
    path: &str,
    value: &Value,
    number: usize,
    sort: Sort,
    exposure: Exposure,
) -> Option<EndpointSecret> {
    let source = secret_source::read(reading, path, value, &["label", "not_after"]);
    let none = Table::new();
    let mut table = Section::new(path, value.as_table().unwrap_or(&none), reading);
    let label = table.optional("label");
    let not_after = table.optional("not_after");
    let (secret, name) = source?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if sort == Sort::Token && !secret.expose().bytes().all(is_plain) {
        let found = "a token with characters that do not stand for themselves in an address";
        reading.wrong(path, found, "letters, digits, `-`, `_`, `.` and `~`", sort.making().to_owned());
        return None;
    }
    if let Some((weakness, expected)) = sort.weakness(&secret) {
        exposure.note(reading, path, weakness, expected, sort.making());
    }
    Some(EndpointSecret { secret, label: label.or(name).unwrap_or_else(|| number.to_string()), not_after })
}

/// Notes the keys that an endpoint of this kind cannot have, because they are about what its webhook does not do.
fn refuse_foreign_keys(section: &mut Section<'_, '_>, kind: EndpointKind, given: &[(&str, bool)]) {
    let expected = |key: &str| match (kind, key) {
        (EndpointKind::XcodeCloud, "secrets") => {
            Some(("`tokens`", "Xcode Cloud signs nothing, so there is nothing to check with a secret"))
        }
        (EndpointKind::XcodeCloud, "managed_secrets") => {
            Some(("`tokens`", "Xcode Cloud's webhooks are set up by hand, in App Store Connect"))
        }
        (EndpointKind::XcodeCloud, _) if key != "tokens" => Some((
            "no such key for `kind = \"xcode-cloud\"`",
            "Xcode Cloud's webhooks cannot be registered, nor what they missed fetched back",
        )),
        (EndpointKind::App | EndpointKind::Marketplace, "tokens") => {
            Some(("`secrets`", "App Store Connect signs what it sends; `tokens` are for `kind = \"xcode-cloud\"`"))
        }
        (EndpointKind::Marketplace, "managed_secrets") => Some((
            "`secrets`",
            "`asc-webhooks marketplace` hands over what stands in `secrets`, and nothing that the program made itself",
        )),
        (EndpointKind::Marketplace, "events") => Some((
            "no such key for `kind = \"marketplace\"`",
            "a marketplace's webhook is sent all that there is; which of it a handler gets, its own `events` say",
        )),
        _ => None,
    };
    for (key, (expected, hint)) in given.iter().filter(|(_, is_given)| *is_given).filter_map(|(key, _)| Some((key, expected(key)?)))
    {
        let path = section.path(key);
        section.reading().wrong(&path, format!("`{key}`"), expected, hint.to_owned());
    }
}

fn warn_of_unknown_kinds(section: &mut Section<'_, '_>, events: &[EventKind]) {
    let key = section.path("events");
    for kind in events.iter().filter(|kind| kind.subscription().is_none()) {
        let hint = did_you_mean(kind.as_str(), EventKind::ALL.iter().filter_map(EventKind::subscription));
        section.reading().warn(&key, format!("`{kind}`"), "an event type that a webhook can have", hint);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Path(String);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Setting for Path {
    const EXPECTED: &'static str = "a plain path that starts with `/` and is not a health check's";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        if let Some((_, after)) = given.split_once("://") {
            return Err(after.find('/').map(|start| format!("write the path only: `path = \"{}\"`", &after[start..])));
        }
        if RESERVED_PATHS.contains(&given) {
            return Err(Some("`/livez` and `/readyz` are the health checks".to_owned()));
        }
        if given.strip_suffix('/').unwrap_or(given).split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
            return Err(Some("a client makes another path of `.`, `..` and `//`: leave them out".to_owned()));
        }
        let is_plain = given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte));
        match (given.starts_with('/'), is_plain) {
            (true, true) => Ok(Self(given.to_owned())),
            (_, false) => Err(Some("use letters, digits, `-`, `_`, `.`, `~` and `/`".to_owned())),
            (false, true) if given.is_empty() => Err(Some("write `path = \"/apple/my-app\"`".to_owned())),
            (false, true) => Err(Some(format!("write `path = \"/{given}\"`"))),
        }
    }
}

struct AppId(String);

impl Setting for AppId {
    const EXPECTED: &'static str = "the number of an app, in quotes";

    fn read(value: &Value) -> Result<Self, Hint> {
        match value {
            Value::Integer(number) => Err(Some(format!("write `app_id = \"{number}\"`"))),
            other => match text(other)? {
                id if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self(id.to_owned())),
                _ => Err(Some("it is the “Apple ID” among the app's general information in App Store Connect".to_owned())),
            },
        }
    }
}

impl Setting for EndpointKind {
    const EXPECTED: &'static str = "`app`, `marketplace` or `xcode-cloud`";

    fn read(value: &Value) -> Result<Self, Hint> {
        one_of(value, &KINDS)
    }

    fn schema() -> serde_json::Value {
        words_of(&KINDS)
    }
}

impl Setting for EventKind {
    const EXPECTED: &'static str = "an event type, such as `BUILD_UPLOAD_STATE_UPDATED`";

    fn read(value: &Value) -> Result<Self, Hint> {
        text(value).map(Self::from)
    }

    fn schema() -> serde_json::Value {
        let known: Vec<_> = Self::ALL.iter().filter_map(Self::subscription).collect();
        json!({ "type": "string", "examples": known })
    }
}

impl Listed for EventKind {
    const SEVERAL: &'static str = "event types, such as `[\"BUILD_UPLOAD_STATE_UPDATED\"]`";
}
