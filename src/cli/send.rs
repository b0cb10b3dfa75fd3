//! `send`: makes a request as Apple would, with a sample of any kind and state, to any receiver: signed, or, as Xcode Cloud does, with a
//! token in the address. Of that address only the part before the token is ever shown, but for `--curl`, which is asked for all of it.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{
    Format, Setup,
    failure::{Failure, Outcome},
    given::address,
    given_secret::GivenSecret,
    healthcheck, output, registered,
};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Endpoint, EndpointKind, Loaded},
    event::{EventKind, Unclear, sample},
    http_client::{HttpClient, Outgoing, Reach, Unanswered},
    secret::Secret,
    signature::{self, Signature},
    spelling,
};

/// How long the receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Send a signed sample of an event, as Apple would
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without `--url` and a secret, the event goes to the first endpoint of the configuration, signed with its own secret.

Examples:
  asc-webhooks send ping
  asc-webhooks send app_version --state REJECTED
  asc-webhooks send build_upload --state FAILED --data relationships.instance.data.id=my-build
  asc-webhooks send ping --url https://hooks.example.com/apple/my-app --secret-file my-app.secret
  asc-webhooks send beta_feedback_crash --curl
  asc-webhooks send xcode_cloud_build_completed --state FAILED

Nobody signs what Xcode Cloud sends: its events go to the first endpoint of kind `xcode-cloud`.
With `--url`, the secret is the token that is put behind the address.")]
pub(super) struct Arguments {
    /// The kind, in either of Apple's spellings, or a part of it that only one kind has; `--list` shows them all
    #[arg(required_unless_present = "list")]
    kind: Option<String>,
    /// The state that the subject is in now
    #[arg(long)]
    state: Option<String>,
    /// The state that the subject was in before
    #[arg(long)]
    previous_state: Option<String>,
    /// Put a value at a path below `data`, or at the top for Xcode Cloud; it is JSON if it reads as JSON, else a text
    #[arg(long = "data", value_name = "PATH=VALUE", value_parser = edit)]
    edits: Vec<(String, Value)>,
    /// The id of the event. Otherwise a new one
    #[arg(long)]
    id: Option<String>,
    /// Where to send it
    #[arg(long, value_parser = address)]
    url: Option<Url>,
    /// The endpoint of the configuration to send to. Otherwise the first
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    #[command(flatten)]
    secret: GivenSecret,
    /// How many events to send, one after another, each with an id of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Send nothing: write the body
    #[arg(long, conflicts_with_all = ["curl", "count"])]
    print: bool,
    /// Send nothing: write the `curl` command that would
    #[arg(long, conflicts_with = "count")]
    curl: bool,
    /// Show every kind, its family, and the states it can tell of
    #[arg(long, conflicts_with_all = ["kind", "print", "curl"])]
    list: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let Some(kind) = &arguments.kind else { return list(arguments.format) };
    let kind = kind_of(kind)?;
    for state in arguments.previous_state.iter().chain(&arguments.state) {
        if let Some(doubt) = doubt(&kind, state) {
            output::talk(doubt);
        }
    }
    if arguments.print {
        return Ok(output::bytes(&body(&kind, arguments)?)?);
    }
    let target = Target::find(setup, &kind, arguments)?;
    if arguments.curl {
        let body = body(&kind, arguments)?;
        return Ok(output::line(curl(&target.address(), target.signature(&body).as_ref(), &body))?);
    }
    let mut answers = Vec::new();
    for _ in 0..arguments.count {
        let body = body(&kind, arguments)?;
        let answer = target.post(&kind, body).await?;
        if !arguments.format.json {
            output::line(answer.words())?;
        }
        answers.push(answer);
    }
    if arguments.format.json {
        output::json(&json!({ "items": answers, "next": null }))?;
    }
    let refused = answers.iter().filter(|answer| !(200..300).contains(&answer.status)).count();
    match (refused, answers.len()) {
        (0, _) => Ok(()),
        (1, 1) => Err(Failure::unreachable(anyhow::anyhow!("`{}` did not take the event", target.url))),
        (refused, all) => Err(Failure::unreachable(anyhow::anyhow!("`{}` did not take {refused} of {all} events", target.url))),
    }
}

/// The kind that a text means: one of Apple's spellings, a family or a part of a name that only one kind has, or, after `type:`,
/// anything at all.
pub(super) fn kind_of(text: &str) -> Result<EventKind, Failure> {
    EventKind::meant(text).map_err(|unclear| {
        let hint = match (&unclear, unclear.hint()) {
            (Unclear::Unknown { suggestion: None, .. }, hint) => format!("`asc-webhooks send --list` shows them all; {hint}"),
            (_, hint) => hint,
        };
        Failure::not_found(unclear).hint(hint)
    })
}

