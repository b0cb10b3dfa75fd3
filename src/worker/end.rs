//! How an attempt ended, in words for who looks at it and in words for the log.
//!
//! An attempt is kept beside the notification, with all that is known of its end. The log goes to more people, so what may quote a
//! notification stays out of it: what the other side said, and a panic whose text was put together at the time.

use std::{any::Any, time::Duration};

use crate::{handler::HandlerError, telemetry};

/// How an attempt ended.
pub(super) enum End {
    Answered(Result<(), HandlerError>),
    Panicked(Box<dyn Any + Send>),
    TimedOut(Duration),
    CutOff,
    NoneLeft,
}

impl End {
    /// What the log may have of it, if that is less than what is kept.
    pub(super) fn for_log(&self) -> Option<String> {
        match self {
            Self::Answered(Err(error)) => Some(error.unquoted()),
            Self::Panicked(panic) => Some(format!("panicked: {}", telemetry::harmless_words(panic.as_ref()))),
            Self::Answered(Ok(())) | Self::TimedOut(_) | Self::CutOff | Self::NoneLeft => None,
        }
    }
}

/// What a panic says.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(end: &End, for_log: &str) {
        assert_eq!(end.for_log().as_deref(), Some(for_log));
    }

    #[test]
    fn what_may_quote_a_notification_stays_out_of_the_log() {
        let words = "tester@example.com";
        check(&End::Panicked(Box::new("a text of the program")), "panicked: a text of the program");
        check(
            &End::Panicked(Box::new(format!("no `{words}`"))),
            "panicked: (not shown, because it may quote what was being handled)",
        );
        let error = HandlerError::reject("answered 400 Bad Request").quoting(words);
        assert_eq!(error.to_string(), format!("answered 400 Bad Request: {words}"), "the attempt has it whole");
        check(&End::Answered(Err(error)), "answered 400 Bad Request");
    }
}
