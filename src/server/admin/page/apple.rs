//! Apple: which webhooks it has, what it tried to deliver, and what of that is here.

use axum::extract::{Path, Request, State};
use serde::Serialize;
use serde_json::json;

use super::{
    Answer, Frame, Shared, after, render,
    view::{Moment, grouped, kind_in_words},
};
use crate::{
    handler::message::{clean, text::clean_lines},
    inbox::account::Account,
    server::admin::{
        Desk,
        apple::{Delivered, Deliveries, PlannedItem, Registered, Registrations, Trouble, TroubleKind},
        audit::Author,
        deed,
    },
};

/// Why Apple was asked in vain, as a person is told.
#[derive(Debug, Serialize)]
struct Complaint {
    title: &'static str,
    words: String,
    hint: Option<String>,
}

/// A webhook at Apple, or one that should be there.
#[derive(Debug, Default, Serialize)]
struct Hook {
    id: Option<String>,
    name: Option<String>,
    url: Option<String>,
    app: Option<String>,
    endpoint: Option<String>,
    /// Whether a ping would tell something: it posts to one of our endpoints, and is the one that should.
    can_ping: bool,
    /// The colour and the words of how it stands.
    state: &'static str,
    standing: &'static str,
    details: Vec<String>,
}

/// A try to deliver.
#[derive(Debug, Serialize)]
struct Try {
    id: String,
    at: Option<Moment>,
    what: String,
    endpoint: String,
    state: &'static str,
    standing: String,
    status: Option<u16>,
    error: Option<String>,
    receipt: Option<i64>,
    is_missing: bool,
}

/// The account of an endpoint.
#[derive(Debug, Serialize)]
struct Balance {
    endpoint: String,
    listed: String,
    kept: String,
    missing: String,
    missing_count: u64,
    completed: Option<Moment>,
    failure: Option<String>,
}

pub(in super::super) async fn apple(State(desk): Shared, request: Request) -> Answer {
    let accounts = desk.store.accounts().await?;
    let (mut trouble, mut hooks, mut tries) = (None, None, None);
    if let Some(apple) = desk.apple.as_deref() {
        match apple.registrations().await {
            Ok(registrations) => hooks = Some(registrations),
            Err(found) => trouble = Some(found),
        }
        if trouble.is_none() {
            match apple.deliveries().await {
                Ok(deliveries) => tries = Some(deliveries),
                Err(found) => trouble = Some(found),
            }
        }
    }
    render(
        "apple.html",
        json!({
            "frame": Frame::of("apple", &request),
            "has_key": desk.apple.is_some(),
            "trouble": trouble.map(Complaint::from),
            "asked": hooks.as_ref().map(|hooks| Moment::of(&desk, hooks.asked_at)),
            "has_plan": hooks.as_ref().is_some_and(|hooks| hooks.plan.is_some()),
            "differs": hooks.as_ref().and_then(|hooks| hooks.plan.as_ref()).is_some_and(|plan| plan.differs),
            "foreign": hooks.as_ref().and_then(|hooks| hooks.plan.as_ref()).map(|plan| plan.foreign),
            "hooks": hooks.as_ref().map(standing),
            "since": tries.as_ref().map(|tries| Moment::of(&desk, tries.since)),
            "more": tries.as_ref().is_some_and(|tries| tries.more),
            "tries": tries.map(|Deliveries { items, .. }| items.into_iter().map(|one| Try::of(&desk, one)).collect::<Vec<_>>()),
            "accounts": accounts.iter().map(|account| Balance::of(&desk, account)).collect::<Vec<_>>(),
        }),
    )
}

pub(in super::super) async fn ping(State(desk): Shared, Path(webhook): Path<String>, request: Request) -> Answer {
    deed::ping(&desk, &webhook, &Author::of(&request)).await?;
    Ok(after("/apple", "ping", 1))
}

pub(in super::super) async fn redeliver(State(desk): Shared, Path(delivery): Path<String>, request: Request) -> Answer {
    deed::redeliver(&desk, &delivery, &Author::of(&request)).await?;
    Ok(after("/apple", "redeliver", 1))
}

