//! What a request asks for: its query or its form, read strictly.
//!
//! A word that nobody knows is refused with the words that are known, so that a slip never means "everything".

use std::{str::FromStr, time::Duration};

use axum::{body::Bytes, extract::Request};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::{Desk, answer::Problem};
use crate::{
    event::EventKind,
    inbox::{
        DispatchState, ReceiptId,
        history::HistoryFilter,
        names::{self, Unheard},
        query::{PageRequest, ReceiptFilter},
    },
};

/// How many receipts a list has, if nothing is said.
const USUAL_LIMIT: usize = 50;

/// How many a list has at most.
const MOST: usize = 1_000;

/// The most bytes of a form or a document.
const MAX_BODY: usize = 16 << 10;

/// How long they may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The parameters of a query or the fields of a form. Those without a value count as left out: so browsers send what is not filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a query or a form.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(text)
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The query of a request.
    pub(super) fn of_query(request: &Request) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// The first value of a name.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.iter().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All but these names.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect())
    }

    fn read<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        let wrong = |found: &str| Problem::bad_request(format!("`{name}`: found `{found}`, expected {expected}"));
        self.one(name).map(|value| value.parse().map_err(|_| wrong(value))).transpose()
    }

    /// Nothing but these names.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                Err(Problem::bad_request(format!("unknown parameter `{name}`: expected one of {}", known.join(", "))))
            }
        }
    }
}

/// The names that [`filter`] and [`page`] know.
pub(super) const OF_LISTS: &[&str] = &[
    "endpoint", "kind", "event_id", "subject", "app", "text", "state", "since", "until", "unparsed", "dispatch", "handler",
    "limit", "before",
];

/// Those of them that choose a part of what is kept already, and mean nothing for what is still to come.
pub(super) const NOT_LIVE: &[&str] = &["app", "text", "limit", "before"];

/// The names that [`histories`] and [`page`] know.
const OF_HISTORIES: &[&str] = &["app", "kind", "limit", "before"];

/// Which receipts are asked for.
pub(super) fn filter(fields: &Fields, now: Timestamp) -> Result<ReceiptFilter, Problem> {
    fields.only(OF_LISTS)?;
    let text = |name: &str| fields.one(name).map(|value| value.trim().to_owned());
    let state = |value: &str| DispatchState::ALL.into_iter().find(|state| state.as_str() == value);
    let dispatch = fields.one("dispatch").map(|value| {
        let words = DispatchState::ALL.map(DispatchState::as_str).join(", ");
        state(value).ok_or_else(|| Problem::bad_request(format!("`dispatch`: found `{value}`, expected one of {words}")))
    });
    Ok(ReceiptFilter {
        endpoint: text("endpoint"),
        kinds: fields
            .iter()
            .filter(|(name, _)| *name == "kind")
            .map(|(_, kind)| EventKind::from(kind).as_str().to_owned())
            .collect(),
        event_id: text("event_id"),
        subject_id: text("subject"),
        state: text("state"),
        since: moment(fields, "since", now)?,
        until: moment(fields, "until", now)?,
        unparsed: fields.read("unparsed", "`true` or `false`")?.unwrap_or_default(),
        dispatch: dispatch.transpose()?,
        handler: text("handler"),
        app: text("app"),
        text: text("text"),
    })
}

/// The same for programs: a kind, an endpoint or a handler that there is not is a mistake, and not a question with an empty answer.
pub(super) async fn strict_filter(fields: &Fields, desk: &Desk) -> Result<ReceiptFilter, Problem> {
    let mut filter = filter(fields, desk.clock.now())?;
    let kinds = fields.iter().filter(|(name, _)| *name == "kind").map(|(_, text)| Ok(kind(text)?.as_str().to_owned()));
    filter.kinds = kinds.collect::<Result<_, Problem>>()?;
    known(desk, filter.endpoint.as_deref(), filter.handler.as_deref()).await?;
    Ok(filter)
}

/// Makes sure that there are, or were, such an endpoint and such a handler.
pub(super) async fn known(desk: &Desk, endpoint: Option<&str>, handler: Option<&str>) -> Result<(), Problem> {
    if endpoint.is_none() && handler.is_none() {
        return Ok(());
    }
    let (stats, known) = (desk.store.stats(desk.clock.now()).await?, desk.known.load_full());
    let endpoint = endpoint.map(|name| names::endpoint(name, known.endpoints.iter().map(|endpoint| &**endpoint), &stats));
    let handler = handler.map(|name| names::handler(name, known.handlers.iter().map(|handler| &*handler.name), &stats));
    let unheard = |unheard: Unheard| {
        let hint = unheard.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        Problem::bad_request(format!("{unheard}{hint}"))
    };
    endpoint.into_iter().chain(handler).collect::<Result<(), Unheard>>().map_err(unheard)
}

/// Whose histories are asked for: those of versions for the App Store, if nothing is said.
pub(super) fn histories(fields: &Fields) -> Result<HistoryFilter, Problem> {
    fields.only(OF_HISTORIES)?;
    let kind = fields.one("kind").map_or(Ok(EventKind::AppStoreVersionAppVersionStateUpdated), kind)?;
    Ok(HistoryFilter { kind: kind.as_str().to_owned(), app: fields.one("app").map(|app| app.trim().to_owned()) })
}

/// The kind that is meant.
fn kind(text: &str) -> Result<EventKind, Problem> {
    EventKind::meant(text.trim()).map_err(|unclear| Problem::bad_request(format!("{unclear}; {}", unclear.hint())))
}

/// Which part of the list.
pub(super) fn page(fields: &Fields) -> Result<PageRequest, Problem> {
    let limit = fields.read("limit", "a number from 1 to 1000")?.unwrap_or(USUAL_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit`: found `{limit}`, expected a number from 1 to {MOST}")));
    }
    let before = fields.read("before", "the `next` of the page before")?.map(ReceiptId);
    Ok(PageRequest { before, limit })
}

/// The form that a page has sent.
pub(super) async fn fields_of(request: Request) -> Result<Fields, Problem> {
    expect_type(&request, "application/x-www-form-urlencoded")?;
    Ok(Fields::parse(&body_of(request).await?))
}

/// The document that a program has sent; an empty body counts as an empty one.
pub(super) async fn document_of<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Problem> {
    expect_type(&request, "application/json")?;
    let body = body_of(request).await?;
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(text).map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the document: {error}")))
}

fn expect_type(request: &Request, expected: &str) -> Result<(), Problem> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match given.map(|given| given.split(';').next().unwrap_or(given).trim()) {
        Some(given) if given.eq_ignore_ascii_case(expected) => Ok(()),
        _ => Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("the body must be `{expected}`"))),
    }
}

async fn body_of(request: Request) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body broke off, or has more than {MAX_BODY} bytes")))
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not arrive within {PATIENCE:?}"))),
    }
}

/// A point in time, or how long ago.
fn moment(fields: &Fields, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let Some(value) = fields.one(name) else { return Ok(None) };
    let ago = || SignedDuration::try_from(humantime::parse_duration(value).ok()?).ok().and_then(|ago| now.checked_sub(ago).ok());
    let expected = "expected a time such as `2027-01-31T08:00:00Z`, or how long ago, such as `2h`";
    let time = value.parse().ok().or_else(ago);
    time.map(Some).ok_or_else(|| Problem::bad_request(format!("`{name}`: found `{value}`, {expected}")))
}
