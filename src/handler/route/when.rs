//! `when`: a [MiniJinja expression](https://docs.rs/minijinja/latest/minijinja/syntax/#expressions) over an event.
//!
//! It sees `event`, which has the members of our JSON document of an event, `endpoint`, the name, and `details`, what App Store Connect adds.
//! Details are learned after an event was taken in, so an expression that gets as far as asking for them stays open until then
//! ([`Truth::Open`]): `event.state == "REJECTED" and details.app.name == "Harbor"` is answered at once for everything that was not
//! rejected.
//!
//! What is absent is neither an error nor equal to anything: `event.attributes.newValue` on an event without it is simply not
//! `"REJECTED"`. A name that can never be there is refused when the expression is compiled, and so is a filter, test or function that
//! does not exist.

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use minijinja::{
    Environment, ErrorKind, Expression, UndefinedBehavior, Value,
    value::{Object, Serde},
};

use crate::{
    event::{Details, Event, EventKind, sample},
    handler::{Doubt, names},
    spelling,
};

/// How many steps an expression may take. A comparison takes four.
const FUEL: u64 = 1_000;

/// How many bytes an expression may have. The compiler goes down one level for each operator, and its stack is limited.
const LONGEST: usize = 4096;

/// What an expression can name.
const NAMES: [&str; 3] = ["event", "endpoint", "details"];

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
    hint: Option<String>,
}

impl WhenError {
    /// What to do about it, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl When {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, or names something that no event has, or a filter, test or function that there is not.
    pub fn compile(source: &str) -> Result<Self, WhenError> {
        let wrong = |problem: String| WhenError { expression: source.into(), problem, hint: None };
        if source.len() > LONGEST {
            let beginning: String = source.chars().take(60).collect();
            let problem = format!("found {} bytes, expected at most {LONGEST}", source.len());
            return Err(WhenError { expression: format!("{beginning}…").into(), problem, hint: None });
        }
        let expression = LANGUAGE.compile_expression_owned(source.to_owned()).map_err(|error| {
            let found = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let problem = format!("found what is no expression ({found}), expected one such as `event.state == \"REJECTED\"`");
            WhenError { hint: meant(source), ..wrong(problem) }
        })?;
        if let Some(refusal) = names::refusal(expression.undeclared_variables(true), &NAMES) {
            return Err(wrong(refusal));
        }
        let when = Self { source: source.into(), expression: Arc::new(expression) };
        // Filters, tests and functions are looked up only when they are reached, so each kind of event is tried once.
        for kind in EventKind::ALL {
            let Ok(event) = sample::of(kind).event() else { continue };
            let details = Value::from(Serde(Details::default()));
            let scope = Value::from_dyn_object(Scope::of("", &event, Some(details)));
            match when.expression.eval(scope) {
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

    /// Whether it names the details at all.
    pub fn names_details(&self) -> bool {
        self.expression.undeclared_variables(false).contains("details")
    }

    /// Whether it is true of an event with its details, as far as they are known. `unknown` says why not all of them are.
    ///
    /// # Errors
    /// When that cannot be said, because the expression fails on this event, or is not true and asks for details that are not known.
    /// Whoever asks takes that as true: see the [module](super).
    pub fn holds(&self, endpoint: &str, event: &Event, details: Option<&Details>, unknown: Option<&str>) -> Result<bool, Doubt> {
        let known = details.map_or_else(|| Value::from(()), |details| Value::from(Serde(details)));
        let scope = Scope::of(endpoint, event, Some(known.clone()));
        let is_true = self.eval(&scope)?;
        let was_asked = || scope.is_asked_for_details.load(Ordering::Relaxed);
        match unknown {
            Some(reason) if !is_true && was_asked() && self.asks_beyond(&known) => Err(Doubt::Details(reason.to_owned())),
            _ => Ok(is_true),
        }
    }

    /// Whether it names details that are not among these.
    fn asks_beyond(&self, known: &Value) -> bool {
        let names = self.expression.undeclared_variables(true);
        let mut members = names.iter().filter_map(|name| name.strip_prefix("details")).map(|path| path.split('.').nth(1));
        members
            .any(|member| member.and_then(|member| known.get_attr(member).ok()).is_none_or(|it| it.is_undefined() || it.is_none()))
    }

    /// What can be said without the details. The scope is that of an event whose details are not known.
    pub(super) fn answer(&self, scope: &Arc<Scope>) -> Result<Truth, WhenError> {
        scope.is_asked_for_details.store(false, Ordering::Relaxed);
        let holds = self.eval(scope);
        match holds? {
            _ if scope.is_asked_for_details.load(Ordering::Relaxed) => Ok(Truth::Open),
            true => Ok(Truth::Yes),
            false => Ok(Truth::No),
        }
    }

    fn eval(&self, scope: &Arc<Scope>) -> Result<bool, WhenError> {
        let answer = self.expression.eval(Value::from_dyn_object(Arc::clone(scope)));
        answer.map(|value| value.is_true()).map_err(|error| WhenError {
            expression: Arc::clone(&self.source),
            problem: said(&error),
            hint: None,
        })
    }
}

/// Whether an expression is true of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    /// That depends on the details.
    Open,
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "When({:?})", self.source)
    }
}