/// What is said about a state that is sent all the same: Apple may know it, but it may be a slip of the pen, which no handler waits for.
pub(super) fn doubt(kind: &EventKind, state: &str) -> Option<String> {
    let known = sample::states(kind);
    if known.is_empty() || known.contains(&state) {
        return None;
    }
    let hint = spelling::did_you_mean(state, known.iter().copied());
    let hint = hint.unwrap_or_else(|| "`asc-webhooks send --list` shows those that are known".to_owned());
    Some(format!("warning: `{state}` is no state that `{kind}` is known to tell of; it is sent all the same\n  hint: {hint}"))
}

/// Every kind with its family, each with its states beneath.
pub(super) fn kinds() -> String {
    let mut lines = Vec::new();
    for kind in EventKind::ALL {
        lines.push(format!("{kind} ({})", kind.family().as_str()));
        lines.extend(sample::states(kind).chunks(4).map(|states| format!("    {}", states.join("  "))));
    }
    lines.join("\n")
}

/// The `curl` command that sends a body.
pub(super) fn curl(url: &Url, signature: Option<&Signature>, body: &[u8]) -> String {
    let body = output::shell_word(&String::from_utf8_lossy(body));
    let url = output::shell_word(url.as_str());
    let signed = signature.map(|signature| format!(" --header '{}: {signature}'", signature::HEADER)).unwrap_or_default();
    format!("curl --header 'content-type: application/json'{signed} --data-binary {body} {url}")
}

fn list(format: Format) -> Outcome {
    if !format.json {
        return Ok(output::line(kinds())?);
    }
    let items: Vec<Value> = EventKind::ALL
        .iter()
        .map(|kind| json!({ "kind": kind, "subscription": kind.subscription(), "family": kind.family(), "states": sample::states(kind) }))
        .collect();
    Ok(output::json(&json!({ "items": items, "next": null }))?)
}

fn body(kind: &EventKind, arguments: &Arguments) -> Result<Bytes, Failure> {
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => new_id()?,
    };
    let mut sample = sample::of(kind).id(id).time(SystemClock::new().now());
    if let Some(state) = &arguments.state {
        sample = sample.state(state);
    }
    if let Some(state) = &arguments.previous_state {
        sample = sample.previous_state(state);
    }
    for (path, value) in &arguments.edits {
        sample = sample.set(path, value.clone());
    }
    Ok(sample.body())
}

/// A random UUID of version 4 (RFC 9562, section 5.4).
fn new_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    Ok(format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]))
}

fn edit(text: &str) -> Result<(String, Value), String> {
    let (path, value) = text.split_once('=').ok_or("expected a path, `=` and a value, such as `attributes.newValue=REJECTED`")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((path.to_owned(), value))
}

/// Where to send, and what proves that we may.
struct Target {
    /// Without the token, if there is one: so it can be shown.
    url: Url,
    proof: Proof,
    client: HttpClient,
}

/// What proves that a request may come in.
enum Proof {
    /// It is signed with this.
    Signature(Secret),
    /// This stands behind the address.
    Token(Secret),
}

impl Target {
    fn find(setup: &Setup<'_>, kind: &EventKind, arguments: &Arguments) -> Result<Self, Failure> {
        let is_unsigned = kind.family().is_unsigned();
        let proof = if is_unsigned { Proof::Token } else { Proof::Signature };
        let given = arguments.secret.read(setup)?;
        if let (Some(url), Some(secret)) = (&arguments.url, given.clone()) {
            return Ok(Self { url: url.clone(), proof: proof(secret), client: Outgoing::new(None)?.client(Reach::Everywhere)? });
        }
        let loaded = setup.load()?;
        let endpoint = endpoint(&loaded, arguments.endpoint.as_deref(), is_unsigned)?;
        let url = match &arguments.url {
            Some(url) => url.clone(),
            None => healthcheck::at(loaded.config.server.listen, &endpoint.path)?,
        };
        let secret = match given {
            Some(secret) => secret,
            None => secret_in_force(endpoint)?,
        };
        let further_roots = loaded.config.outgoing.ca_file.as_ref().map(fs::read).transpose()?;
        let client = Outgoing::new(further_roots.as_deref())?.client(Reach::Everywhere)?;
        Ok(Self { url, proof: proof(secret), client })
    }

