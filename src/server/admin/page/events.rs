//! Events: a list, and the filter that made it, all of it in the URL.

use axum::extract::{Request, State};
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::{
    Answer, Frame, Shared, render,
    view::{Row, kind_in_words},
};
use crate::{
    event::EventKind,
    inbox::DispatchState,
    server::admin::ask::{self, Fields, NOT_LIVE, OF_LISTS},
};

pub(in super::super) async fn events(State(desk): Shared, request: Request) -> Answer {
    let fields = Fields::of_query(&request);
    let filter = ask::filter(&fields, desk.clock.now())?;
    let asked = ask::page(&fields)?;
    // What is new belongs on the first page only, and a search is for what there is.
    let live =
        (asked.before.is_none() && !filter.looks_into_receipts()).then(|| link("/events/live", &fields.without(NOT_LIVE), ""));
    let page = desk.store.receipts(&filter, asked).await?;
    let known = desk.known.load_full();
    let chosen = |name: &str| fields.one(name).unwrap_or_default().to_owned();
    let kinds: Vec<_> = EventKind::ALL.iter().map(|kind| (kind.as_str(), kind_in_words(kind.as_str()))).collect();
    render(
        "events.html",
        json!({
            "frame": Frame::of("events", &request),
            "rows": page.items.iter().map(|listed| Row::of(&desk, listed)).collect::<Vec<_>>(),
            "is_filtered": OF_LISTS.iter().any(|name| *name != "limit" && fields.one(name).is_some()),
            "live": live,
            "most": asked.limit,
            "is_later_page": fields.one("before").is_some(),
            "looked_to": filter.looks_into_receipts().then_some(page.next).flatten().filter(|_| page.items.is_empty()),
            "next": page.next.map(|next| link("/events", &fields, &next.to_string())),
            "newest": link("/events", &fields, ""),
            "endpoints": &known.endpoints,
            "handlers": known.handlers.iter().map(|handler| &*handler.name).collect::<Vec<_>>(),
            "states": DispatchState::ALL.map(DispatchState::as_str),
            "kinds": kinds,
            "chosen": {
                "endpoint": chosen("endpoint"),
                "kind": filter.kinds.first().cloned().unwrap_or_default(),
                "state": chosen("state"),
                "subject": chosen("subject"),
                "app": chosen("app"),
                "text": chosen("text"),
                "since": chosen("since"),
                "dispatch": chosen("dispatch"),
                "handler": chosen("handler"),
            },
        }),
    )
}

/// The same list from another place on, or what comes to it.
fn link(path: &str, fields: &Fields, before: &str) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in fields.iter().filter(|(name, _)| *name != "before") {
        query.append_pair(name, value);
    }
    if !before.is_empty() {
        query.append_pair("before", before);
    }
    format!("{path}?{}", query.finish())
}