/// All that an expression can ask about.
#[derive(Debug)]
pub(super) struct Scope {
    event: Value,
    endpoint: Value,
    details: Option<Value>,
    is_asked_for_details: AtomicBool,
}

impl Scope {
    /// That of an event; `details` is none while they are not known.
    pub(super) fn of(endpoint: &str, event: &Event, details: Option<Value>) -> Arc<Self> {
        let (event, endpoint) = (Value::from(Serde(event)), Value::from(endpoint));
        Arc::new(Self { event, endpoint, details, is_asked_for_details: AtomicBool::new(false) })
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "event" => Some(self.event.clone()),
            "endpoint" => Some(self.endpoint.clone()),
            "details" => {
                self.is_asked_for_details.store(true, Ordering::Relaxed);
                self.details.clone()
            }
            _ => None,
        }
    }
}

fn is_for_want_of_a_name(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod)
}

/// Asks whether an expression was meant that is spelt as other languages spell it: with `=`, `&&`, `||` or `!`.
fn meant(source: &str) -> Option<String> {
    let (mut mended, mut quote, mut rest) = (String::new(), None, source);
    while let Some(letter) = rest.chars().next() {
        let (taken, put) = match (quote, letter) {
            (None, _) if rest.starts_with("&&") => ("&&", "and"),
            (None, _) if rest.starts_with("||") => ("||", "or"),
            (None, '=') if rest.starts_with("===") => ("===", "=="),
            (None, '=' | '!' | '<' | '>') if rest[1..].starts_with('=') => (&rest[..2], &rest[..2]),
            (None, '=') => ("=", "=="),
            (None, '!') => ("!", "not "),
            _ => (&rest[..letter.len_utf8()], &rest[..letter.len_utf8()]),
        };
        match quote {
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            Some(open) if open == letter => quote = None,
            _ => {}
        }
        mended.push_str(put);
        rest = &rest[taken.len()..];
    }
    (mended != source && When::compile(&mended).is_ok()).then(|| spelling::question(&mended))
}

