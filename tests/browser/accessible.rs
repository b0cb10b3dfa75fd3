//! The page for those who cannot see it, or not well: what [axe](https://github.com/dequelabs/axe-core) finds, in light and in dark.

use serde_json::Value;

use crate::support::{
    browser::{Browser, Scheme},
    place::Place,
    report, stranger, tool,
};

/// What is seriously or critically wrong with the page that is open, a line each.
async fn found(browser: &Browser) -> Vec<String> {
    browser.run(&std::fs::read_to_string(tool("axe-core/axe.min.js")).unwrap()).await;
    let options = "{ resultTypes: ['violations'] }";
    let found = browser.promised(&format!("axe.run(document, {options}).then((found) => found.violations)")).await;
    let violations = found.as_array().unwrap_or_else(|| panic!("{found}")).iter();
    let grave = violations.filter(|one| ["serious", "critical"].contains(&one["impact"].as_str().unwrap_or_default()));
    let said = |one: &Value| {
        let nodes = one["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| format!("\n    {}", node["failureSummary"].as_str().unwrap_or_default()));
        let places = one["nodes"].as_array().unwrap().iter().map(|node| node["html"].as_str().unwrap_or_default().to_owned());
        format!("{}: {}{}\n    {}", one["id"], one["help"], nodes.collect::<String>(), places.collect::<Vec<_>>().join("\n    "))
    };
    grave.map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_keeps_anybody_out() {
    let (place, browser) = (Place::new(), Browser::open().await);
    place.furnish().await;
    browser.log_in(&place.page).await;
    let pages = place.pages().await;
    let mut wrong = Vec::new();
    for path in &pages {
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.prefer(scheme).await;
            browser.go(&format!("{}{path}", place.page)).await;
            wrong.extend(found(&browser).await.into_iter().map(|found| format!("{path} ({}): {found}", scheme.as_str())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    report(&format!("{} pages in two schemes, nothing serious", pages.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn control_an_image_without_words_and_pale_text_are_found() {
    let browser = Browser::open().await;
    let page = "<!doctype html><html lang=en><title>x</title><main><h1>x</h1><img src='data:,'><p style='color:#bbb'>pale</p></main></html>";
    let stranger = stranger::serve(move |_| stranger::answer("text/html", "", page));
    browser.go(&stranger).await;
    let found = found(&browser).await.join("\n");
    assert!(found.contains("image-alt") && found.contains("color-contrast"), "{found}");
}
