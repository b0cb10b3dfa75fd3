//! What is done about a condition that cannot be asked: it counts as true, and the log is told.
//!
//! So a mistake in a condition brings a handler an event too many, and never one too few. Where conditions are asked nobody logs: the
//! route is pure, so it hands its doubts on, and whoever owes the event to the handler tells of them.

use crate::{event::Event, handler::route::WhenError, plain};

/// Why a condition of a handler could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// Its [`wants`](super::Handler::wants) panicked, with these words.
    #[error("`wants` panicked: {0}")]
    Wants(String),
    /// The `when` of its block failed.
    #[error("`when` failed: {0}")]
    When(#[from] WhenError),
    /// The `when` of its block rests on details of the event that are not known, for this reason.
    #[error("`when` rests on details that are not known: {0}")]
    Details(String),
}

impl Doubt {
    /// Tells the log that the event is owed to the handler in spite of it.
    pub(crate) fn tell(&self, handler: &str, event: &Event) {
        // A panic is shown whole: of the event, `wants` has seen no more than the kind, which the log may have.
        let (id, error) = (plain::short(&event.id), plain::short(&self.to_string()));
        tracing::warn!(handler.name = handler, event.id = id, error, "a condition cannot be asked, taken as true");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        event::{EventKind, sample},
        handler::tests::listen,
    };

    #[test]
    fn the_log_has_one_line_with_the_handler_and_what_it_said() {
        let (log, _guard) = listen();
        let event = sample::of(&EventKind::BuildUploadStateUpdated).id("e1").event().unwrap();
        Doubt::Wants("no opinion".to_owned()).tell("farm", &event);
        let said = fs::read_to_string(log.path()).unwrap();
        assert_eq!(
            said.trim_start(),
            "WARN asc_webhooks::handler::doubt: a condition cannot be asked, taken as true handler.name=\"farm\" event.id=\"e1\" \
             error=\"`wants` panicked: no opinion\"\n"
        );
    }
}
