//! The page at `/`: what there is, what was sent, and buttons.
//!
//! It is written on the server and has no script. Everything in it goes through [`escape`], and the policy that is sent along lets the
//! browser load nothing but the style sheet and send forms nowhere but here. No secret and no private key is on it.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::header;
use jiff::Timestamp;

use super::{
    Mishap,
    catalog::{APPS, App, MARKETPLACE},
    connect::Connect,
    faults::{Fault, Often},
    scenario::Scenario,
    state::{Delivery, Latest, Outcome, State as Remembered, Webhook},
};

/// How many deliveries are shown.
const SHOWN: usize = 50;

// No `sandbox` directive: it would make the page nobody's, and its forms would be refused as another page's.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The picture that every feedback has: one grey pixel.
const SCREENSHOT: &[u8] = include_bytes!("page/screenshot.png");

pub(super) fn routes() -> Router<Arc<Connect>> {
    Router::new()
        .route("/", get(page))
        .route("/sandbox/style.css", get(async || ([(header::CONTENT_TYPE, "text/css")], include_str!("page/style.css"))))
        .route("/sandbox/screenshot.png", get(async || ([(header::CONTENT_TYPE, "image/png")], SCREENSHOT)))
}

async fn page(State(connect): State<Arc<Connect>>) -> Response {
    shown(render(&connect.base(), &connect.state()))
}

/// A page that says what was wrong with a form.
pub(super) fn explanation(error: &str) -> Response {
    let content = format!(
        "<p class=\"notice bad\" role=\"alert\">That did not work: {}.</p>\n<p><a href=\"/\">Back to the sandbox</a></p>",
        escape(error)
    );
    shown(document("That did not work", &content))
}

fn shown(html: String) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

fn document(title: &str, content: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title} · App Store Connect sandbox</title>
<link rel="stylesheet" href="/sandbox/style.css">
{content}
</html>
"#,
        title = escape(title),
    )
}

fn render(base: &str, state: &Remembered) -> String {
    let content = format!(
        r#"<header>
<h1>App Store Connect sandbox</h1>
<p>It stands in for Apple's side. Its API is at <code>{base}/v1</code>. Nothing here is Apple's, and all of it ends with the process.</p>
</header>
{latest}
<main>
<div>
<section>
<h2>Drive an app</h2>
<p>Each step notifies the webhooks of the app, as Apple would. What is about packages goes to the webhooks of the marketplace
{marketplace} (<code>{marketplace_id}</code>).</p>
{apps}
</section>
<section>
<h2>Webhooks</h2>
{webhooks}
{register}
</section>
<section>
<h2>Let something go wrong</h2>
{faults}
</section>
</div>
<section>
<h2>Deliveries <a href="/">Refresh</a></h2>
{deliveries}
</section>
</main>"#,
        base = escape(base),
        latest = state.latest.as_ref().map(latest).unwrap_or_default(),
        marketplace = escape(MARKETPLACE.name),
        marketplace_id = escape(MARKETPLACE.id),
        apps = APPS.iter().map(|app| drives(app, state)).collect::<String>(),
        webhooks = list(
            state.webhooks.iter().map(webhook),
            "None is registered, so nobody hears of anything yet. Register one over the API, as you would with Apple, or here:",
        ),
        register = register(),
        faults = faults(state.faults.active()),
        deliveries = list(
            state.deliveries.iter().rev().take(SHOWN).map(delivery),
            "Nothing has been sent yet. Register a webhook, then drive an app: what is sent to whom, and what is answered, is shown here.",
        ) + &older(state.deliveries.len()),
    );
    document("Sandbox", &content)
}

fn latest(latest: &Latest) -> String {
    let told = match latest.told {
        0 => "no webhook was told".to_owned(),
        1 => "1 webhook was told".to_owned(),
        told => format!("{told} webhooks were told"),
    };
    let notice = &latest.event.notice;
    let time = time(latest.event.created);
    format!("<p class=\"notice\" role=\"status\">{time} <b>{}</b>; {told}.</p>", escape(&notice.summary))
}

fn drives(app: &App, state: &Remembered) -> String {
    let under_way = |scenario: Scenario| state.journeys.get(&(scenario, app.id.to_owned()));
    let rows = Scenario::ALL.into_iter().map(|scenario| {
        let fields = hidden("scenario", scenario.as_str()) + &hidden("app", app.id);
        let steps = scenario.steps().len();
        let progress = match under_way(scenario) {
            Some(journey) => format!("<b>step {} of {steps}</b>", journey.taken()),
            None => format!("{steps} steps"),
        };
        let words = format!("<b>{scenario}</b><small>{}; {progress}</small>", escape(scenario.about()));
        row(&words, &(button("/sandbox/step", &fields, "Next step") + &button("/sandbox/drive", &fields, "To the end")))
    });
    let is_first = app.id == APPS[0].id;
    let is_latest = state.latest.as_ref().is_some_and(|latest| latest.app == app.id);
    format!(
        "<details{}>\n<summary>{} <code>{}</code></summary>\n{}{}</details>\n",
        if is_first || is_latest { " open" } else { "" },
        escape(app.name),
        escape(app.id),
        list(rows, ""),
        burst(app),
    )
}

