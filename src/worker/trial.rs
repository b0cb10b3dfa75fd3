//! Tries a handler out: has it send a message that says that it is a test, without a receipt behind it.
//!
//! It goes through the handler's real code, with its configuration, its template and its time-out, and to the real service: so it
//! proves what a preview cannot. Only handlers that say so take a test: what starts a build must not be tried out like this.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Worker, call::call};
use crate::{
    event::{Event, EventKind, details, sample},
    handler::{BoxHandler, Context, Handler as _},
};

/// What stands before the app's name, in every message that names the app.
const MARK: &str = "Test message, no event:";

/// Has a handler send a test message, within its time-out.
///
/// # Errors
/// When it takes none, or why it could not be sent.
pub async fn trial(name: &Arc<str>, handler: &BoxHandler, timeout: Duration, now: Timestamp) -> Result<(), TrialError> {
    if !handler.takes_test() {
        return Err(TrialError::NotForThis);
    }
    // A quiet one, with the details that App Store Connect would have: it shows how a message looks and alarms nobody.
    let sample = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).previous_state("WAITING_FOR_REVIEW");
    let event = Event::parse(sample.state("IN_REVIEW").time(now).body()).map_err(|error| TrialError::Failed(error.to_string()))?;
    let mut details = details::sample::of(&event);
    let named = details.app.as_mut().and_then(|app| app.name.as_mut());
    if let Some(name) = named {
        name.insert_str(0, &format!("{MARK} "));
    }
    let context = Context::test(Arc::clone(name), details, now);
    call(handler, Arc::new(event), context, timeout).await.map_err(|failure| TrialError::Failed(failure.to_string()))
}

impl Worker {
    /// Has a handler send a message that says that it is a test.
    ///
    /// # Errors
    /// When there is no such handler, it takes no test, or it failed.
    pub async fn try_out(&self, name: &str) -> Result<(), TrialError> {
        let lane = self.lanes.load().get(name).map(Arc::clone).ok_or(TrialError::Unknown)?;
        trial(&lane.name, &lane.handler, lane.timeout, self.clock.now()).await
    }

    /// The handlers that take a test message.
    pub fn taking_tests(&self) -> Vec<Arc<str>> {
        self.lanes.load().values().filter(|lane| lane.handler.takes_test()).map(|lane| Arc::clone(&lane.name)).collect()
    }
}

/// Why no test message was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// There is no such handler in the configuration.
    #[error("there is no such handler in the configuration")]
    Unknown,
    /// The handler does something else than telling people.
    #[error("it does more than tell people, so it is not tried out; `asc-webhooks send` sends it a real sample")]
    NotForThis,
    /// It was tried in vain.
    #[error("{0}")]
    Failed(String),
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::handler::{Handler, HandlerError};

    /// A handler that takes tests, if it says so, and answers as told.
    struct Tried {
        takes: bool,
        heard: Arc<Mutex<Vec<String>>>,
        answer: fn() -> Result<(), HandlerError>,
    }

    impl Handler for Tried {
        async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
            assert!(ctx.is_test());
            let app = ctx.details().and_then(|details| details.app.as_ref()?.name.clone());
            self.heard.lock().unwrap().push(format!("{}: {:?}", event.kind, app.unwrap()));
            if ctx.handler() == "slow" {
                std::future::pending::<()>().await;
            }
            (self.answer)()
        }

        fn takes_test(&self) -> bool {
            self.takes
        }
    }

    async fn check(name: &str, takes: bool, answer: fn() -> Result<(), HandlerError>, expected: Result<(), TrialError>) {
        let heard = Arc::default();
        let handler = BoxHandler::new(Tried { takes, heard: Arc::clone(&heard), answer });
        assert_eq!(trial(&name.into(), &handler, Duration::from_secs(5), Timestamp::UNIX_EPOCH).await, expected, "{name}");
        let told = "appStoreVersionAppVersionStateUpdated: \"Test message, no event: Harbor\"".to_owned();
        assert_eq!(*heard.lock().unwrap(), if takes { vec![told] } else { Vec::new() });
    }

    #[tokio::test(start_paused = true)]
    async fn a_test_is_marked_bounded_and_only_for_those_that_take_it() {
        let failed = |error: &str| Err(TrialError::Failed(error.to_owned()));
        check("good", true, || Ok(()), Ok(())).await;
        let bad = || Err(HandlerError::reject("no such channel").quoting("the one of tester@example.com is gone"));
        check("bad", true, bad, failed("no such channel: the one of tester@example.com is gone")).await;
        check("wild", true, || panic!("oh"), failed("panicked: oh")).await;
        check("slow", true, || Ok(()), failed("took longer than its `timeout` of 5s")).await;
        check("ci", false, || Ok(()), Err(TrialError::NotForThis)).await;
    }
}
