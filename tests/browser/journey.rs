//! What an operator does at night: log in, find what failed, have it done, and see it done.

use asc_webhooks::event::{EventKind, sample};

use crate::support::{
    browser::{Browser, Scheme},
    place::Place,
    stranger,
};

fn version(id: &str, state: &str) -> sample::Sample {
    sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).id(id).previous_state("IN_REVIEW").state(state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_dispatch_is_found_replayed_and_seen_done() {
    let (place, browser) = (Place::new(), Browser::open().await);
    place.send(&version("dead", "REJECTED")).await;
    place.send(&sample::of(&EventKind::BuildUploadStateUpdated).id("other").state("COMPLETE")).await;
    browser.log_in(&place.page).await;

    browser.go(&format!("{}/events", place.page)).await;
    browser.until("document.querySelectorAll('tbody tr').length === 2").await;
    browser.write("[name=state]", "REJECTED").await;
    browser.click(".filter button").await;
    browser.until("location.search.includes('state=REJECTED') && document.querySelectorAll('tbody tr').length === 1").await;
    browser.until("document.querySelector('tbody .chip').textContent === 'gate dead'").await;
    browser.click("tbody a").await;

    browser.until("location.pathname === '/events/1' && document.querySelector('.live')?.dataset.state === 'on'").await;
    assert!(
        browser
            .value("document.querySelector('.timeline .error').textContent")
            .await
            .as_str()
            .unwrap()
            .contains("the gate is closed")
    );
    place.open_the_gate();
    browser.click(".dispatch form button").await;
    browser.until("document.querySelector('.notice')?.textContent === '1 dispatch will be tried again.'").await;
    browser.until("document.querySelector('.dispatch .chip').textContent === 'done'").await;
    browser.until("document.querySelectorAll('.timeline li.ok').length === 1").await;
    assert_eq!(browser.value("performance.getEntriesByType('navigation').length").await, 1, "nobody has loaded it again");
    browser.picture("replayed").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_handler_is_given_nothing_until_it_is_resumed() {
    let (place, browser) = (Place::new(), Browser::open().await);
    place.open_the_gate();
    browser.log_in(&place.page).await;
    let handlers = format!("{}/handlers", place.page);
    browser.go(&handlers).await;
    browser.write("form[action$='/pause'] [name=reason]", "the channel moves").await;
    browser.click("form[action$='/pause'] button").await;
    browser.until("document.querySelector('.notice.waiting')?.textContent.includes('the channel moves')").await;

    place.send(&version("held", "ACCEPTED")).await;
    browser.go(&format!("{}/events/1", place.page)).await;
    browser.until("document.querySelector('.live')?.dataset.state === 'on'").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(browser.value("document.querySelector('.dispatch .chip').textContent").await, "waiting");

    browser.go(&handlers).await;
    browser.click("form[action$='/resume'] button").await;
    browser.until("document.querySelector('form[action$=\"/pause\"]') !== null").await;
    browser.go(&format!("{}/events/1", place.page)).await;
    browser.until("document.querySelector('.dispatch .chip').textContent === 'done'").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_grows_while_one_looks_and_not_otherwise() {
    let (place, browser) = (Place::new(), Browser::open().await);
    place.open_the_gate();
    browser.log_in(&place.page).await;
    let rows = "document.querySelectorAll('tbody tr').length";
    browser.go(&format!("{}/events?limit=3&kind=appStoreVersionAppVersionStateUpdated", place.page)).await;
    browser.until("document.querySelector('.live').dataset.state === 'on'").await;
    for number in 1..=5 {
        place.send(&version(&number.to_string(), "ACCEPTED")).await;
        place.send(&sample::of(&EventKind::BuildUploadStateUpdated).id(number.to_string()).state("COMPLETE")).await;
    }
    let first = "document.querySelector('tbody tr')?.dataset.receipt";
    browser.until(&format!("{first} === '9' && {rows} === 3")).await;
    browser.until("[...document.querySelectorAll('tbody .chip')].every((chip) => chip.textContent === 'gate done')").await;

    let hide = |is_hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {is_hidden} }}); \
             document.dispatchEvent(new Event('visibilitychange'));"
        )
    };
    browser.run(&hide(true)).await;
    place.send(&version("hidden", "ACCEPTED")).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(browser.value(first).await, "9", "a hidden page listens to nothing");
    browser.run(&hide(false)).await;
    browser.until(&format!("{first} === '11' && {rows} === 3")).await;

    browser.click(".live button").await;
    place.send(&version("paused", "ACCEPTED")).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(browser.value(first).await, "11", "nor does one that is paused");
    browser.click(".live button").await;
    browser.until(&format!("{first} === '12'")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_opens_without_a_complaint_and_fits() {
    let (place, browser) = (Place::new(), Browser::open().await);
    place.furnish().await;
    browser.log_in(&place.page).await;
    for path in place.pages().await {
        for (scheme, width, height) in [(Scheme::Light, 1_280, 1_400), (Scheme::Dark, 1_280, 1_400), (Scheme::Light, 390, 1_600)] {
            browser.prefer(scheme).await;
            browser.size(width, height).await;
            browser.go(&format!("{}{path}", place.page)).await;
            let wide = browser.value("document.documentElement.scrollWidth").await;
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{path} is {wide} wide in a window of {width}");
            let is_shown = path.len() < 20 || path.starts_with("/events/");
            if is_shown {
                let name = path.replace(['/', '?', '='], "_");
                browser.picture(&format!("page{name}-{}-{width}", scheme.as_str())).await;
            }
        }
        let mut complaints = browser.complaints().await;
        // That one page is not there is what it is for.
        complaints.retain(|complaint| !(path == "/events/999" && complaint.contains("404")));
        assert_eq!(complaints, [""; 0], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_page_that_breaks_its_policy_is_complained_of() {
    let browser = Browser::open().await;
    let page = "<p onclick='ran()'>wide</p><script>ran()</script><script src='/gone.js'></script><div style='width:2000px'>x</div>";
    let stranger = stranger::serve(move |_| stranger::answer("text/html", "script-src 'self'", page));
    browser.go(&stranger).await;
    let complaints = browser.complaints().await;
    assert!(complaints.iter().filter(|complaint| complaint.contains("Content Security Policy")).count() >= 1, "{complaints:?}");
}
