//! How a letter looks: quiet, in the reader's own light or dark.
//!
//! Mail programs know little of HTML, so there is one column, a table, and styles where they are used; those that know `prefers-color-scheme`
//! turn dark. All texts are escaped.

use crate::handler::message::{Message, Severity};

const STYLE: &str = "\
:root { color-scheme: light dark }
@media (prefers-color-scheme: dark) {
  .page { background: #1c1c1e !important; color: #f2f2f7 !important }
  .name { color: #a1a1a6 !important }
  .quote { border-color: #48484a !important }
  .link { color: #64a9ff !important }
}";

const FONT: &str = "font: 15px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

/// The message as a page.
pub(super) fn of(message: &Message) -> String {
    let color = match message.severity {
        Severity::Quiet => "#8e8e93",
        Severity::Good => "#2e8b57",
        Severity::Loud => "#d13b3b",
    };
    let mut parts = vec![
        format!("<h1 style=\"font-size: 18px; line-height: 1.35; margin: 0 0 8px\">{}</h1>", escaped(&message.title)),
        format!("<p style=\"margin: 0 0 16px\">{}</p>", escaped(&message.sentence)),
    ];
    if let Some(quote) = &message.quote {
        let lines = escaped(quote).replace('\n', "<br>\n");
        let style = "margin: 0 0 16px; padding: 2px 0 2px 14px; border-left: 3px solid #d1d1d6";
        parts.push(format!("<blockquote class=\"quote\" style=\"{style}\">{lines}</blockquote>"));
    }
    if !message.facts.is_empty() {
        let rows = message.facts.iter().map(|fact| {
            let (name, value) = (escaped(fact.name), escaped(&fact.value));
            format!(
                "<tr><td class=\"name\" style=\"color: #6e6e73; padding: 2px 18px 2px 0; vertical-align: top; white-space: nowrap\">{name}</td>\
                 <td style=\"padding: 2px 0; vertical-align: top\">{value}</td></tr>\n"
            )
        });
        parts.push(format!(
            "<table role=\"presentation\" style=\"border-collapse: collapse; margin: 0 0 16px\">\n{}</table>",
            rows.collect::<String>()
        ));
    }
    if let Some(link) = &message.link {
        let style = "color: #0066cc; text-decoration: none";
        parts.push(format!(
            "<p style=\"margin: 0\"><a class=\"link\" style=\"{style}\" href=\"{}\">Open in App Store Connect</a></p>",
            escaped(link)
        ));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<style>\n{STYLE}\n</style>\n</head>\n\
         <body class=\"page\" style=\"margin: 0; padding: 24px; {FONT}; background: #ffffff; color: #1d1d1f\">\n\
         <div style=\"max-width: 640px; margin: 0 auto; padding-left: 16px; border-left: 4px solid {color}\">\n{}\n</div>\n</body>\n</html>\n",
        parts.join("\n")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
