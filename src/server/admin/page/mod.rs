//! The page: what the store knows, in HTML, for people. It needs no script; with its own one, it keeps up with what happens.
//!
//! Templates say how it looks and escape whatever they are given; the modules here say what is on it, as plain values. No template marks
//! anything as safe, and a test looks for that too.

mod apple;
mod chart;
mod event;
mod events;
mod handlers;
mod overview;
mod reasons;
mod refused;
mod timeline;
mod versions;
mod view;

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{Request, State},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, Uri, header};
use minijinja::{Environment, UndefinedBehavior, value::Serde};
use serde_json::{Value, json};

use self::view::Row;
pub(super) use self::{
    apple::{apple, ping, redeliver},
    event::{details_of, event, replay, skip, told},
    events::events,
    handlers::{handlers, pause, replay_dead, resume, test},
    overview::overview,
    refused::refused,
    versions::versions,
};
use super::{
    Desk,
    access::{Role, Who},
    answer::Problem,
    ask::Fields,
};
use crate::{handler::message::clean, inbox::query::Listed};

type Shared = State<Arc<Desk>>;
type Answer = Result<Response, Problem>;

const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("row.html", include_str!("templates/row.html")),
    ("login.html", include_str!("templates/login.html")),
    ("problem.html", include_str!("templates/problem.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("chart.html", include_str!("templates/chart.html")),
    ("events.html", include_str!("templates/events.html")),
    ("event.html", include_str!("templates/event.html")),
    ("versions.html", include_str!("templates/versions.html")),
    ("timeline.html", include_str!("templates/timeline.html")),
    ("handlers.html", include_str!("templates/handlers.html")),
    ("apple.html", include_str!("templates/apple.html")),
    ("refused.html", include_str!("templates/refused.html")),
];

/// Names that end with `.html` are escaped by themselves.
static ENVIRONMENT: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    TEMPLATES.iter().try_for_each(|(name, text)| environment.add_template(name, text))?;
    Ok(environment)
});

/// What stands around the content of each view.
#[derive(Debug, serde::Serialize)]
pub(super) struct Frame {
    /// The view, for the menu.
    here: &'static str,
    role: &'static str,
    /// What the configuration calls whoever looks at it.
    label: Option<String>,
    can_change: bool,
    /// What has just been done.
    notice: Option<String>,
}

impl Frame {
    fn of(here: &'static str, request: &Request) -> Self {
        let who = request.extensions().get::<Option<Who>>().and_then(Option::as_ref);
        let role = who.map(|who| who.role);
        Self {
            here,
            role: role.map_or("nobody", Role::as_str),
            label: who.and_then(|who| who.label.as_deref()).map(clean),
            can_change: role == Some(Role::Operator),
            notice: notice(&Fields::of_query(request)),
        }
    }
}

/// The words for a deed that a redirect tells of.
fn notice(fields: &Fields) -> Option<String> {
    let count: u64 = fields.one("count").and_then(|count| count.parse().ok()).unwrap_or_default();
    Some(match (fields.one("did")?, count) {
        ("replay", 0) => "Nothing to replay: what is waiting or being handled is left alone.".to_owned(),
        ("replay", 1) => "1 dispatch will be tried again.".to_owned(),
        ("replay", count) => format!("{count} dispatches will be tried again."),
        ("ping", _) => "Apple was asked to ping. What comes of it is listed here in a moment.".to_owned(),
        ("redeliver", _) => "Apple was asked to send it again. What comes of it is listed here in a moment.".to_owned(),
        ("pause", _) => "The handler is paused: what is under way ends, and what comes in waits.".to_owned(),
        ("test", _) => "The test message is sent.".to_owned(),
        ("resume", _) => "The handler goes on with what is owed to it.".to_owned(),
        ("unpause", _) => {
            "The handler is paused no more, but it is not in the configuration: what is owed to it waits until it is.".to_owned()
        }
        ("skip", _) => "The dispatch will not be tried again.".to_owned(),
        _ => return None,
    })
}

fn render(name: &str, values: Value) -> Answer {
    render_with(StatusCode::OK, name, values)
}

fn render_with(status: StatusCode, name: &str, values: Value) -> Answer {
    Ok((status, Html(written(name, values)?)).into_response())
}

fn written(name: &str, values: Value) -> Result<String, Problem> {
    let environment = ENVIRONMENT.as_ref().map_err(|error| broken(name, error))?;
    environment.get_template(name).and_then(|template| template.render(Serde(values))).map_err(|error| broken(name, &error))
}

fn broken(name: &str, error: &minijinja::Error) -> Problem {
    tracing::error!(template.name = name, "a page could not be written: {error:#}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written; the log says why")
}

/// The form to log in with.
pub(super) fn login(desk: &Desk, status: StatusCode, next: &str, message: Option<&str>) -> Answer {
    let is_made = desk.access.made_token().is_some();
    render_with(status, "login.html", json!({ "next": next, "message": message, "is_made": is_made }))
}

/// Shows what is wrong as a page: nobody in front of a browser wants JSON.
pub(super) fn dress(desk: &Desk, mut answer: Response, path: &Uri) -> Response {
    let Some(problem) = answer.extensions_mut().remove::<Problem>() else { return answer };
    let dressed = if problem.status == StatusCode::UNAUTHORIZED {
        login(desk, problem.status, path.path_and_query().map_or("/", |path| path.as_str()), None)
    } else {
        let status = problem.status.as_u16();
        render_with(problem.status, "problem.html", json!({ "title": problem.title(), "status": status, "detail": problem.detail }))
    };
    dressed.unwrap_or(answer)
}

/// The style of all views.
pub(super) async fn style() -> Response {
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], include_str!("style.css")).into_response()
}

/// What keeps a view up to date while somebody looks at it.
pub(super) async fn script() -> Response {
    let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], include_str!("live.js")).into_response()
}

/// An event as a row of the list; empty if it cannot be written.
pub(super) fn row(desk: &Desk, listed: &Listed) -> String {
    written("row.html", json!({ "row": Row::of(desk, listed) })).unwrap_or_default()
}

/// Back to a view that tells what was done.
fn after(path: &str, did: &str, count: u64) -> Response {
    Redirect::to(&format!("{path}?did={did}&count={count}")).into_response()
}
