//! Compares one app's webhooks with the endpoints that are for it.

use std::{collections::BTreeSet, sync::Arc};

use url::Url;

use super::{
    Unproven,
    plan::{Difference, PassedOver, Plan, Reason, Right, Step, Surplus, Why},
};
use crate::{
    asc::webhook::{MOST_PER_APP, Webhook},
    config::{Config, Endpoint, EndpointKind},
    event::EventKind,
};

/// What our side is.
#[derive(Clone, Copy)]
pub(super) struct Ours<'c> {
    pub(super) config: &'c Config,
    pub(super) unproven: &'c Unproven,
}

/// Adds to the plan what there is to say about an app.
pub(super) fn app(ours: Ours<'_>, id: &str, webhooks: &[Webhook], plan: &mut Plan) {
    let endpoints = ours.config.endpoints.iter();
    let here = endpoints.filter(|one| one.kind == EndpointKind::App && one.app_id.as_deref() == Some(id));
    let wanted = here.map(|endpoint| Wanted::of(endpoint, ours)).collect();
    let (public_url, prefix) = (ours.config.server.public_url.as_ref(), &*ours.config.registration.name_prefix);
    App { id, webhooks, wanted, public_url, prefix }.compare(plan);
}

/// What the configuration wants of a webhook.
struct Wanted<'c> {
    endpoint: &'c Arc<str>,
    name: String,
    /// None if it is not known where Apple reaches this server. Then the path has to do.
    url: Option<Url>,
    path: &'c str,
    /// Empty for all, those that Apple adds some day included.
    events: &'c [EventKind],
    is_unproven: bool,
}

impl<'c> Wanted<'c> {
    fn of(endpoint: &'c Endpoint, ours: Ours<'_>) -> Self {
        Self {
            endpoint: &endpoint.name,
            name: ours.config.webhook_name_of(endpoint),
            url: ours.config.url_of(endpoint),
            path: &endpoint.path,
            events: &endpoint.events,
            is_unproven: endpoint.managed_secrets && ours.unproven.contains(&endpoint.name),
        }
    }

    fn is_at(&self, webhook: &Webhook) -> bool {
        webhook.posts_to(self.url.as_ref(), self.path)
    }

    fn has_name_of(&self, webhook: &Webhook) -> bool {
        webhook.name.as_ref() == Some(&self.name)
    }

    /// What is different about a webhook. What Apple does not tell of is taken to be right.
    fn differences(&self, webhook: &Webhook) -> Vec<Difference> {
        let disabled = (webhook.enabled == Some(false)).then_some(Difference::Disabled);
        let name =
            (!self.has_name_of(webhook)).then(|| Difference::Name { found: webhook.name.clone(), wanted: self.name.clone() });
        let url = self.url.clone().filter(|_| !self.is_at(webhook));
        let url = url.map(|wanted| Difference::Url { found: webhook.url.clone(), wanted });
        let events = webhook.events.as_deref().and_then(|found| self.events_to_change(found));
        let secret = self.is_unproven.then_some(Difference::Secret);
        [disabled, name, url, events, secret].into_iter().flatten().collect()
    }

    fn events_to_change(&self, found: &[EventKind]) -> Option<Difference> {
        let (missing, unwanted) = events_besides(self.events, found);
        if missing.is_empty() && unwanted.is_empty() {
            return None;
        }
        let kept = found.iter().filter(|kind| !unwanted.contains(kind));
        let wanted = kept.chain(&missing).cloned().collect();
        Some(Difference::Events { missing, unwanted, wanted })
    }

    fn create(&self, app_id: &str) -> Result<Step, Reason> {
        Ok(Step::Create {
            endpoint: Arc::clone(self.endpoint),
            app_id: app_id.to_owned(),
            name: self.name.clone(),
            url: self.url.clone().ok_or(Reason::NoPublicUrl)?,
            events: wanted_kinds(self.events),
        })
    }
}

/// One app: what Apple has, and what we want.
struct App<'c> {
    id: &'c str,
    webhooks: &'c [Webhook],
    wanted: Vec<Wanted<'c>>,
    public_url: Option<&'c Url>,
    prefix: &'c str,
}

