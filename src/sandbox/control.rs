//! The buttons: what the sandbox can be told to do, over HTTP.
//!
//! The page presses them and so does the command line. They take a form; to a browser they answer with the page, to anyone else in
//! JSON.
//!
//! | request | fields |
//! |---|---|
//! | `POST /sandbox/drive` | `scenario`, and if wanted `app`, `pace` (`1s`) |
//! | `POST /sandbox/step` | `scenario`, and if wanted `app` |
//! | `POST /sandbox/burst` | `events`, and if wanted `app` |
//! | `POST /sandbox/webhooks` | `url`, `secret`, and if wanted `app`, `name`: registers one for every event |
//! | `POST /sandbox/ping` | `webhook` |
//! | `POST /sandbox/redeliver` | `delivery` |
//! | `POST /sandbox/faults` | `fault`, and if wanted `next` or `probability`, `webhook`, `time` (`2s`) |
//! | `DELETE /sandbox/faults`, `POST /sandbox/faults/clear` | |
//! | `GET /sandbox/faults`, `GET /sandbox/deliveries` | |
//!
//! They want no token, because Apple has nothing like them. But a request that a browser makes on behalf of some other page is
//! refused, so that no site on the web can press them: not even one whose name has been made to lead here.

use std::{collections::HashMap, str::FromStr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use url::{Host, Position, Url, form_urlencoded};

use super::{
    catalog::APPS,
    connect::Connect,
    faults::{Fault, Mishap, Often},
    page,
    running::{Drive, Refused, Running},
    scenario::Scenario,
};
use crate::secret::Secret;

/// The most events that one burst makes.
const GREATEST_BURST: usize = 100_000;

pub(super) fn routes() -> Router<Arc<Connect>> {
    Router::new()
        .route("/sandbox/drive", post(drive))
        .route("/sandbox/step", post(step))
        .route("/sandbox/burst", post(burst))
        .route("/sandbox/webhooks", post(register))
        .route("/sandbox/ping", post(ping))
        .route("/sandbox/redeliver", post(redeliver))
        .route("/sandbox/faults", get(faults).post(fault).delete(clear_faults))
        .route("/sandbox/faults/clear", post(clear_faults))
        .route("/sandbox/deliveries", get(deliveries))
        .layer(from_fn(explain_mistakes))
        .layer(from_fn(only_from_our_own_page))
}

type Answer = Result<Response, Mistake>;

async fn drive(State(connect): State<Arc<Connect>>, headers: HeaderMap, body: Bytes) -> Answer {
    let form = Form::read(&body);
    let drive = Drive { pace: form.time("pace")?.unwrap_or_default(), ..Drive::from(form.needed::<Scenario>("scenario")?) };
    let drive = drive.with_app(form.app());
    let steps = Running::new(connect).drive(drive).await.map_err(Mistake::absent)?;
    Ok(done(&headers, &json!({ "items": steps })))
}

async fn step(State(connect): State<Arc<Connect>>, headers: HeaderMap, body: Bytes) -> Answer {
    let form = Form::read(&body);
    let step = Running::new(connect).step(form.needed("scenario")?, form.app()).await.map_err(Mistake::absent)?;
    Ok(done(&headers, &step))
}

async fn burst(State(connect): State<Arc<Connect>>, headers: HeaderMap, body: Bytes) -> Answer {
    let form = Form::read(&body);
    let events = form.needed::<usize>("events")?;
    if events > GREATEST_BURST {
        return Err(Mistake::new(format!("`events` is {events}; a burst makes at most {GREATEST_BURST}")));
    }
    let ids = Running::new(connect).burst(form.app(), events).await.map_err(Mistake::absent)?;
    Ok(done(&headers, &json!({ "items": ids })))
}

async fn register(State(connect): State<Arc<Connect>>, headers: HeaderMap, body: Bytes) -> Answer {
    let form = Form::read(&body);
    let url = form.needed::<Url>("url")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Mistake::new(format!("the field `url`: found `{}`, expected `http` or `https`", url.scheme())));
    }
    let name = form.given::<String>("name")?.unwrap_or_else(|| "registered by hand".to_owned());
    let secret = Secret::new(form.needed::<String>("secret")?);
    let registered = Running::new(connect).register(form.app(), &name, url.as_str(), &secret);
    let id = registered.map_err(|refused| match refused {
        Refused::NoSuchApp(error) => Mistake::absent(error),
        refused @ Refused::Full(_) => Mistake::new(refused),
    })?;
    Ok(done(&headers, &json!({ "id": id })))
}

async fn ping(State(connect): State<Arc<Connect>>, headers: HeaderMap, body: Bytes) -> Answer {
    let webhook = Form::read(&body).needed::<String>("webhook")?;
    if Running::new(connect).ping(&webhook).await {
        return Ok(done(&headers, &json!({ "sent": true })));
    }
    Err(Mistake::absent(format!("there is no webhook with id `{webhook}`")))
}

async fn redeliver(State(connect): State<Arc<Connect>>, headers: HeaderMap, body: Bytes) -> Answer {
    let delivery = Form::read(&body).needed::<String>("delivery")?;
    if Running::new(connect).redeliver(&delivery).await {
        return Ok(done(&headers, &json!({ "sent": true })));
    }
    Err(Mistake::absent(format!("there is no delivery with id `{delivery}`, or its webhook is gone")))
}

