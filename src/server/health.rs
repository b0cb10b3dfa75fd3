//! What machines ask about us: do we live, can we take notifications.
//!
//! `/livez` says only that the program turns. It never asks the store: a program whose disk is full must not be restarted for it.
//! `/readyz` says whether a notification could be kept now: one was kept within the last seconds, or the store has just proven with a
//! commit of its own that it can; and the program is not stopping. Anyone may ask, so the store is bothered at most once a second,
//! and the answer names the reason with a word and nothing else.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{Receiver, error::json};
use crate::inbox::StoreError;

/// How long a commit proves that the next one will succeed.
const PROOF_LASTS: SignedDuration = SignedDuration::from_secs(5);

/// How often the store is asked to prove itself at most.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// How long the store may take to prove itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of the store's ability to keep notifications.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    last_commit: std::sync::Mutex<Option<Timestamp>>,
    failed_at: std::sync::Mutex<Option<Timestamp>>,
    // Held while the store is asked, so that it is asked once for all who want to know.
    last_asked: Mutex<Option<(Timestamp, Proof)>>,
}

impl Readiness {
    /// A commit has succeeded.
    pub(super) fn committed(&self, now: Timestamp) {
        *lock(&self.last_commit) = Some(now);
    }

    /// A commit has failed, so earlier ones prove nothing any more.
    pub(super) fn failed(&self, now: Timestamp) {
        *lock(&self.last_commit) = None;
        *lock(&self.failed_at) = Some(now);
    }

    /// Whether what was asked at this time is known better by now.
    fn has_failed_since(&self, asked: Timestamp) -> bool {
        lock(&self.failed_at).is_some_and(|failure| failure >= asked)
    }
}

/// How the store proved itself, or why it did not.
pub(super) type Proof = Result<(), NotReady>;

/// Why notifications cannot be kept now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotReady {
    pub(super) because: Because,
    /// The same in the store's own words, which are for the operator.
    pub(super) said: Arc<str>,
}

/// The same in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    Stopping,
    Busy,
    Full,
    Unavailable,
    Broken,
    Silent,
}

impl Because {
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] = [Self::Stopping, Self::Busy, Self::Full, Self::Unavailable, Self::Broken, Self::Silent];

    fn words(self) -> &'static str {
        match self {
            Self::Stopping => r#"{"status":"not ready","reason":"stopping"}"#,
            Self::Busy => r#"{"status":"not ready","reason":"store busy"}"#,
            Self::Full => r#"{"status":"not ready","reason":"store full"}"#,
            Self::Unavailable => r#"{"status":"not ready","reason":"store unavailable"}"#,
            Self::Broken => r#"{"status":"not ready","reason":"store broken"}"#,
            Self::Silent => r#"{"status":"not ready","reason":"store silent"}"#,
        }
    }

    /// The reason as the operator's page knows it.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Unavailable => "unavailable",
            Self::Broken => "broken",
            Self::Silent => "silent",
        }
    }
}

impl From<&StoreError> for Because {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::Busy,
            StoreError::Full(_) => Self::Full,
            StoreError::Broken(_) => Self::Broken,
            StoreError::Unavailable(_) | StoreError::Unreadable(_) => Self::Unavailable,
        }
    }
}

/// Answers whether the program turns.
pub(super) async fn livez() -> Response {
    json(StatusCode::OK, r#"{"status":"alive"}"#)
}

/// Answers whoever does not only ask.
pub(super) async fn only_asked() -> Response {
    json(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"method not allowed"}"#)
}

/// Answers whether a notification could be kept.
pub(super) async fn readyz(State(receiver): State<Arc<Receiver>>) -> Response {
    match receiver.readiness().await {
        Ok(()) => json(StatusCode::OK, r#"{"status":"ready"}"#),
        Err(reason) => json(StatusCode::SERVICE_UNAVAILABLE, reason.because.words()),
    }
}

impl Receiver {
    /// Whether a notification could be kept now.
    pub(super) async fn readiness(&self) -> Proof {
        if self.shutdown.has_begun() {
            return Err(NotReady { because: Because::Stopping, said: "the program is stopping".into() });
        }
        let now = self.clock.steady();
        if lock(&self.readiness.last_commit).is_some_and(|commit| now.duration_since(commit) < PROOF_LASTS) {
            return Ok(());
        }
        let mut last_asked = self.readiness.last_asked.lock().await;
        let now = self.clock.steady();
        if let Some((asked, proof)) = &*last_asked
            && now.duration_since(*asked) < ASK_EVERY
            && (proof.is_err() || !self.readiness.has_failed_since(*asked))
        {
            return proof.clone();
        }
        let proof = match tokio::time::timeout(PATIENCE, self.store.probe(now)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.note_store_error(&error);
                Err(NotReady { because: Because::from(&error), said: error.to_string().into() })
            }
            Err(_) => {
                Err(NotReady { because: Because::Silent, said: format!("the store gave no answer within {PATIENCE:?}").into() })
            }
        };
        if let Err(NotReady { because, said }) = &proof {
            let before = last_asked.as_ref().and_then(|(_, proof)| proof.as_ref().err());
            // Whoever asks again learns the same, and so need not be told the log.
            if before.is_none_or(|before| before.because != *because) {
                tracing::error!("the store could not prove that it works: {said}");
            }
        }
        *last_asked = Some((self.clock.steady(), proof.clone()));
        proof
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