impl App<'_> {
    fn compare(&self, plan: &mut Plan) {
        let matched = self.matched();
        let mut room = MOST_PER_APP.saturating_sub(self.webhooks.len());
        for (wanted, webhook) in self.wanted.iter().zip(&matched) {
            let endpoint = Arc::clone(wanted.endpoint);
            let Some(webhook) = webhook else {
                match wanted.create(self.id) {
                    Ok(step) if room > 0 => {
                        room -= 1;
                        plan.steps.push(step);
                    }
                    Ok(_) => plan.passed_over.push(PassedOver { endpoint, reason: Reason::NoRoom }),
                    Err(reason) => plan.passed_over.push(PassedOver { endpoint, reason }),
                }
                continue;
            };
            let (app_id, webhook) = (self.id.to_owned(), (*webhook).clone());
            let differences = wanted.differences(&webhook);
            if differences.is_empty() {
                plan.right.push(Right { endpoint, app_id, webhook });
            } else {
                plan.steps.push(Step::Change { endpoint, app_id, webhook, differences });
            }
        }
        let is_matched: BTreeSet<&str> = matched.iter().flatten().map(|webhook| webhook.id.as_str()).collect();
        for webhook in self.webhooks.iter().filter(|webhook| !is_matched.contains(webhook.id.as_str())) {
            match self.why_ours(webhook, &matched) {
                Some(why) => plan.surplus.push(Surplus { app_id: self.id.to_owned(), webhook: webhook.clone(), why }),
                None => plan.foreign += 1,
            }
        }
    }

    /// The webhook of each endpoint: one at its address, or else one with its name that is at no other endpoint's address.
    fn matched(&self) -> Vec<Option<&Webhook>> {
        let at_address = |wanted: &Wanted<'_>| {
            let mut there: Vec<&Webhook> = self.webhooks.iter().filter(|webhook| wanted.is_at(webhook)).collect();
            // Of several, the one that works, and of those the one with the right name.
            there.sort_by_key(|webhook| (webhook.enabled != Some(true), !wanted.has_name_of(webhook)));
            there.first().copied()
        };
        let by_name = |wanted: &Wanted<'_>| {
            let named = self.webhooks.iter().filter(|webhook| !self.prefix.is_empty() && wanted.has_name_of(webhook));
            named.into_iter().find(|webhook| !self.wanted.iter().any(|other| other.is_at(webhook)))
        };
        self.wanted.iter().map(|wanted| at_address(wanted).or_else(|| by_name(wanted))).collect()
    }

    /// Why a webhook that serves no endpoint is ours, if it is.
    fn why_ours(&self, webhook: &Webhook, matched: &[Option<&Webhook>]) -> Option<Why> {
        let has_prefix = !self.prefix.is_empty() && webhook.name.as_ref().is_some_and(|name| name.starts_with(self.prefix));
        let serves = |wanted: &Wanted<'_>| wanted.is_at(webhook) || (has_prefix && wanted.has_name_of(webhook));
        let duplicate = self.wanted.iter().zip(matched).find_map(|(wanted, other)| {
            let of = other.filter(|_| serves(wanted))?.id.clone();
            Some(Why::Duplicate { endpoint: Arc::clone(wanted.endpoint), of })
        });
        let address = webhook.url.as_deref().and_then(|url| Url::parse(url).ok());
        let is_here = address.zip(self.public_url).is_some_and(|(address, public_url)| is_below(&address, public_url));
        duplicate.or(is_here.then_some(Why::Address)).or_else(|| has_prefix.then_some(Why::Name))
    }
}

fn is_below(address: &Url, public_url: &Url) -> bool {
    let base = public_url.path().trim_end_matches('/');
    let rest = address.path().strip_prefix(base);
    address.origin() == public_url.origin() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The kinds of event that a webhook is not sent and should be, and those that it is sent and should not be.
///
/// Who asks for none by name asks for all, and for those too that this version does not know.
fn events_besides(asked: &[EventKind], found: &[EventKind]) -> (Vec<EventKind>, Vec<EventKind>) {
    let missing = wanted_kinds(asked).into_iter().filter(|kind| !found.contains(kind)).collect();
    let unwanted = found.iter().filter(|kind| !asked.is_empty() && !asked.contains(kind)).cloned().collect();
    (missing, unwanted)
}

fn wanted_kinds(asked: &[EventKind]) -> Vec<EventKind> {
    if asked.is_empty() {
        return EventKind::ALL.iter().filter(|kind| kind.subscription().is_some()).cloned().collect();
    }
    asked.to_vec()
}