impl From<Trouble> for Complaint {
    fn from(Trouble { kind, words, hint, .. }: Trouble) -> Self {
        let title = match kind {
            TroubleKind::NotFound => "Apple knows nothing by that id",
            TroubleKind::Refused => "Apple refused",
            TroubleKind::RateLimited => "Apple was asked too often",
            TroubleKind::Silent => "Apple does not answer",
            TroubleKind::Ours => "It could not be found out",
        };
        Self { title, words: clean(&words), hint: hint.map(|hint| clean(&hint)) }
    }
}

/// Every webhook with what the plan says of it, and those that should be there and are not.
fn standing(registrations: &Registrations) -> Vec<Hook> {
    let items = registrations.plan.iter().flat_map(|plan| &plan.items);
    let missing = items.clone().filter(|item| item.webhook.is_none()).map(Hook::planned);
    let there = registrations.webhooks.iter().map(|webhook| {
        let item = items.clone().find(|item| item.webhook.as_deref() == Some(&webhook.id));
        Hook::of(webhook, item, registrations.plan.is_some())
    });
    missing.chain(there).collect()
}

impl Hook {
    fn of(webhook: &Registered, item: Option<&PlannedItem>, has_plan: bool) -> Self {
        let planned = item.map(Self::planned).unwrap_or_default();
        let (state, standing) = match item {
            Some(_) => (planned.state, planned.standing),
            None if webhook.enabled == Some(false) => ("waiting", "disabled"),
            None if has_plan => ("quiet", "somebody else's"),
            None => ("quiet", "there"),
        };
        let is_surplus = item.is_some_and(|item| item.what == "surplus");
        Self {
            can_ping: webhook.endpoint.is_some() && !is_surplus,
            id: Some(webhook.id.clone()),
            name: webhook.name.as_deref().map(clean),
            url: webhook.url.as_deref().map(clean),
            app: Some(webhook.app_id.clone()),
            endpoint: planned.endpoint.or_else(|| webhook.endpoint.clone()),
            state,
            standing,
            details: planned.details,
        }
    }

    fn planned(item: &PlannedItem) -> Self {
        let (state, standing) = match item.what {
            "right" => ("done", "as configured"),
            "create" => ("dead", "missing at Apple"),
            "change" => ("waiting", "differs"),
            "surplus" => ("waiting", "wanted by no endpoint"),
            _ => ("quiet", "not planned"),
        };
        let details = item.details.iter().map(|detail| clean(detail)).collect();
        Self { app: item.app_id.clone(), endpoint: item.endpoint.clone(), state, standing, details, ..Self::default() }
    }
}

impl Try {
    fn of(desk: &Desk, one: Delivered) -> Self {
        let state = match one.state.as_deref() {
            Some("SUCCEEDED") => "done",
            Some("FAILED") => "dead",
            _ => "waiting",
        };
        let word = one.state.as_deref().map_or_else(|| "unknown".to_owned(), |state| clean(&state.to_lowercase()));
        let what = match &one.kind {
            _ if one.is_ping => "ping".to_owned(),
            Some(kind) => kind_in_words(kind),
            None => "event".to_owned(),
        };
        Self {
            id: one.id,
            at: one.created_at.map(|time| Moment::of(desk, time)),
            what: if one.is_redelivery { format!("{what}, sent again") } else { what },
            endpoint: one.endpoint,
            state,
            standing: word,
            status: one.status,
            error: one.error.as_deref().map(clean_lines),
            receipt: one.receipt,
            is_missing: one.kept == Some(false),
        }
    }
}

impl Balance {
    fn of(desk: &Desk, account: &Account) -> Self {
        Self {
            endpoint: account.endpoint.clone(),
            listed: grouped(account.listed),
            kept: grouped(account.kept),
            missing: grouped(account.missing),
            missing_count: account.missing,
            completed: account.completed_at.map(|time| Moment::of(desk, time)),
            failure: account.failure.as_ref().map(|failure| clean(&failure.error)),
        }
    }
}
