//! `check --online`: does Apple take the key, is every endpoint registered as the configuration says, and does a ping come all the way?
//!
//! Nothing is changed, but every webhook is sent a ping. One thing that is wrong does not keep the others from being looked at, unless
//! Apple cannot be asked at all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;

use super::super::{
    arrival::{Ending, Lost, Trial},
    output, registered,
};
use crate::{
    asc::{Client, Error, webhook::Webhook},
    clock::{Clock as _, SystemClock},
    config::{Config, Endpoint, EndpointKind, Handler},
    event::EventKind,
    handler::BoxHandler,
    registration::events_besides,
    worker::trial::{TrialError, trial},
};

/// What was found out about one thing.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// The endpoint, or the key.
    about: String,
    /// Whether it is right; none if that was not looked at.
    ok: Option<bool>,
    message: String,
    hint: Option<String>,
    /// Whether it is wrong because somebody could not be reached or said no.
    #[serde(skip)]
    is_refusal: bool,
}

impl Finding {
    fn new(about: &str, ok: Option<bool>, message: impl Into<String>) -> Self {
        Self { about: about.to_owned(), ok, message: message.into(), hint: None, is_refusal: false }
    }

    fn wrong(about: &str, message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self { hint: hint.into(), ..Self::new(about, Some(false), message) }
    }

    fn refused(about: &str, error: Error) -> Self {
        let hint = error.hint();
        Self { is_refusal: true, ..Self::wrong(about, format!("{:#}", anyhow::Error::from(error)), hint) }
    }

    fn words(&self) -> String {
        let mark = match self.ok {
            Some(true) => '✓',
            Some(false) => '✗',
            None => '·',
        };
        let hint = self.hint.iter().map(|hint| format!("\n  hint: {hint}"));
        let line = format!("{mark} {}: {}", self.about, self.message);
        std::iter::once(output::plain(&line)).chain(hint).collect()
    }
}

/// The findings, each told as soon as it is known.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
    is_quiet: bool,
}

impl Findings {
    fn add(&mut self, finding: Finding) -> std::io::Result<()> {
        if !self.is_quiet {
            output::line(finding.words())?;
        }
        self.all.push(finding);
        Ok(())
    }

    /// Whether nothing is wrong.
    pub(super) fn are_good(&self) -> bool {
        self.all.iter().all(|finding| finding.ok != Some(false))
    }

    /// Whether somebody could not be reached or said no.
    pub(super) fn tell_of_refusal(&self) -> bool {
        self.all.iter().any(|finding| finding.is_refusal)
    }
}

/// Looks at everything that can be looked at. `is_quiet` if the findings are for a program, which gets them all at the end.
pub(super) async fn look(
    config: &Config,
    client: Option<Arc<Client>>,
    patience: Duration,
    is_quiet: bool,
) -> anyhow::Result<Findings> {
    let mut findings = Findings { all: Vec::new(), is_quiet };
    let (Some(client), Some(asc)) = (client, &config.asc) else {
        let hint = "write `[asc]` with `key_id`, `private_key` and, for a team's key, `issuer_id`".to_owned();
        findings.add(Finding::wrong("key", "there is none, so Apple cannot be asked", hint))?;
        return Ok(findings);
    };
    let key = format!("key {}", asc.key_id);
    let Some(apps) = webhooks_by_app(config, &client, &key, &mut findings).await? else { return Ok(findings) };
    if config.server.public_url.is_none() {
        let message = "`server.public_url` is not set, so of the webhooks' addresses only the paths are compared";
        findings.add(Finding::new("addresses", None, message))?;
    }
    let mut pinged = 0;
    for endpoint in &config.endpoints {
        let name = &*endpoint.name;
        if endpoint.kind == EndpointKind::Marketplace {
            findings.add(Finding::new(name, None, "not looked at: it is for a marketplace's webhook; see `marketplace show`"))?;
            continue;
        }
        if endpoint.kind == EndpointKind::XcodeCloud {
            let message =
                "not looked at: it is for a webhook of Xcode Cloud, which is set up by hand; what comes in there is unsigned";
            findings.add(Finding::new(name, None, message))?;
            continue;
        }
        let Some(app) = &endpoint.app_id else {
            findings.add(Finding::new(name, None, "not looked at: it has no `app_id`"))?;
            continue;
        };
        let Some(webhooks) = apps.get(app.as_str()) else { continue };
        for finding in registration(config, endpoint, webhooks) {
            findings.add(finding)?;
        }
        let registered = webhooks.iter().find(|webhook| registered::posts_to(webhook, config, endpoint));
        let Some(webhook) = registered.filter(|webhook| webhook.enabled != Some(false)) else { continue };
        match Trial::new(config, &client, webhook).run(patience).await {
            Ok(ending) => {
                pinged += 1;
                findings.add(arrival(name, &ending, webhook))?;
            }
            Err(Lost::Apple(error)) => findings.add(Finding::refused(name, error))?,
            Err(Lost::Store(error)) => {
                findings.add(Finding { is_refusal: true, ..Finding::wrong(name, error.to_string(), None) })?;
            }
        }
    }
    if pinged > 0 {
        let message = "its role lets it list webhooks, read their deliveries and send pings; changing webhooks was not tried";
        findings.add(Finding::new(&key, Some(true), message))?;
    }
    Ok(findings)
}

