//! Scripts that strangers send: 200 of them, in every place that Apple, a tester, a handler or the other end of a handler can fill.
//!
//! None may run, and not for the policy's sake: the browser is told to ignore it as well, so that escaping alone has to do. Each must
//! be shown as the text it is.

use asc_webhooks::event::{EventKind, sample};
use serde_json::Value;

use crate::support::{
    browser::Browser,
    is_long,
    place::{Place, views},
    report, stranger,
};

/// What a script would do: each way to be noticed by the browser of these tests.
const SCRIPTS: [&str; 5] = ["alert(1)", "ran()", "confirm`1`", "window['pro'+'mpt']()", "setTimeout(ran)"];

/// Where it would stand, for `@`: elements, attributes, ends of what it may have been put into, comments, templates, schemes.
const PLACES: [&str; 40] = [
    "<script>@</script>",
    "<ScRiPt x>@</sCrIpT >",
    "</title></style></textarea><script>@</script>",
    "</pre></td></table></dl><script>@</script>",
    "--><script>@</script><!--",
    "]]><script>@</script>",
    "\"><script>@</script>",
    "'><script>@</script>",
    "<img src=x onerror=\"@\">",
    "<img src=x onerror='@'>",
    "\"><img src=x onerror=@ x=\"",
    "'><img src=x onerror=@ x='",
    "<IMG/SRC=x/ONERROR=@>",
    "<svg onload=@>",
    "<svg><script>@</script></svg>",
    "<svg><animate onbegin=@ attributeName=x dur=1s>",
    "<math><mtext><img src=x onerror=@></mtext></math>",
    "<body onload=@>",
    "<iframe srcdoc=\"<script>parent.@</script>\"></iframe>",
    "<iframe src=\"javascript:parent.@\"></iframe>",
    "<iframe onload=@></iframe>",
    "<details open ontoggle=@>x</details>",
    "<input autofocus onfocus=@>",
    "\" autofocus onfocus=\"@\" tabindex=\"0",
    "' autofocus onfocus='@' tabindex='0",
    "\" onanimationstart=\"@\" style=\"animation:arrive 1s\" x=\"",
    "<video><source onerror=@></video>",
    "<audio src=x onerror=@></audio>",
    "<object data=x onerror=@></object>",
    "<link rel=stylesheet href=x onerror=@>",
    "<style onload=@></style>",
    "<marquee onstart=@>x</marquee>",
    "<a href=\"javascript:@\" autofocus onfocus=@>x</a>",
    "javascript:@",
    "<form><button formaction=\"javascript:@\" autofocus onfocus=@>x</button></form>",
    "<template><script>@</script></template><img src=x onerror=@>",
    "<noscript><p title=\"</noscript><img src=x onerror=@>\">",
    "{{ '<script>@</script>' | safe }}",
    "{% raw %}<img src=x onerror=@>{% endraw %}",
    "&lt;img src=x onerror=@&gt;<img src=x onerror=@>",
];

fn payloads() -> Vec<String> {
    PLACES.iter().flat_map(|place| SCRIPTS.map(|script| place.replace('@', script))).collect()
}

/// Opens a page and waits until what it would start at once has had its chance; says whether a script ran that is not ours.
async fn runs_a_script(browser: &Browser, url: &str) -> bool {
    browser.go(url).await;
    let turn = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(window.__ran === true), 20)))";
    browser.promised(turn).await == Value::Bool(true)
}

/// An event with a text in every place that Apple or a tester fills.
fn event(text: &str) -> sample::Sample {
    let event = sample::of(&EventKind::BetaFeedbackCrashSubmissionCreated).id(text).subject_id(text);
    ["attributes.newValue", "attributes.oldValue", "relationships.instance.data.type"]
        .iter()
        .fold(event, |event, path| event.set((*path).to_owned(), text.into()))
}

