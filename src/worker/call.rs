//! A call of a handler: bounded by its time-out, and isolated, so that a panic ends the call and nothing else.
//!
//! What it failed of has two readers. An attempt is kept beside the notification, with all that is known. The log goes to more people, so
//! what may quote a notification stays out of it: what the other side said, and a panic whose text was put together at the time.

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;

use crate::{
    event::Event,
    handler::{BoxHandler, Context, Handler as _, HandlerError},
    plain, telemetry,
};

/// What a call failed of. Displayed, it is as the attempt has it.
pub(super) enum Failure {
    Answered(HandlerError),
    Panicked(Box<dyn Any + Send>),
    TimedOut(Duration),
}

/// Calls a handler, for no longer than it may take.
pub(super) async fn call(handler: &BoxHandler, event: Arc<Event>, context: Context, timeout: Duration) -> Result<(), Failure> {
    // The call itself may panic, before there is a future: so it is made inside the guarded one.
    let handling = async { handler.handle(event, context).await };
    match tokio::time::timeout(timeout, AssertUnwindSafe(handling).catch_unwind()).await {
        Ok(Ok(answer)) => answer.map_err(Failure::Answered),
        Ok(Err(panic)) => Err(Failure::Panicked(panic)),
        Err(_) => Err(Failure::TimedOut(timeout)),
    }
}

impl Failure {
    /// What the log may have of it, if that is less than what is kept.
    pub(super) fn for_log(&self) -> Option<String> {
        match self {
            Self::Answered(error) => Some(error.unquoted()),
            Self::Panicked(panic) => Some(format!("panicked: {}", telemetry::harmless_words(panic.as_ref()))),
            Self::TimedOut(_) => None,
        }
    }

    /// Whether trying again was ruled out.
    pub(super) fn is_reject(&self) -> bool {
        matches!(self, Self::Answered(error) if error.is_reject())
    }

    /// The shortest wait before the next attempt that was asked for.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::Answered(error) => error.after(),
            Self::Panicked(_) | Self::TimedOut(_) => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(error) => error.fmt(f),
            Self::Panicked(panic) => write!(f, "panicked: {}", plain::panic_text(panic.as_ref())),
            Self::TimedOut(timeout) => {
                write!(f, "took longer than its `timeout` of {}", humantime::format_duration(*timeout))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failure: &Failure, whole: &str, for_log: Option<&str>) {
        assert_eq!((failure.to_string().as_str(), failure.for_log().as_deref()), (whole, for_log));
    }

    #[test]
    fn what_may_quote_a_notification_stays_out_of_the_log() {
        let words = "tester@example.com";
        let said = "panicked: a text of the program";
        check(&Failure::Panicked(Box::new("a text of the program")), said, Some(said));
        let hidden = "panicked: (not shown, because it may quote what was being handled)";
        check(&Failure::Panicked(Box::new(format!("no `{words}`"))), &format!("panicked: no `{words}`"), Some(hidden));
        check(&Failure::Panicked(Box::new(7)), "panicked: no message", Some(hidden));
        let error = HandlerError::reject("answered 400 Bad Request").quoting(words);
        let answered = "answered 400 Bad Request";
        check(&Failure::Answered(error), &format!("{answered}: {words}"), Some(answered));
        check(&Failure::TimedOut(Duration::from_secs(5)), "took longer than its `timeout` of 5s", None);
    }
}
