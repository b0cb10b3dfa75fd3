//! `when`: a [MiniJinja expression](https://docs.rs/minijinja/latest/minijinja/syntax/#expressions) over an event.
//!
//! It sees `event`, which has the members of our JSON document of an event, and `endpoint`, the name. What is absent is neither an
//! error nor equal to anything: `event.attributes.newValue` on an event without it is simply not `"REJECTED"`. A name that can never
//! be there is refused when the expression is compiled, and so is a filter, test or function that does not exist.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use minijinja::{Environment, ErrorKind, Expression, UndefinedBehavior, Value, context, value::Serde};

use crate::{
    event::{Event, EventKind, sample},
    handler::section::did_you_mean,
};

/// How many steps an expression may take. A comparison takes four.
const FUEL: u64 = 1_000;

/// How many bytes an expression may have. The compiler goes down one level for each operator, and its stack is limited.
const LONGEST: usize = 4096;

/// What an expression can name.
const NAMES: [&str; 2] = ["event", "endpoint"];

/// What it can name of the event.
const EVENT: [&str; 10] = ["id", "kind", "family", "version", "time", "state", "previous_state", "subject", "app_id", "attributes"];

/// What it can name of the event's subject.
const SUBJECT: [&str; 2] = ["type", "id"];

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::new();
    language.set_undefined_behavior(UndefinedBehavior::Chainable);
    language.set_fuel(Some(FUEL));
    for function in ["range", "dict", "debug", "namespace"] {
        language.remove_global(function);
    }
    language
});

/// A condition on an event.
#[derive(Clone)]
pub struct When {
    source: Arc<str>,
    expression: Arc<Expression<'static, 'static>>,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in `{expression}`: {problem}")]
pub struct WhenError {
    expression: Arc<str>,
    problem: String,
}

impl When {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, or names something that no event has, or a filter, test or function that there is not.
    pub fn compile(source: &str) -> Result<Self, WhenError> {
        let wrong = |problem: String| WhenError { expression: source.into(), problem };
        if source.len() > LONGEST {
            let beginning: String = source.chars().take(60).collect();
            let problem = format!("expected at most {LONGEST} bytes, found {}", source.len());
            return Err(WhenError { expression: format!("{beginning}…").into(), problem });
        }
        let expression = LANGUAGE.compile_expression_owned(source.to_owned()).map_err(|error| wrong(said(&error)))?;
        let mut unknown: Vec<_> = expression.undeclared_variables(true).iter().filter_map(|name| refusal(name)).collect();
        unknown.sort();
        if !unknown.is_empty() {
            return Err(wrong(unknown.join("; ")));
        }
        let when = Self { source: source.into(), expression: Arc::new(expression) };
        // Filters, tests and functions are looked up only when they are reached, so each kind of event is tried once.
        for kind in EventKind::ALL {
            let Ok(event) = Event::parse(sample::of(kind).body()) else { continue };
            match when.expression.eval(facts("", &event)) {
                Err(error) if is_for_want_of_a_name(error.kind()) => return Err(wrong(said(&error))),
                _ => {}
            }
        }
        Ok(when)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it is true of an event's [`facts`].
    pub(super) fn holds(&self, facts: &Value) -> Result<bool, WhenError> {
        let answer = self.expression.eval(facts);
        answer
            .map(|value| value.is_true())
            .map_err(|error| WhenError { expression: Arc::clone(&self.source), problem: said(&error) })
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "When({:?})", self.source)
    }
}

/// All that an expression can ask about.
pub(super) fn facts(endpoint: &str, event: &Event) -> Value {
    context! { event => Value::from(Serde(event)), endpoint }
}

fn is_for_want_of_a_name(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod)
}

fn said(error: &minijinja::Error) -> String {
    let kind = error.kind();
    error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"))
}

/// Says what is wrong with a dotted name, if anything is.
fn refusal(name: &str) -> Option<String> {
    let mut parts = name.split('.');
    let (first, second, third) = (parts.next()?, parts.next(), parts.next());
    let (found, known, of) = match (first, second, third) {
        ("event", Some("subject"), Some(member)) => (member, &SUBJECT[..], "`event.subject` has"),
        ("event", Some(member), _) => (member, &EVENT[..], "`event` has"),
        ("event" | "endpoint", ..) => return None,
        _ => (first, &NAMES[..], "there are"),
    };
    if known.contains(&found) {
        return None;
    }
    let words = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let of_event = (first == found && EVENT.contains(&found)).then(|| format!("did you mean `event.{found}`?"));
    let question =
        of_event.or_else(|| did_you_mean(found, known.iter().copied())).map(|question| format!(", {question}")).unwrap_or_default();
    Some(format!("no `{name}`: {of} {words}{question}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: bool) {
        let body = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated)
            .id("e1")
            .state("REJECTED")
            .previous_state("IN_REVIEW")
            .subject_id("v1")
            .set("attributes.extra", serde_json::json!({"deep": [1, 2]}))
            .body();
        let facts = facts("ios", &Event::parse(body).unwrap());
        assert_eq!(When::compile(expression).unwrap().holds(&facts), Ok(expected), "{expression}");
    }

    #[test]
    fn sees_the_event() {
        check("event.kind == 'appStoreVersionAppVersionStateUpdated'", true);
        check("event.family == 'app_version' and event.id == 'e1'", true);
        check("event.state in ['REJECTED', 'METADATA_REJECTED']", true);
        check("event.previous_state == 'IN_REVIEW' and event.state != 'IN_REVIEW'", true);
        check("event.subject.type == 'appStoreVersions' and event.subject.id == 'v1'", true);
        check("event.attributes.newValue == 'REJECTED'", true);
        check("event.attributes.extra.deep[1] == 2", true);
        check("event.time is startingwith('2026-')", true);
        check("endpoint == 'ios'", true);
        check("endpoint == 'mac'", false);
        check("event.state | lower == 'rejected'", true);
    }

    #[test]
    fn what_is_absent_is_not_an_error() {
        check("event.app_id == '1'", false);
        check("event.attributes.no.such.member == 'x'", false);
        check("event.attributes.appId", false);
        check("not event.app_id", true);
    }

    #[test]
    fn slips_are_said() {
        let said = [
            "event.state ==",
            "event.state = 'REJECTED'",
            "events.state == 'REJECTED'",
            "state == 'REJECTED'",
            "event.sate == 'REJECTED'",
            "event.subject.kind == 'builds'",
            "event.kind | uper == 'X'",
            "event.kind is begining('X')",
            "event.kind.startswith('app')",
            "range(1000000000) | list",
            "",
        ];
        let said: Vec<_> = said.into_iter().map(|expression| When::compile(expression).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn an_expression_cannot_run_for_long() {
        let event = Event::parse(sample::of(&EventKind::WebhookPingCreated).body()).unwrap();
        let ids = |count: usize| vec!["event.id"; count].join("~");
        let holds = |count| When::compile(&ids(count)).unwrap().holds(&facts("", &event));
        assert_eq!(holds(200), Ok(true));
        assert!(holds(450).unwrap_err().to_string().contains("fuel"));
        assert!(When::compile(&ids(1_000_000)).unwrap_err().to_string().ends_with("expected at most 4096 bytes, found 8999999"));
        // As deep as it gets: the compiler's stack must bear it.
        assert!(When::compile(&vec!["1"; 2_000].join("+")).is_ok());
    }
}