/// Keeps a text wherever there is room for one, in three receipts.
async fn spread(place: &Place, text: &str) {
    let known = event(text);
    let id = place.keep(known.body()).await;
    place.explain(id, &known, text).await;
    place.fail(text, false).await;
    place.fail(text, true).await;
    place.keep(sample::of(&EventKind::from(text)).id(format!("unknown {text}")).state(text).body()).await;
    place.keep(format!("{{\"data\": {text}").into()).await;
    place.miss(text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_stranger_sends_is_run() {
    let (place, browser) = (Place::new(), Browser::open().await);
    let payloads = payloads();
    assert_eq!(payloads.len(), 200);
    browser.log_in(&place.page).await;
    browser.ignore_policies(true).await;

    // While somebody looks at the list, so that the rows come over the live stream.
    browser.go(&format!("{}/events?limit=1000", place.page)).await;
    browser.until("document.querySelector('.live').dataset.state === 'on'").await;
    for payload in &payloads {
        spread(&place, payload).await;
    }
    browser.until("document.querySelector('tbody tr')?.dataset.receipt === '600'").await;
    assert_eq!(browser.value("window.__ran === true").await, false, "in a row of the live list");

    // Every receipt has a page of its own; a short run opens those of every fourth payload.
    let step = if is_long() { 1 } else { 4 };
    let mut pages = views();
    let count = pages.len();
    pages.extend((0..200).step_by(step).flat_map(|payload| (1..=3).map(move |one| format!("/events/{}", 3 * payload + one))));
    let mut ran = Vec::new();
    for is_ignored in [false, true] {
        browser.ignore_policies(is_ignored).await;
        for path in &pages {
            if runs_a_script(&browser, &format!("{}{path}", place.page)).await {
                ran.push(format!("{path} (policy ignored: {is_ignored})"));
            }
            // The first of three receipts has had two errors, of which the newest stands first.
            let number = path.strip_prefix("/events/").and_then(|id| id.parse::<usize>().ok());
            if let Some(number) = number.filter(|number| number % 3 == 1) {
                let shown = browser.value("document.querySelector('.timeline .error')?.textContent").await;
                assert_eq!(shown.as_str(), Some(payloads[number / 3].as_str()), "{path}: it is shown as the text it is");
            }
        }
        let mut complaints = browser.complaints().await;
        complaints.retain(|complaint| complaint.contains("Content Security Policy"));
        assert_eq!(complaints, [""; 0], "nothing was there for the policy to stop");
    }
    assert!(ran.is_empty(), "scripts ran in:\n{}", ran.join("\n"));
    report(&format!(
        "200 payloads in 600 receipts; {count} views and {} receipts opened twice, 0 scripts run",
        pages.len() - count
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_page_that_escapes_nothing_is_caught() {
    let browser = Browser::open().await;
    let payloads = payloads();
    let served = payloads.clone();
    let stranger = stranger::serve(move |path| {
        let payload =
            path.trim_start_matches('/').parse::<usize>().ok().and_then(|number| served.get(number)).cloned().unwrap_or_default();
        let page = format!(
            "<!doctype html><title>x</title><style>@keyframes arrive {{ from {{ top: 0 }} }}</style><p title=\"{payload}\">x</p><p title='{payload}'>{payload}</p>"
        );
        stranger::answer("text/html", "default-src 'none'; script-src 'self'", &page)
    });
    let mut caught = [0, 0];
    for number in (0..payloads.len()).step_by(5) {
        for is_ignored in [false, true] {
            browser.ignore_policies(is_ignored).await;
            caught[usize::from(is_ignored)] += u32::from(runs_a_script(&browser, &format!("{stranger}/{number}")).await);
        }
    }
    let [stopped, free] = caught;
    assert_eq!(stopped, 0, "the policy is a wall of its own");
    // Some shapes run in old browsers only, or are what a template would have to make of them.
    assert!(free >= 30, "of 40 shapes, only {free} ran where nothing is escaped");
    report(&format!("control: of 40 shapes {free} run where nothing is escaped and no policy is heeded"));
}
