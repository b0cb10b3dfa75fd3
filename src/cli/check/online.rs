//! `check --online`: does Apple take the key, is every endpoint registered as the configuration says, and does a ping come all the way?
//!
//! Nothing is changed, but every webhook is sent a ping. One thing that is wrong does not keep the others from being looked at, unless
//! Apple cannot be asked at all.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    super::{
        arrival::{Ending, Lost, Trial},
        open_if_here,
        output::{self, Unwritten},
        registered,
    },
    registration::{of_endpoint, of_surplus},
};
use crate::{
    asc::{Client, Error, webhook::Webhook},
    clock::{Clock, SystemClock},
    config::{Config, Endpoint, Handler},
    handler::BoxHandler,
    inbox::Store,
    registration::{self, AppleSide, Plan, Unproven},
    vault::Vault,
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
    /// Something that is right; wrong; or, if it is neither, worth a word.
    pub(super) fn new(about: &str, ok: Option<bool>, message: impl Into<String>) -> Self {
        Self { about: about.to_owned(), ok, message: message.into(), hint: None, is_refusal: false }
    }

    /// Something that is wrong, and what to do about it.
    pub(super) fn wrong(about: &str, message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self { hint: hint.into(), ..Self::new(about, Some(false), message) }
    }

    /// The same, with what to do about it.
    pub(super) fn hint(self, hint: impl Into<Option<String>>) -> Self {
        Self { hint: hint.into(), ..self }
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
    fn add(&mut self, finding: Finding) -> Result<(), Unwritten> {
        if !self.is_quiet {
            output::line(finding.words())?;
        }
        self.all.push(finding);
        Ok(())
    }

    /// How many things are wrong.
    pub(super) fn wrong(&self) -> usize {
        self.all.iter().filter(|finding| finding.ok == Some(false)).count()
    }

    /// Whether nothing is wrong.
    pub(super) fn are_good(&self) -> bool {
        self.wrong() == 0
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
    let Some(side) = apple_side(config, &client, &key, &mut findings).await? else { return Ok(findings) };
    if config.server.public_url.is_none() {
        let message = "`server.public_url` is not set, so of the webhooks' addresses only the paths are compared";
        findings.add(Finding::new("addresses", None, message))?;
    }
    let unproven = unproven(config, &mut findings).await?;
    let plan = Plan::compare(config, &side, &unproven);
    let mut pinged = 0;
    for endpoint in &config.endpoints {
        for finding in of_endpoint(endpoint, &plan, &side) {
            findings.add(finding)?;
        }
        let posts_here = |webhook: &&Webhook| webhook.enabled != Some(false) && registered::posts_to(webhook, config, endpoint);
        let Some(webhook) = plan.webhook_of(&endpoint.name).filter(posts_here) else { continue };
        match Trial::new(config, &client, webhook).run(patience).await {
            Ok(ending) => {
                pinged += 1;
                findings.add(arrival(endpoint, &ending, webhook))?;
            }
            Err(Lost::Apple(error)) => findings.add(Finding::refused(&endpoint.name, error))?,
            Err(Lost::Store(error)) => {
                findings.add(Finding { is_refusal: true, ..Finding::wrong(&endpoint.name, error.to_string(), None) })?;
            }
        }
    }
    for surplus in &plan.surplus {
        findings.add(of_surplus(surplus))?;
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
async fn apple_side(config: &Config, client: &Client, key: &str, findings: &mut Findings) -> anyhow::Result<Option<AppleSide>> {
    let Ok(wanted) = registered::apps(config, None) else {
        // There is a list that belongs to no app. A key that may not see it is a key all the same.
        let probe = client.marketplace_webhooks()?.all().await;
        let refused = probe.err().filter(|error| error.status() != Some(403));
        let is_taken = refused.is_none();
        findings
            .add(refused.map_or_else(|| Finding::new(key, Some(true), "Apple takes it"), |error| Finding::refused(key, error)))?;
        return Ok(is_taken.then(AppleSide::new));
    };
    let mut side = AppleSide::new();
    for app in wanted {
        match client.webhooks(app)?.all().await {
            Ok(webhooks) => {
                if side.is_empty() {
                    findings.add(Finding::new(key, Some(true), "Apple takes it"))?;
                }
                side.insert(app.to_owned(), webhooks);
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
    Ok(Some(side))
}

/// The endpoints whose managed secret Apple is not known to have; none if the secrets cannot be looked at from here.
async fn unproven(config: &Config, findings: &mut Findings) -> anyhow::Result<Unproven> {
    let store = config.endpoints.iter().any(|endpoint| endpoint.managed_secrets).then(|| open_if_here(config)).flatten();
    let (store, clock): (_, Arc<dyn Clock>) = (store.map(|store| Arc::new(store) as Arc<dyn Store>), Arc::new(SystemClock::new()));
    let Some(vault) = store.and_then(|store| Vault::configured(&config.store, &store, &clock)) else {
        return Ok(Unproven::new());
    };
    match registration::unproven(config, &vault).await {
        Ok(unproven) => Ok(unproven),
        Err(error) => {
            findings.add(Finding::wrong("managed secrets", error.to_string(), None))?;
            Ok(Unproven::new())
        }
    }
}

fn arrival(endpoint: &Endpoint, ending: &Ending, webhook: &Webhook) -> Finding {
    let good = ending.is_good();
    let finding = Finding::new(&endpoint.name, Some(good), ending.words()).hint(ending.hint(webhook, Some(endpoint)));
    Finding { is_refusal: !good, ..finding }
}
