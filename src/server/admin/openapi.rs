//! The description of the API, as [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.0.html).
//!
//! Paths, methods and what they need are taken from the table of routes, so none can be missing; what an operation means stands here,
//! and the shapes of answers in `schemas.json`, which a test holds against real answers.

use http::Method;
use serde_json::{Map, Value, json};

use super::{Route, ask::NOT_LIVE};

const SCHEMAS: &str = include_str!("schemas.json");

/// What the description says of a route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) id: &'static str,
    summary: &'static str,
    query: &'static [Parameter],
    /// The schema of the document that is sent.
    takes: Option<&'static str>,
    /// The schema of the answer; none for bytes.
    gives: Option<&'static str>,
    /// What the answer may be if it is no JSON document.
    media: &'static [&'static str],
}

/// Server-sent events: an answer that goes on.
const EVENT_STREAM: &str = "text/event-stream";

/// Bytes that are not looked into.
const BYTES: &str = "application/octet-stream";

#[derive(Clone, Copy, Debug)]
struct Parameter {
    name: &'static str,
    schema: &'static str,
    meaning: &'static str,
}

const fn parameter(name: &'static str, schema: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, schema, meaning }
}

const LIMIT: Parameter = parameter("limit", "Limit", "The most receipts to look at for one page.");
const BEFORE: Parameter = parameter("before", "Number", "Only what came before this receipt: the `next` of the page before.");

pub(super) const RECEIPTS: Operation = Operation {
    id: "listReceipts",
    summary: "Lists receipts, newest first.",
    query: &[
        parameter("endpoint", "Text", "Of this endpoint, which is configured or has receipts."),
        parameter(
            "kind",
            "Kinds",
            "Of this kind, in either of Apple's spellings or with as much of it as only one kind has; after `type:`, one that is not known yet; may be repeated.",
        ),
        parameter("event_id", "Text", "With this event id."),
        parameter("subject", "Text", "About the subject with this id."),
        parameter(
            "app",
            "Text",
            "About the app with this id or bundle id, as far as details tell. Such a page looks only so far back: it may be short, or empty, and yet have a `next`.",
        ),
        parameter(
            "text",
            "Text",
            "With this text in an id, the kind, the state or the details. Such a page looks only so far back: it may be short, or empty, and yet have a `next`.",
        ),
        parameter("state", "Text", "In this state."),
        parameter("since", "Moment", "Received at or after this time, or this long ago."),
        parameter("until", "Moment", "Received before this time, or this long ago."),
        parameter("unparsed", "Truth", "Only what was let in but is no event."),
        parameter("dispatch", "DispatchState", "With a dispatch in this state."),
        parameter("handler", "Text", "With a dispatch to this handler, which is configured or was owed something."),
        LIMIT,
        BEFORE,
    ],
    takes: None,
    gives: Some("ReceiptPage"),
    media: &[],
};
pub(super) const LIVE: Operation = Operation {
    id: "watchReceipts",
    summary: "Tells of receipts as they come in and as their dispatches change: `receipt` with what a list would show, `gone` with the \
        id of one that ceased to be as asked, `missed` with the number after which to list again. `Last-Event-ID` goes on where one was.",
    gives: None,
    media: &[EVENT_STREAM],
    ..RECEIPTS
};
pub(super) const RECEIPT: Operation =
    about("showReceipt", "Shows one receipt with its words, its dispatches and their attempts.", None, Some("ReceiptRecord"));
pub(super) const BODY: Operation =
    Operation { media: &[BYTES], ..about("downloadBody", "The bytes of a receipt, exactly as they came.", None, None) };
pub(super) const FILE: Operation = Operation {
    media: &["image/png", "image/jpeg", "image/webp", "image/heic", BYTES],
    ..about("downloadFile", "A picture that is kept with a receipt: the names are in its `details`.", None, None)
};
pub(super) const CRASH_LOG: Operation =
    Operation { media: &["text/plain"], ..about("downloadCrashLog", "The log of the crash that a receipt tells of.", None, None) };
pub(super) const REPLAY: Operation = about(
    "replayReceipt",
    "Has a receipt handled again, by one handler or by those it was owed to; only handlers that are configured try anything.",
    Some("Replay"),
    Some("Replayed"),
);
pub(super) const DISPATCHES: Operation = Operation {
    query: &[
        parameter("handler", "Text", "To this handler, which is configured or was owed something."),
        parameter("state", "DispatchState", "In this state."),
        LIMIT,
        BEFORE,
    ],
    ..about("listDispatches", "Lists dispatches, those of the newest receipts first.", None, Some("DispatchPage"))
};
pub(super) const SKIP: Operation = about(
    "skipDispatch",
    "Ends a dead dispatch that nobody wants tried again; its history keeps the reason.",
    Some("Skip"),
    Some("Skipped"),
);
pub(super) const HANDLERS: Operation = about("listHandlers", "Shows how each handler stands.", None, Some("HandlerList"));
pub(super) const REPLAY_DEAD: Operation =
    about("replayDead", "Has every dead dispatch of a configured handler tried again.", None, Some("Replayed"));
