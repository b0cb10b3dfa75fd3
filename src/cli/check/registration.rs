//! What `check --online` says about the webhooks that Apple has: the plan of `webhooks plan`, in findings.
//!
//! Nothing is compared here. What the plan would change and does no harm as it is, a name or a webhook too many, is worth a word and not
//! wrong.

use super::{super::registered, online::Finding};
use crate::{
    asc::webhook::Webhook,
    config::Endpoint,
    event::EventKind,
    registration::{AppleSide, Difference, Plan, Reason, Step, Surplus},
};

/// What there is to say about the webhook of an endpoint; nothing if Apple could not be asked about its app.
pub(super) fn of_endpoint(endpoint: &Endpoint, plan: &Plan, side: &AppleSide) -> Vec<Finding> {
    let name = &endpoint.name;
    if let Some(passed) = plan.passed_over.iter().find(|passed| passed.endpoint == *name) {
        return vec![of_reason(endpoint, passed.reason)];
    }
    let differences = match plan.steps.iter().find(|step| step.endpoint() == name) {
        Some(Step::Create { app_id, url, .. }) => return vec![unregistered(endpoint, url.as_str(), side.get(app_id))],
        Some(Step::Change { differences, .. }) => differences.as_slice(),
        None => &[],
    };
    let Some(webhook) = plan.webhook_of(name) else { return Vec::new() };
    let mut findings = Vec::new();
    if differences.iter().all(|difference| matches!(difference, Difference::Name { .. })) {
        let message = format!("registered as `{}`: enabled, with the right address and the right events", webhook.id);
        findings.push(Finding::new(name, Some(true), message));
    }
    findings.extend(differences.iter().flat_map(|difference| of_difference(endpoint, webhook, difference)));
    findings
}

/// What there is to say about a webhook of ours that no endpoint wants.
pub(super) fn of_surplus(surplus: &Surplus) -> Finding {
    let message = format!("its webhook `{}` is not needed: {}", surplus.webhook.id, surplus.why);
    let hint = "`asc-webhooks webhooks apply --prune` deletes it".to_owned();
    Finding::new(&format!("app {}", surplus.app_id), None, message).hint(hint)
}

fn of_reason(endpoint: &Endpoint, reason: Reason) -> Finding {
    let name = &endpoint.name;
    match reason {
        Reason::NoRoom => {
            let hint = "delete one that is not needed, with `asc-webhooks webhooks delete`, or in App Store Connect".to_owned();
            Finding::wrong(name, format!("Apple has no webhook with its address, and {reason}"), hint)
        }
        Reason::NoPublicUrl => {
            let hint = "write `public_url = \"https://…\"` into `[server]`: the address under which Apple reaches it".to_owned();
            Finding::wrong(name, reason.to_string(), hint)
        }
        _ => Finding::new(name, None, format!("not looked at: {reason}")),
    }
}

fn of_difference(endpoint: &Endpoint, webhook: &Webhook, difference: &Difference) -> Vec<Finding> {
    let (name, id) = (&*endpoint.name, &webhook.id);
    let update = format!("asc-webhooks webhooks update {id}");
    match difference {
        Difference::Disabled => {
            let message = format!("its webhook `{id}` is disabled: Apple sends nothing");
            vec![Finding::wrong(name, message, format!("`{update} --enable`"))]
        }
        Difference::Name { found, wanted } => {
            let found = found.as_deref().unwrap_or_default();
            let message =
                format!("its webhook `{id}` is called `{found}`, which does no harm; `webhooks apply` calls it `{wanted}`");
            vec![Finding::new(name, None, message)]
        }
        Difference::Url { found, wanted } => {
            let found = found.as_deref().unwrap_or_default();
            let message = format!("its webhook `{id}` has the address `{found}`, expected `{wanted}`");
            vec![Finding::wrong(name, message, format!("`{update} --url {wanted}`, or change `server.public_url`"))]
        }
        Difference::Events { missing, unwanted, .. } => {
            let wanted: Vec<&str> = endpoint.events.iter().map(EventKind::as_str).collect();
            let wanted = if wanted.is_empty() { "all".to_owned() } else { wanted.join(",") };
            let both = [(missing, "is not sent"), (unwanted, "is sent, and the configuration does not ask for,")];
            let found = both.into_iter().filter(|(kinds, _)| !kinds.is_empty()).map(|(kinds, what)| {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.subscription().unwrap_or(kind.as_str())).collect();
                let hint = format!("`{update} --events {wanted}`, or change `events` in its `[[endpoint]]`");
                Finding::wrong(name, format!("its webhook `{id}` {what} {}", kinds.join(", ")), hint)
            });
            found.collect()
        }
        Difference::Secret => {
            let message = format!("its webhook `{id}` was not given the secret that the store keeps for it");
            vec![Finding::wrong(name, message, "`asc-webhooks webhooks apply` hands it over".to_owned())]
        }
    }
}

fn unregistered(endpoint: &Endpoint, ours: &str, of_app: Option<&Vec<Webhook>>) -> Finding {
    let making = registered::making(endpoint);
    let message = format!("Apple has no webhook with its address `{ours}`");
    let mut elsewhere = of_app.into_iter().flatten().filter(|webhook| webhook.posts_to(None, &endpoint.path));
    let Some(webhook) = elsewhere.next() else {
        return Finding::wrong(&endpoint.name, message, format!("{making} registers it"));
    };
    let (id, theirs) = (&webhook.id, webhook.url.as_deref().unwrap_or_default());
    let hint = format!(
        "if that is this server, `asc-webhooks webhooks update {id} --url {ours}`, or change `server.public_url`; if not, {making} \
         registers it"
    );
    Finding::wrong(&endpoint.name, format!("{message}; `{id}` posts to the same path elsewhere, `{theirs}`"), hint)
}
