//! Templates: a configuration's own words, in the language of `when`.
//!
//! A template sees `event`, `endpoint`, `recovered`, `details` and `message`. What it names is checked when it is read: a slip is found by
//! `check`, and not by a message that says nothing at night. What an event does not tell is empty.

use std::{fmt, sync::Arc};

use minijinja::{
    Environment, UndefinedBehavior, context,
    value::{Serde, Value},
};

use super::{Message, Told, text::clean_lines};
use crate::{
    event::{Details, EventKind, sample},
    handler::names,
};

/// How much work a template may make.
const FUEL: u64 = 100_000;

/// The name under which the one template of an environment is kept.
const NAME: &str = "template";

/// The functions of the language that could be made to run long, or that tell of the program.
const TAKEN_AWAY: [&str; 2] = ["range", "debug"];

/// The names that it sees.
const NAMES: [&str; 5] = ["event", "endpoint", "recovered", "details", "message"];

/// A configuration's own words.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    language: Arc<Environment<'static>>,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When it is none, or names something that there is not.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let mut language = Environment::new();
        language.set_undefined_behavior(UndefinedBehavior::Chainable);
        language.set_fuel(Some(FUEL));
        // Whoever shows the text escapes it.
        language.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        for function in TAKEN_AWAY {
            language.remove_global(function);
        }
        language.add_template_owned(NAME, source.to_owned()).map_err(|error| said(&error))?;
        let template = Self { source: source.into(), language: Arc::new(language) };
        let found = template.language.get_template(NAME).map_err(|error| said(&error))?.undeclared_variables(true);
        if let Some(refusal) = names::refusal(&found, &NAMES) {
            return Err(TemplateError(refusal));
        }
        // Filters and functions are looked up only when they are reached, so each kind of event is tried once.
        for kind in EventKind::ALL {
            let Ok(event) = sample::of(kind).event() else { continue };
            let details = Details::default();
            let told = Told::sample(&event, &details);
            template.render(&told, &Message::of(&told, &super::Voice::default()))?;
        }
        Ok(template)
    }

    /// The words for an event.
    ///
    /// # Errors
    /// When the template cannot be worked out: it takes too long, or does something that cannot be done.
    pub fn render(&self, told: &Told<'_>, message: &Message) -> Result<String, TemplateError> {
        let context = context! {
            event => Value::from(Serde(told.event)),
            endpoint => told.endpoint,
            recovered => told.recovered,
            details => Value::from(Serde(told.details)),
            message => Value::from(Serde(message)),
        };
        let template = self.language.get_template(NAME).map_err(|error| said(&error))?;
        template.render(context).map_err(|error| said(&error))
    }

    /// The message with the template's words in the place of its sentence.
    ///
    /// # Errors
    /// When the template cannot be worked out.
    pub fn reword(&self, told: &Told<'_>, message: Message) -> Result<Message, TemplateError> {
        let sentence = clean_lines(&self.render(told, &message)?);
        Ok(Message { sentence, ..message })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.source)
    }
}

fn said(error: &minijinja::Error) -> TemplateError {
    let kind = error.kind();
    let place = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    TemplateError(error.detail().map_or_else(|| format!("{kind}{place}"), |detail| format!("{kind}: {detail}{place}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::message::Voice;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let event = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).state("REJECTED").event().unwrap();
        let details = Details::read(br#"{"app": {"name": "Harbor"}}"#).unwrap();
        let told = Told::sample(&event, &details);
        let said = Template::compile(source).map(|template| template.render(&told, &Message::of(&told, &Voice::default())));
        let said = said.and_then(|said| said).unwrap_or_else(|error| error.to_string());
        assert_eq!(said, expected, "{source}");
    }

    #[test]
    fn sees_everything() {
        check("{{ details.app.name }} is {{ event.state | lower }} ({{ endpoint }})", "Harbor is rejected (my-app)");
        check("{{ message.sentence }}", "App Review rejected Harbor.");
        check("{% for fact in message.facts if fact.name == 'Time' %}{{ fact.name }}{% endfor %}", "Time");
        check("{{ 'late' if recovered else 'in time' }}", "in time");
        check("{{ details.build.number }}{{ event.attributes.nothing.deep }}<b>", "<b>");
    }

    #[test]
    fn slips_are_said() {
        check(
            "{{ detials.app.name }}",
            "found the unknown name `detials.app.name`, expected one of `details`, `endpoint`, `event`, `message`, `recovered` (did you mean `details`?)",
        );
        check(
            "{{ details.app.nmae }}",
            "found the unknown name `details.app.nmae`, expected one of `bundle_id`, `id`, `name`, `sku` in `details.app` (did you mean `name`?)",
        );
        check("{{ event.state | uper }}", "unknown filter: filter uper is unknown in line 1");
        check("{{ event.state", "syntax error: unexpected end of input, expected end of variable block in line 1");
    }
}