fn said(error: &minijinja::Error) -> String {
    let kind = error.kind();
    error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"))
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
        let scope = Scope::of("ios", &Event::parse(body).unwrap(), None);
        let expected = if expected { Truth::Yes } else { Truth::No };
        assert_eq!(When::compile(expression).unwrap().answer(&scope), Ok(expected), "{expression}");
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

    #[track_caller]
    fn check_with_details(expression: &str, without: Truth, with: bool) {
        let body = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").body();
        let (event, when) = (Event::parse(body).unwrap(), When::compile(expression).unwrap());
        assert_eq!(when.answer(&Scope::of("ios", &event, None)), Ok(without), "{expression}");
        let details = br#"{"app": {"id": "1", "name": "Harbor"}, "build": {"id": "2", "errors": [{"code": "90683"}]}}"#;
        let details = Details::read(details).unwrap();
        assert_eq!(when.holds("ios", &event, Some(&details), None), Ok(with), "{expression}");
    }

    #[test]
    fn details_keep_open_only_what_gets_as_far_as_them() {
        check_with_details("details.app.name == 'Harbor'", Truth::Open, true);
        check_with_details("details.app.name != 'Harbor'", Truth::Open, false);
        check_with_details("event.state == 'REJECTED' and details.app.name == 'Harbor'", Truth::Open, true);
        check_with_details("event.state == 'IN_REVIEW' and details.app.name == 'Harbor'", Truth::No, false);
        check_with_details("event.state == 'REJECTED' or details.app.name == 'Other'", Truth::Yes, true);
        check_with_details("details.build.errors and details.build.errors[0].code == '90683'", Truth::Open, true);
        check_with_details("details.version.string == '2.3'", Truth::Open, false);
        check_with_details("not details.feedback.comment", Truth::Open, true);
    }

    #[test]
    fn without_details_what_is_asked_of_them_is_absent() {
        let event = Event::parse(sample::of(&EventKind::WebhookPingCreated).body()).unwrap();
        assert_eq!(When::compile("details.app.name == 'Harbor'").unwrap().holds("ios", &event, None, None), Ok(false));
        assert_eq!(When::compile("not details").unwrap().holds("ios", &event, None, None), Ok(true));
        assert!(When::compile("details.app.name").unwrap().names_details());
        assert!(!When::compile("event.state").unwrap().names_details());
    }

    /// Details of which the app is known and nothing else, because Apple was silent.
    #[track_caller]
    fn check_in_silence(expression: &str, expected: Option<bool>) {
        let event = Event::parse(sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").body()).unwrap();
        let details = Details::read(br#"{"app": {"id": "1", "name": "Harbor"}}"#).unwrap();
        let answer = When::compile(expression).unwrap().holds("ios", &event, Some(&details), Some("silence"));
        assert_eq!(answer, expected.ok_or_else(|| Doubt::Details("silence".to_owned())), "{expression}");
    }

    #[test]
    fn what_rests_on_details_that_are_not_known_is_in_doubt() {
        check_in_silence("details.version.platform == 'IOS'", None);
        check_in_silence("details.version.platform != 'IOS'", Some(true));
        check_in_silence("details.app.name == 'Harbor'", Some(true));
        check_in_silence("details.app.name == 'Lantern'", Some(false));
        check_in_silence("details.app.name == 'Harbor' and details.build.errors", None);
        check_in_silence("event.state == 'IN_REVIEW' and details.version.platform == 'IOS'", Some(false));
        check_in_silence("details | length == 0", None);
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
            "details.appp.name == 'Harbor'",
            "event.kind | uper == 'X'",
            "event.kind is begining('X')",
            "event.kind.startswith('app')",
            "range(1000000000) | list",
            "",
        ];
        let said: Vec<_> = said.into_iter().map(|expression| When::compile(expression).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[track_caller]
    fn check_meant(expression: &str, expected: Option<&str>) {
        let expected = expected.map(|meant| format!("did you mean `{meant}`?"));
        assert_eq!(When::compile(expression).unwrap_err().hint(), expected.as_deref(), "{expression}");
    }

    #[test]
    fn what_other_languages_write_is_asked_about() {
        check_meant("event.state = 1", Some("event.state == 1"));
        check_meant("event.state === 'A=B' && !event.app_id", Some("event.state == 'A=B' and not event.app_id"));
        check_meant("endpoint = \"a || b\" || event.id != '1'", Some("endpoint == \"a || b\" or event.id != '1'"));
        check_meant("event.sate = 1", None);
        check_meant("event.state ==", None);
        check_meant("endpoint = 'ü", None);
    }

    #[test]
    fn an_expression_cannot_run_for_long() {
        let event = Event::parse(sample::of(&EventKind::WebhookPingCreated).body()).unwrap();
        let ids = |count: usize| vec!["event.id"; count].join("~");
        let answer = |count| When::compile(&ids(count)).unwrap().answer(&Scope::of("", &event, None));
        assert_eq!(answer(200), Ok(Truth::Yes));
        assert!(answer(450).unwrap_err().to_string().contains("fuel"));
        assert!(When::compile(&ids(1_000_000)).unwrap_err().to_string().ends_with("found 8999999 bytes, expected at most 4096"));
        // As deep as it gets: the compiler's stack must bear it.
        assert!(When::compile(&vec!["1"; 2_000].join("+")).is_ok());
    }
}
