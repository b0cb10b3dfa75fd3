//! How a handler puts events into words: those that all share, with the configuration's own in the place of the sentence.

use super::{
    HandlerError, SectionError,
    message::{Message, Template, Told, Voice},
};

/// Puts events into words.
pub(super) struct Words {
    template: Option<Template>,
    voice: Voice,
}

impl Words {
    /// Reads the key `template`, which may be left out.
    ///
    /// # Errors
    /// When it is no template.
    pub(super) fn read(template: Option<&str>, voice: &Voice) -> Result<Self, SectionError> {
        let template = template.map(Template::compile).transpose();
        let template = template.map_err(|error| SectionError::new("template", error.to_string()))?;
        Ok(Self { template, voice: voice.clone() })
    }

    /// How dates and durations are written.
    pub(super) fn voice(&self) -> &Voice {
        &self.voice
    }

    /// The event in words.
    ///
    /// # Errors
    /// When the template cannot be worked out. The error is one never to try again after.
    pub(super) fn message(&self, told: &Told<'_>) -> Result<Message, HandlerError> {
        let message = Message::of(told, &self.voice);
        match &self.template {
            Some(template) => template.reword(told, message).map_err(HandlerError::reject),
            None => Ok(message),
        }
    }
}