/// Has every handler that takes one send a test message.
pub(super) async fn try_out(handlers: &[(&Handler, BoxHandler)], findings: &mut Findings) -> anyhow::Result<()> {
    for (handler, built) in handlers {
        let about = format!("handler {}", handler.name);
        match trial(&handler.name, built, handler.timeout, SystemClock::new().now()).await {
            Ok(()) => findings.add(Finding::new(&about, Some(true), "a test message was sent"))?,
            Err(TrialError::NotForThis) => {}
            Err(error) => {
                let wrong = Finding::wrong(&about, format!("the test message could not be sent: {error}"), None);
                findings.add(Finding { is_refusal: true, ..wrong })?;
            }
        }
    }
    Ok(())
}

/// The webhooks of every app of the configuration that Apple lets us see; none if the key is worth nothing, or Apple cannot be reached.
async fn webhooks_by_app<'c>(
    config: &'c Config,
    client: &Client,
    key: &str,
    findings: &mut Findings,
) -> anyhow::Result<Option<BTreeMap<&'c str, Vec<Webhook>>>> {
    let Ok(wanted) = registered::apps(config, None) else {
        // There is a list that belongs to no app. A key that may not see it is a key all the same.
        let probe = client.marketplace_webhooks()?.all().await;
        let refused = probe.err().filter(|error| error.status() != Some(403));
        let is_taken = refused.is_none();
        findings
            .add(refused.map_or_else(|| Finding::new(key, Some(true), "Apple takes it"), |error| Finding::refused(key, error)))?;
        return Ok(is_taken.then(BTreeMap::new));
    };
    let mut apps = BTreeMap::new();
    for app in wanted {
        match client.webhooks(app)?.all().await {
            Ok(webhooks) => {
                if apps.is_empty() {
                    findings.add(Finding::new(key, Some(true), "Apple takes it"))?;
                }
                apps.insert(app, webhooks);
            }
            // Of one app, these say nothing about the others.
            Err(error) if matches!(error.status(), Some(403 | 404)) => {
                findings.add(Finding::refused(&format!("app {app}"), error))?;
            }
            Err(error) => {
                let about = if error.status().is_some() { key } else { "App Store Connect" };
                findings.add(Finding::refused(about, error))?;
                return Ok(None);
            }
        }
    }
    Ok(Some(apps))
}

/// How the registration of an endpoint differs from the configuration; one good finding if it does not.
fn registration(config: &Config, endpoint: &Endpoint, webhooks: &[Webhook]) -> Vec<Finding> {
    let name = &*endpoint.name;
    let Some(webhook) = webhooks.iter().find(|webhook| registered::posts_to(webhook, config, endpoint)) else {
        return vec![unregistered(config, endpoint, webhooks)];
    };
    let mut wrong = Vec::new();
    if webhook.enabled == Some(false) {
        let hint = format!("`asc-webhooks webhooks update {} --enable`", webhook.id);
        wrong.push(Finding::wrong(name, format!("its webhook `{}` is disabled: Apple sends nothing", webhook.id), hint));
    }
    let (missing, unwanted) = webhook.events.as_ref().map(|found| events_besides(&endpoint.events, found)).unwrap_or_default();
    let wanted: Vec<&str> = endpoint.events.iter().map(EventKind::as_str).collect();
    let wanted = if wanted.is_empty() { "all".to_owned() } else { wanted.join(",") };
    for (kinds, what) in [(missing, "is not sent"), (unwanted, "is sent, and the configuration does not ask for,")] {
        if !kinds.is_empty() {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.subscription().unwrap_or(kind.as_str())).collect();
            let hint = format!(
                "`asc-webhooks webhooks update {} --events {wanted}`, or change `events` in its `[[endpoint]]`",
                webhook.id
            );
            wrong.push(Finding::wrong(name, format!("its webhook `{}` {what} {}", webhook.id, kinds.join(", ")), hint));
        }
    }
    if wrong.is_empty() {
        let message = format!("registered as `{}`: enabled, with the right address and the right events", webhook.id);
        wrong.push(Finding::new(name, Some(true), message));
    }
    wrong
}

fn unregistered(config: &Config, endpoint: &Endpoint, webhooks: &[Webhook]) -> Finding {
    let ours = config.url_of(endpoint).map(|url| format!(" `{url}`")).unwrap_or_default();
    let path = |webhook: &&Webhook| webhook.url.as_deref().is_some_and(|url| url.ends_with(&endpoint.path));
    let Some(webhook) = webhooks.iter().find(path) else {
        let hint = format!("{} registers it", registered::making(endpoint));
        return Finding::wrong(&endpoint.name, format!("Apple has no webhook with its address{ours}"), hint);
    };
    let theirs = webhook.url.as_deref().unwrap_or_default();
    let message = format!("its webhook `{}` has the address `{theirs}`, expected{ours}", webhook.id);
    let hint = format!("`asc-webhooks webhooks update {} --url …`, or change `server.public_url`", webhook.id);
    Finding::wrong(&endpoint.name, message, hint)
}

fn arrival(name: &str, ending: &Ending, webhook: &Webhook) -> Finding {
    let good = ending.is_good();
    Finding { hint: ending.hint(webhook), is_refusal: !good, ..Finding::new(name, Some(good), ending.words()) }
}