fn burst(app: &App) -> String {
    format!(
        r#"<form method="post" action="/sandbox/burst" class="line">{}
<label>Many at once <input type="number" name="events" value="100" min="1" max="100000"></label>
<button>Send them</button>
</form>
"#,
        hidden("app", app.id)
    )
}

fn webhook(webhook: &Webhook) -> String {
    let Webhook { id, app, settings, .. } = webhook;
    let words = format!(
        "<b>{}</b>{}<small>{}</small><small>app <code>{}</code>, id <code>{}</code></small>",
        escape(&settings.name),
        if settings.enabled { "" } else { " (disabled)" },
        escape(&settings.url),
        escape(app),
        escape(id),
    );
    row(&words, &button("/sandbox/ping", &hidden("webhook", id), "Ping"))
}

fn register() -> String {
    let apps: Vec<App> = APPS.into_iter().chain([MARKETPLACE]).collect();
    let apps: String = apps.iter().map(|app| option(app.id, app.name)).collect();
    format!(
        r#"<form method="post" action="/sandbox/webhooks" class="line">
<label>App <select name="app">{apps}</select></label>
<label>URL <input type="url" name="url" required placeholder="http://127.0.0.1:8080/apple/my-app"></label>
<label>Secret <input type="password" name="secret" required autocomplete="off"></label>
<button>Register</button>
</form>"#
    )
}

fn faults(active: &[Fault]) -> String {
    let mishaps: String = Mishap::ALL.iter().map(|mishap| option(mishap.as_str(), mishap.about())).collect();
    let clear =
        if active.is_empty() { String::new() } else { button("/sandbox/faults/clear", "", "Let nothing go wrong any more") };
    format!(
        r#"{}{clear}
<form method="post" action="/sandbox/faults" class="line">
<label>What <select name="fault">{mishaps}</select></label>
<label>The next <input type="number" name="next" value="1" min="1" max="1000000"> times</label>
<button>Let it happen</button>
</form>"#,
        list(active.iter().map(fault), "Nothing goes wrong now."),
    )
}

fn fault(fault: &Fault) -> String {
    let often = match fault.often {
        Often::Next(1) => "the next time".to_owned(),
        Often::Next(times) => format!("the next {times} times"),
        Often::Probability(probability) => format!("{:.0} times in 100", probability * 100.0),
    };
    let webhook = fault.webhook.as_ref().map(|id| format!("<small>only webhook <code>{}</code></small>", escape(id)));
    row(&format!("<b>{}</b>, {often}{}", escape(fault.mishap.about()), webhook.unwrap_or_default()), "")
}

fn delivery(delivery: &Delivery) -> String {
    let Delivery { id, url, event, outcome, redelivery, created, .. } = delivery;
    let answer = match outcome {
        Outcome::Pending => "not answered yet".to_owned(),
        Outcome::Succeeded(answer) => format!("{} {}", answer.status, answer.body),
        Outcome::Failed { message, answer: None } => message.clone(),
        Outcome::Failed { message, answer: Some(answer) } => format!("{message}: {}", answer.body),
    };
    let words = format!(
        "<span class=\"state {state}\">{state}</span> <b>{}</b>{}<small>{} <code>{}</code> to {}</small><small>{}</small>",
        escape(&event.notice.summary),
        if *redelivery { " (again)" } else { "" },
        time(*created),
        escape(event.notice.kind.as_str()),
        escape(url),
        escape(answer.trim()),
        state = outcome.as_str(),
    );
    row(&words, &button("/sandbox/redeliver", &hidden("delivery", id), "Redeliver"))
}

fn older(deliveries: usize) -> String {
    if deliveries <= SHOWN {
        return String::new();
    }
    format!("<p>The newest {SHOWN} of {deliveries} are shown; <a href=\"/sandbox/deliveries\">all of them as JSON</a>.</p>\n")
}

fn time(time: Timestamp) -> String {
    format!("<time datetime=\"{time}\">{}</time>", time.strftime("%H:%M:%S"))
}

fn list(rows: impl Iterator<Item = String>, if_empty: &str) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() { format!("<p>{}</p>\n", escape(if_empty)) } else { format!("<ul>\n{rows}</ul>\n") }
}

/// What there is to say, and what can be done about it. Both are markup.
fn row(words: &str, buttons: &str) -> String {
    format!("<li><div>{words}</div><div>{buttons}</div></li>\n")
}

fn option(value: &str, label: &str) -> String {
    format!(r#"<option value="{}">{}</option>"#, escape(value), escape(label))
}

fn button(action: &str, fields: &str, label: &str) -> String {
    format!(r#"<form method="post" action="{}">{fields}<button>{}</button></form>"#, escape(action), escape(label))
}

fn hidden(name: &str, value: &str) -> String {
    format!(r#"<input type="hidden" name="{}" value="{}">"#, escape(name), escape(value))
}

/// Makes a text fit to stand between tags and in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // A control character has no place in HTML; what it was can still be seen.
            control if control.is_control() && !matches!(control, '\n' | '\t') => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(control));
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(escape(r#"<a href="x" id='y'>&</a>"#), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
        assert_eq!(escape("\u{0}\u{1b}[31m"), "\\u{0}\\u{1b}[31m");
    }
}