async fn faults(State(connect): State<Arc<Connect>>) -> Response {
    let faults = Running::new(connect).faults();
    document(&json!({ "items": faults.iter().map(represent).collect::<Vec<_>>() }))
}

async fn fault(State(connect): State<Arc<Connect>>, headers: HeaderMap, body: Bytes) -> Answer {
    let form = Form::read(&body);
    let mishap = form.needed::<Mishap>("fault")?;
    let often = match (form.given::<u32>("next")?, form.given::<f64>("probability")?) {
        (None, None) => Often::Next(1),
        (Some(times), None) => Often::Next(times),
        (None, Some(probability)) if (0.0..=1.0).contains(&probability) => Often::Probability(probability),
        (None, Some(probability)) => {
            return Err(Mistake::new(format!("the field `probability`: found {probability}, expected 0 to 1")));
        }
        (Some(_), Some(_)) => return Err(Mistake::new("give `next` or `probability`, not both")),
    };
    let mishap = form.time("time")?.map_or(mishap, |time| mishap.lasting(time));
    let fault = Fault { mishap, often, webhook: form.given("webhook")? };
    let shown = represent(&fault);
    Running::new(connect).fault(fault);
    Ok(done(&headers, &shown))
}

async fn clear_faults(State(connect): State<Arc<Connect>>, headers: HeaderMap) -> Response {
    Running::new(connect).clear_faults();
    done(&headers, &json!({ "items": [] }))
}

async fn deliveries(State(connect): State<Arc<Connect>>) -> Response {
    document(&json!({ "items": Running::new(connect).deliveries() }))
}

fn represent(fault: &Fault) -> Value {
    let often = match fault.often {
        Often::Next(times) => json!({ "next": times }),
        Often::Probability(probability) => json!({ "probability": probability }),
    };
    json!({ "fault": fault.mishap.as_str(), "often": often, "webhook": fault.webhook })
}

/// What a form says. A field that is empty was not filled in.
struct Form(HashMap<String, String>);

impl Form {
    fn read(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body).filter(|(_, value)| !value.trim().is_empty());
        Self(fields.map(|(name, value)| (name.into_owned(), value.trim().to_owned())).collect())
    }

    fn app(&self) -> &str {
        self.0.get("app").map_or(APPS[0].id, String::as_str)
    }

    fn needed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Mistake> {
        self.given(name)?.ok_or_else(|| Mistake::new(format!("the field `{name}` is missing")))
    }

    fn given<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, Mistake> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error| Mistake::new(format!("the field `{name}`: {error}")))
    }

    fn time(&self, name: &str) -> Result<Option<Duration>, Mistake> {
        let time = self.given::<humantime::Duration>(name)?.map(Duration::from);
        match time {
            Some(time) if time > Duration::from_hours(1) => Err(Mistake::new(format!("the field `{name}`: at most an hour"))),
            time => Ok(time),
        }
    }
}

/// What is wrong with a form.
#[derive(Clone, Debug)]
struct Mistake {
    status: StatusCode,
    error: String,
}

impl Mistake {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.to_string() }
    }

    /// What the form names is not there.
    fn absent(error: impl std::fmt::Display) -> Self {
        Self { status: StatusCode::NOT_FOUND, ..Self::new(error) }
    }
}

impl IntoResponse for Mistake {
    fn into_response(self) -> Response {
        let mut response = (self.status, document(&json!({ "error": self.error }))).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The page for a browser, JSON for anyone else.
fn done(headers: &HeaderMap, result: &impl Serialize) -> Response {
    if is_browser(headers) {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    }
    document(result)
}

fn is_browser(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

fn document(body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Tells a browser what is wrong on a page rather than in JSON.
async fn explain_mistakes(request: Request, next: Next) -> Response {
    let is_browser = is_browser(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<Mistake>() {
        Some(Mistake { status, error }) if is_browser => (*status, page::explanation(error)).into_response(),
        _ => response,
    }
}

async fn only_from_our_own_page(request: Request, next: Next) -> Response {
    if request.method() == Method::GET || comes_from_our_own_page(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, document(&json!({ "error": "the request comes from another page" }))).into_response()
}

/// Programs say no origin; browsers say one with every form.
fn comes_from_our_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    text(header::ORIGIN).is_none_or(|origin| is_own(origin, text(header::HOST).unwrap_or_default()))
}

/// Whether a page of this origin is the sandbox's own, which was reached as `host`: an address, `localhost`, or a name without a dot,
/// as containers have. No site on the web has such a name.
fn is_own(origin: &str, host: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    let is_near = match origin.host() {
        Some(Host::Domain(name)) => !name.contains('.') || name.ends_with(".localhost"),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    is_near && &origin[Position::BeforeHost..Position::AfterPort] == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_page_is_own() {
        for host in ["127.0.0.1:8081", "[::1]:8081", "localhost:8081", "sandbox", "asc.localhost:8081"] {
            assert!(is_own(&format!("http://{host}"), host), "{host}");
            assert!(!is_own("http://example.com", host), "{host}");
        }
        assert!(!is_own("http://example.com", "example.com"), "a name that was made to lead here");
        assert!(!is_own("http://127.0.0.1:1", "127.0.0.1:2"));
        assert!(!is_own("null", "127.0.0.1:1"));
    }
}
