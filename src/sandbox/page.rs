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

use super::{
    Mishap,
    catalog::{APPS, App, MARKETPLACE},
    connect::Connect,
    faults::{Fault, Often},
    scenario::Scenario,
    state::{Delivery, Outcome, State as Remembered, Webhook},
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
    let html = render(&connect.base(), &connect.state());
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

fn render(base: &str, state: &Remembered) -> String {
    let apps: String = APPS.iter().map(drives).collect();
    let webhooks: String = state.webhooks.iter().map(webhook).collect();
    let faults: String = state.faults.active().iter().map(fault).collect();
    let deliveries: String = state.deliveries.iter().rev().take(SHOWN).map(delivery).collect();
    let mishaps: String = Mishap::ALL.map(|mishap| format!("<option>{}</option>", mishap.as_str())).concat();
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>App Store Connect sandbox</title>
<link rel="stylesheet" href="/sandbox/style.css">
<h1>App Store Connect sandbox</h1>
<p>The API is at <code>{base}/v1</code>. Nothing here is Apple's, and nothing outlives the process.</p>
<h2>Drive</h2>
<p>A scenario is told step by step, or to its end. Its notifications go to every webhook of the app that subscribes to them; those about
packages go to webhooks of {marketplace} (<code>{marketplace_id}</code>).</p>
{apps}
<h2>Webhooks</h2>
{webhooks}
<h2>Faults</h2>
<form method="post" action="/sandbox/faults">
<label>Fault <select name="fault">{mishaps}</select></label>
<label>for the next <input name="next" value="1" inputmode="numeric" size="4"></label>
<button>Let it happen</button>
</form>
{faults}
<h2>Deliveries</h2>
{deliveries}
</html>
"#,
        base = escape(base),
        marketplace = escape(MARKETPLACE.name),
        marketplace_id = escape(MARKETPLACE.id),
        webhooks = table(&["Name", "App", "Address", "Id", "", ""], &webhooks, "None is registered yet."),
        faults = active_faults(&faults),
        deliveries = table(&["When", "Event", "State", "Answer", "Delivery", ""], &deliveries, "Nothing has been sent yet."),
    )
}

fn drives(app: &App) -> String {
    let scenarios = Scenario::ALL.map(|scenario| {
        let hidden = hidden("scenario", scenario.as_str()) + &hidden("app", app.id);
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(scenario.as_str()),
            button("/sandbox/step", &hidden, "Next step"),
            button("/sandbox/drive", &hidden, "To the end"),
        )
    });
    let heading = format!("<h3>{} <code>{}</code></h3>\n", escape(app.name), escape(app.id));
    heading + &table(&["Scenario", "", ""], &scenarios.concat(), "")
}

fn webhook(webhook: &Webhook) -> String {
    let Webhook { id, app, settings, .. } = webhook;
    format!(
        "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
        escape(&settings.name),
        escape(app),
        escape(&settings.url),
        escape(id),
        if settings.enabled { "" } else { "disabled" },
        button("/sandbox/ping", &hidden("webhook", id), "Ping"),
    )
}

fn active_faults(rows: &str) -> String {
    if rows.is_empty() {
        return "<p>Nothing goes wrong.</p>\n".to_owned();
    }
    table(&["Fault", "How often", "Webhook"], rows, "") + &button("/sandbox/faults/clear", "", "Let nothing go wrong any more")
}

fn fault(fault: &Fault) -> String {
    let often = match fault.often {
        Often::Next(times) => format!("the next {times}"),
        Often::Probability(probability) => format!("{:.0} of 100", probability * 100.0),
    };
    let webhook = fault.webhook.as_deref().unwrap_or("any");
    format!("<tr><td>{}</td><td>{}</td><td><code>{}</code></td></tr>\n", fault.mishap.as_str(), often, escape(webhook))
}

fn delivery(delivery: &Delivery) -> String {
    let Delivery { id, event, outcome, redelivery, created, .. } = delivery;
    let answer = match outcome {
        Outcome::Pending => String::new(),
        Outcome::Succeeded(answer) => format!("{} {}", answer.status, answer.body),
        Outcome::Failed { message, answer: None } => message.clone(),
        Outcome::Failed { message, answer: Some(answer) } => format!("{message}: {}", answer.body),
    };
    format!(
        "<tr><td><time>{}</time></td><td>{}{}<br><code>{}</code></td><td class=\"{state}\">{state}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>\n",
        created,
        escape(&event.notice.summary),
        if *redelivery { " (again)" } else { "" },
        escape(event.notice.kind.as_str()),
        escape(&answer),
        escape(id),
        button("/sandbox/redeliver", &hidden("delivery", id), "Redeliver"),
        state = outcome.as_str(),
    )
}

fn table(headings: &[&str], rows: &str, if_empty: &str) -> String {
    if rows.is_empty() {
        return format!("<p>{}</p>\n", escape(if_empty));
    }
    let headings = headings.iter().map(|heading| escape(heading)).collect::<Vec<_>>().join("</th><th>");
    format!("<table>\n<tr><th>{headings}</th></tr>\n{rows}</table>\n")
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
