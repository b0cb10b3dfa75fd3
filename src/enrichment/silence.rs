//! Whether App Store Connect is worth waiting for.
//!
//! Somebody who waited in vain, while it answered nobody else either, found it silent. From then on nobody asks, but for one lookup every
//! half minute, whose waiting shows whether the silence is over.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long nobody asks.
const PAUSE: Duration = Duration::from_secs(30);

/// What is known about App Store Connect's answering.
#[derive(Debug, Default)]
pub(super) struct Silence(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last_answer: Option<Instant>,
    /// When the next lookup may be made, while it is silent.
    next: Option<Instant>,
}

impl Silence {
    /// Whether to ask now. During a silence, whoever is told yes is the one who tries.
    pub(super) fn may_ask(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        match &mut state.next {
            None => true,
            Some(next) if *next <= now => {
                *next = now + PAUSE;
                true
            }
            Some(_) => false,
        }
    }

    /// It said something.
    pub(super) fn answered(&self) {
        *self.state() = State { last_answer: Some(Instant::now()), next: None };
    }

    /// A lookup failed for want of an answer.
    pub(super) fn unanswered(&self) {
        self.state().fall();
    }

    /// Somebody has waited since then and must go on. If others were answered meanwhile, there is only much to ask.
    pub(super) fn waited_in_vain(&self, since: Instant) {
        let mut state = self.state();
        if state.last_answer.is_none_or(|answer| answer < since) {
            state.fall();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fall(&mut self) {
        if self.next.is_none() {
            tracing::warn!("App Store Connect does not answer: events are handled with what is known without it");
        }
        self.next = Some(Instant::now() + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn during_a_silence_one_tries_now_and_then() {
        let silence = Silence::default();
        assert!(silence.may_ask() && silence.may_ask());
        silence.unanswered();
        assert!(!silence.may_ask());
        tokio::time::advance(PAUSE).await;
        assert!(silence.may_ask(), "one tries");
        assert!(!silence.may_ask(), "and only one");
        silence.answered();
        assert!(silence.may_ask() && silence.may_ask());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_queue_is_no_silence() {
        let silence = Silence::default();
        let since = Instant::now();
        tokio::time::advance(Duration::from_secs(5)).await;
        silence.answered();
        tokio::time::advance(Duration::from_secs(5)).await;
        silence.waited_in_vain(since);
        assert!(silence.may_ask(), "another was answered meanwhile");
        silence.waited_in_vain(Instant::now());
        assert!(!silence.may_ask());
    }
}