pub(super) const PAUSE: Operation = about(
    "pauseHandler",
    "Gives a handler nothing until it is resumed: what is under way ends, and what is owed to it waits.",
    Some("Pause"),
    Some("HandlerPaused"),
);
pub(super) const RESUME: Operation = about(
    "resumeHandler",
    "Lets a paused handler go on with what is owed to it, if it is configured.",
    None,
    Some("HandlerResumed"),
);
pub(super) const TEST: Operation = about(
    "testHandler",
    "Has a handler that tells people send a message that says that it is a test; there is no receipt behind it.",
    None,
    Some("HandlerTested"),
);
const HISTORY_KIND: Parameter = parameter(
    "kind",
    "Text",
    "Of which events tell, written as `kind` of a list of receipts; versions for the App Store if nothing is said.",
);
pub(super) const VERSIONS: Operation = Operation {
    query: &[
        parameter("app", "Text", "Of this app: Apple's id of it, or the endpoint's name as long as that is not known."),
        HISTORY_KIND,
        parameter("limit", "Limit", "The most to return."),
        parameter("before", "Number", "Only what was heard of before this one: the `next` of the page before."),
    ],
    ..about("listVersions", "Lists versions with the states they went through, the one heard of last first.", None, Some("WayPage"))
};
pub(super) const REVIEW_TIMES: Operation = Operation {
    query: &[HISTORY_KIND],
    ..about(
        "showReviewTimes",
        "Shows by app how long a round of review takes: medians over the newest 20 versions, in seconds.",
        None,
        Some("TimesList"),
    )
};
pub(super) const STATS: Operation = about("showStats", "Counts what is kept.", None, Some("Stats"));
pub(super) const HOURS: Operation = Operation {
    query: &[parameter("last", "Number", "How many hours to look back; 48 if nothing is said.")],
    ..about("countHours", "Counts receipts by the hour of UTC; hours without any are left out.", None, Some("HourList"))
};
pub(super) const ACCOUNTS: Operation =
    about("listAccounts", "Shows the account of the gap: what Apple lists against what is kept.", None, Some("AccountList"));
pub(super) const REGISTRATIONS: Operation =
    about("listRegistrations", "Lists the webhooks that Apple has for the configured apps.", None, Some("RegistrationList"));
pub(super) const PLAN: Operation =
    about("showPlan", "Shows how the webhooks that Apple has differ from the configuration.", None, Some("Plan"));
pub(super) const DELIVERIES: Operation =
    about("listDeliveries", "Lists Apple's tries to deliver of the last day, newest first.", None, Some("DeliveryList"));
pub(super) const PING: Operation = about("pingWebhook", "Has Apple ping a webhook.", None, Some("Pinged"));
pub(super) const REDELIVER: Operation =
    about("redeliver", "Has Apple send the event of a delivery again.", None, Some("Redelivered"));
pub(super) const REFUSED: Operation = Operation {
    query: &[
        parameter("endpoint", "Text", "To this endpoint."),
        parameter("reason", "RefusalReason", "For this reason."),
        LIMIT,
        parameter("before", "Number", "Only what came before this row: the `next` of the page before."),
    ],
    ..about(
        "listRefused",
        "Lists requests that were refused since the program started, newest first; those of one source within one minute are one row.",
        None,
        Some("RefusedPage"),
    )
};
pub(super) const DESCRIPTION: Operation = about("describe", "This description.", None, Some("Description"));

const fn about(id: &'static str, summary: &'static str, takes: Option<&'static str>, gives: Option<&'static str>) -> Operation {
    Operation { id, summary, query: &[], takes, gives, media: &[] }
}

/// The description of those routes that have an [`Operation`].
pub(super) fn document(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for (route, operation) in routes.iter().filter_map(|route| Some((route, route.operation.as_ref()?))) {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_lowercase()] = described(route, operation);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "asc-webhooks",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What is kept, how it stands, and having it handled again. For the operator's listener only."
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "responses": {
                "Problem": {
                    "description": "Why it was not done.",
                    "headers": {
                        "Retry-After": {
                            "description": "With 503: after how many seconds it is worth asking again; as long as Apple asks to wait, if that is why.",
                            "schema": reference("Number")
                        }
                    },
                    "content": { "application/problem+json": { "schema": reference("Problem") } }
                }
            }
        }
    })
}

fn described(route: &Route, operation: &Operation) -> Value {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let schema = if name == "id" { "Number" } else { "Text" };
        json!({ "name": name, "in": "path", "required": true, "schema": reference(schema) })
    });
    let is_meant = |parameter: &&Parameter| !(operation.media == [EVENT_STREAM] && NOT_LIVE.contains(&parameter.name));
    let in_query = operation.query.iter().filter(is_meant).map(|Parameter { name, schema, meaning }| {
        json!({ "name": name, "in": "query", "description": meaning, "schema": reference(schema) })
    });
    let content = match operation.gives {
        Some(schema) => json!({ "application/json": { "schema": reference(schema) } }),
        None => operation.media.iter().map(|&media| (media.to_owned(), json!({ "schema": { "type": "string" } }))).collect(),
    };
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": { "description": "As asked.", "content": content },
            "default": { "$ref": "#/components/responses/Problem" }
        }
    });
    if let Some(schema) = operation.takes {
        described["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": reference(schema) } } });
    }
    if route.method == Method::POST {
        described["description"] = "Only with the operator's token; every use is written to the audit log.".into();
    }
    described
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}