    /// The whole address, with the token if there is one: not to be shown.
    fn address(&self) -> Url {
        let mut address = self.url.clone();
        if let (Proof::Token(token), Ok(mut path)) = (&self.proof, address.path_segments_mut()) {
            path.pop_if_empty().push(token.expose());
        }
        address
    }

    fn signature(&self, body: &[u8]) -> Option<Signature> {
        match &self.proof {
            Proof::Signature(secret) => Some(signature::sign(secret, body)),
            Proof::Token(_) => None,
        }
    }

    async fn post(&self, kind: &EventKind, body: Bytes) -> Result<Answer, Failure> {
        let started = Instant::now();
        let mut request = self.client.request(Method::POST, self.address())?.timeout(PATIENCE);
        if let Some(signature) = self.signature(&body) {
            request = request.header(signature::HEADER, signature.to_string());
        }
        let answer = request.header("content-type", "application/json").body(body).send().await.map_err(|error| {
            Failure::unreachable(anyhow::Error::from(Unanswered::from(error)).context(format!("cannot reach `{}`", self.url)))
                .hint("is the server running? `asc-webhooks serve` starts it".to_owned())
        })?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        Ok(Answer { kind: kind.to_string(), url: self.url.to_string(), status, body: text, took_ms: started.elapsed().as_millis() })
    }
}

/// The endpoint of this name, or the first; it must be one for events of this sort.
fn endpoint<'l>(loaded: &'l Loaded, name: Option<&str>, is_unsigned: bool) -> Result<&'l Endpoint, Failure> {
    let fits = |endpoint: &&Endpoint| (endpoint.kind == EndpointKind::XcodeCloud) == is_unsigned;
    let Some(name) = name else {
        let what = if is_unsigned { "endpoint of kind `xcode-cloud`" } else { "endpoint for signed events" };
        let first = loaded.config.endpoints.iter().find(fits);
        return first.ok_or_else(|| Failure::not_found(format!("there is no {what} in the configuration")));
    };
    Some(registered::any_endpoint(&loaded.config, name)?).filter(fits).ok_or_else(|| {
        let takes = if is_unsigned { "signed events only" } else { "events of Xcode Cloud only" };
        Failure::new(format!("the endpoint `{name}` takes {takes}")).hint("leave out `--endpoint`, or send another kind".to_owned())
    })
}

/// The first secret, or token, of an endpoint that is accepted now.
fn secret_in_force(endpoint: &Endpoint) -> Result<Secret, Failure> {
    if endpoint.managed_secrets && endpoint.secrets.is_empty() {
        let hint =
            "`webhooks apply` hands it to Apple, and `webhooks ping` tries it; to send with another, add `--secret-file FILE`";
        return Err(
            Failure::new(format!("the secret of the endpoint `{}` is sealed in the store", endpoint.name)).hint(hint.to_owned())
        );
    }
    let now = SystemClock::new().now();
    // An endpoint has the ones or the others.
    let mut all = endpoint.secrets.iter().chain(&endpoint.tokens);
    let in_force = all.find(|secret| secret.not_after.is_none_or(|end| now <= end));
    let secret = in_force.ok_or_else(|| Failure::new(format!("every secret of the endpoint `{}` has expired", endpoint.name)))?;
    Ok(secret.secret.clone())
}

/// What the receiver said.
#[derive(Debug, serde::Serialize)]
pub(super) struct Answer {
    pub(super) kind: String,
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) took_ms: u128,
}

impl Answer {
    /// The answer and what it means, on one line.
    pub(super) fn words(&self) -> String {
        let meaning = match StatusCode::from_u16(self.status).ok() {
            Some(StatusCode::OK) => "taken",
            Some(StatusCode::UNAUTHORIZED) => "the signature was refused: the receiver has another secret",
            Some(StatusCode::NOT_FOUND) if EventKind::from(&*self.kind).family().is_unsigned() => {
                "there is no endpoint at this path, or its token is another"
            }
            Some(StatusCode::NOT_FOUND) => "there is no endpoint at this path",
            Some(StatusCode::METHOD_NOT_ALLOWED) => "this path takes no notifications",
            Some(StatusCode::PAYLOAD_TOO_LARGE) => "the body is too large for the receiver",
            Some(StatusCode::SERVICE_UNAVAILABLE) => "the receiver cannot keep it now: try again later",
            Some(status) if status.is_redirection() => "the receiver points elsewhere, and Apple would not follow",
            Some(status) if status.is_success() => "taken",
            _ => "not taken",
        };
        let text = output::plain(self.body.trim());
        let text: String = text.chars().take(200).collect();
        format!("{} {meaning} ({}, {} ms) {text}", self.status, self.kind, self.took_ms).trim_end().to_owned()
    }
}
