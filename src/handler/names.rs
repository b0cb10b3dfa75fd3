//! The names that a `when` and a template can use, as one tree, and what is said about a name that there is not.
//!
//! The tree is made of what an event, its details and its message really have, so it cannot fall behind them. A name within something
//! else than an object is not judged: Apple's attributes are whatever Apple makes them.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::message::{Message, Told, Voice};
use crate::{
    event::{Details, EventKind, sample},
    spelling,
};

/// Details of which every part is there, though nothing is known of it.
const EVERY_PART: &str =
    r#"{"app": {}, "version": {}, "build": {}, "beta": {}, "feedback": {"crash_log": {}}, "asset": {}, "package": {}}"#;

static TREE: LazyLock<Value> = LazyLock::new(|| {
    let event = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).event().ok();
    let details = Details::read(EVERY_PART.as_bytes()).unwrap_or_default();
    let message = event.as_ref().map(|event| Message::of(&Told::sample(event, &details), &Voice::default()));
    let mut tree = json!({ "event": event, "endpoint": null, "recovered": null, "details": details, "message": message });
    tree["event"]["attributes"] = Value::Null;
    tree
});

/// Says all that is wrong with dotted names, if anything is. `roots` are the names that there are, within which the others stand.
pub(super) fn refusal<N: AsRef<str>>(names: impl IntoIterator<Item = N>, roots: &[&str]) -> Option<String> {
    let mut unknown: Vec<String> = names.into_iter().filter_map(|name| refusal_of(name.as_ref(), roots)).collect();
    unknown.sort();
    (!unknown.is_empty()).then(|| unknown.join("; "))
}

fn refusal_of(name: &str, roots: &[&str]) -> Option<String> {
    let (mut known, mut path) = (&*TREE, Vec::new());
    for part in name.split('.') {
        let Value::Object(members) = known else { return None };
        let names = || members.keys().map(String::as_str).filter(|name| !path.is_empty() || roots.contains(name));
        if !names().any(|name| name == part) {
            let place = if path.is_empty() { String::new() } else { format!(" in `{}`", path.join(".")) };
            let words = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let is_of_event = path.is_empty() && TREE["event"].get(part).is_some();
            let of_event = is_of_event.then(|| spelling::question(&format!("event.{part}")));
            let question = of_event.or_else(|| spelling::did_you_mean(part, names())).map(|question| format!(" ({question})"));
            let question = question.unwrap_or_default();
            return Some(format!("found the unknown name `{name}`, expected one of {words}{place}{question}"));
        }
        known = &members[part];
        path.push(part);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(refusal([name], &["details", "event", "message"]).as_deref(), expected);
    }

    #[test]
    fn what_there_is_is_not_refused() {
        check("event", None);
        check("event.subject.type", None);
        check("event.attributes.whatever.apple.says", None);
        check("details.feedback.crash_log.text", None);
        check("details.build.errors", None);
        check("message.severity", None);
        check("message.facts", None);
    }

    #[test]
    fn what_there_is_not_is_said_with_what_there_is() {
        check(
            "evnt.state",
            Some("found the unknown name `evnt.state`, expected one of `details`, `event`, `message` (did you mean `event`?)"),
        );
        check(
            "state",
            Some("found the unknown name `state`, expected one of `details`, `event`, `message` (did you mean `event.state`?)"),
        );
        check("endpoint", Some("found the unknown name `endpoint`, expected one of `details`, `event`, `message`"));
        check(
            "event.subject.kind",
            Some("found the unknown name `event.subject.kind`, expected one of `id`, `type` in `event.subject`"),
        );
        let app = "found the unknown name `details.app.nmae`, expected one of `bundle_id`, `id`, `name`, `sku` in `details.app` (did you mean `name`?)";
        check("details.app.nmae", Some(app));
    }
}
