//! A body that the configuration's own template makes: `{"text": {{ message.title | tojson }}}`.
//!
//! It is JSON for every event, which is tried when the configuration is read: with details and without, for each kind in each of its
//! states and for what is not known yet. Should it once not be JSON all the same, nothing is sent.

use serde::de::IgnoredAny;

use crate::{
    event::{Details, Event, details, sample},
    handler::{
        HandlerError, SectionError,
        message::{Message, Template, Told, Voice},
    },
};

/// Makes bodies.
#[derive(Debug)]
pub(super) struct Templated {
    template: Template,
    voice: Voice,
}

impl Templated {
    /// Reads the template, and tries it.
    pub(super) fn new(source: Option<&str>, voice: &Voice) -> Result<Self, SectionError> {
        let Some(source) = source else {
            let error = SectionError::new("template", "found nothing, expected the JSON to send");
            return Err(error.hint("for example `'''{\"text\": {{ message.title | tojson }}}'''`"));
        };
        let template = Template::compile(source).map_err(|error| SectionError::new("template", error.to_string()))?;
        let templated = Self { template, voice: voice.clone() };
        for event in sample::every().filter_map(|sample| sample.event().ok()) {
            for details in [details::sample::of(&event), Details::default()] {
                templated.body(&Told::sample(&event, &details)).map_err(|error| refusal(&event, &error))?;
            }
        }
        Ok(templated)
    }

    /// The body for an event.
    pub(super) fn body(&self, told: &Told<'_>) -> Result<String, HandlerError> {
        let message = Message::of(told, &self.voice);
        let body = self.template.render(told, &message).map_err(HandlerError::reject)?;
        let found = serde_json::from_str::<IgnoredAny>(&body);
        found.map_err(|error| HandlerError::reject(format!("the template makes no JSON: {error}")))?;
        Ok(body)
    }
}

fn refusal(event: &Event, error: &HandlerError) -> SectionError {
    let state = event.state().map(|state| format!(" in the state `{state}`")).unwrap_or_default();
    let found = format!("found one that fails for an event `{}`{state}: {error}, expected JSON for every event", event.kind);
    let refusal = SectionError::new("template", found);
    refusal.hint("put values in with `tojson`, which quotes them: `{{ message.title | tojson }}`")
}
