//! Tells the log about requests that were refused, without letting whoever sends them fill it.
//!
//! The first refusal for a reason is written at once, with where it came from. For the next seconds further ones for the same reason
//! are only counted, and then one line says how many they were. Once the program stops, nobody waits for such a line: each reason has
//! one more sum at most, and then no further lines. Figures count every one. Neither headers nor bodies are ever written.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{server::error::Refused, shutdown::Shutdown};

/// For how long refusals for one reason are counted before one line sums them up.
const QUIET: Duration = Duration::from_secs(5);

/// The refusals that the log has not been told of yet.
#[derive(Debug)]
pub(super) struct Log {
    /// For each reason that was told lately, how many more there were.
    untold: Arc<Untold>,
    shutdown: Shutdown,
}

type Untold = Mutex<HashMap<&'static str, u64>>;

impl Log {
    pub(super) fn new(shutdown: Shutdown) -> Self {
        Self { untold: Arc::default(), shutdown }
    }

    /// Writes the refusal down, or counts it if one for the same reason was written within the last seconds.
    pub(super) fn tell(&self, refused: &Refused, endpoint: &str, peer: Option<SocketAddr>) {
        let reason = refused.reason();
        if !self.is_first(reason) {
            return;
        }
        let (peer, outcome) = (peer.map(tracing::field::display), refused.outcome());
        if refused.is_ours() {
            tracing::error!(
                endpoint.name = endpoint,
                peer.address = peer,
                refusal.reason = reason,
                "a request was {outcome}: {refused}"
            );
        } else {
            tracing::warn!(
                endpoint.name = endpoint,
                peer.address = peer,
                refusal.reason = reason,
                "a request was {outcome}: {refused}"
            );
        }
        self.sum_up(reason, outcome);
    }

    /// The same of a request to the operator's listener whose `Authorization` holds no token of it.
    pub(super) fn tell_wrong_bearer(&self, peer: Option<&str>) {
        let reason = "wrong_bearer";
        if self.is_first(reason) {
            tracing::warn!(peer.address = peer, refusal.reason = reason, "a request to the admin listener bore no token of it");
            self.sum_up(reason, "refused");
        }
    }

    /// Whether none was written down for this reason within the last seconds; else it is counted.
    fn is_first(&self, reason: &'static str) -> bool {
        let mut untold = lock(&self.untold);
        let count = untold.get_mut(reason).map(|count| *count += 1);
        count.is_none() && untold.insert(reason, 0).is_none()
    }

    fn sum_up(&self, reason: &'static str, outcome: &'static str) {
        self.shutdown.spawn(sum_up_later(Arc::clone(&self.untold), reason, outcome, self.shutdown.clone()));
    }
}

async fn sum_up_later(untold: Arc<Untold>, reason: &'static str, outcome: &'static str, shutdown: Shutdown) {
    let count = tokio::select! {
        () = tokio::time::sleep(QUIET) => lock(&untold).remove(reason),
        // The reason stays told: forgotten now, each refusal from here on would be the first again and have a line of its own.
        () = shutdown.begun() => lock(&untold).get_mut(reason).map(std::mem::take),
    };
    if let Some(count) = count.filter(|count| *count > 0) {
        let more = if count == 1 { "1 more request was".to_owned() } else { format!("{count} more requests were") };
        tracing::warn!(refusal.reason = reason, refusal.count = count, "{more} {outcome} for the same reason");
    }
}

fn lock(untold: &Untold) -> MutexGuard<'_, HashMap<&'static str, u64>> {
    untold.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{server::tests::lines::Lines, signature::Refusal};

    #[tokio::test(start_paused = true)]
    async fn a_flood_makes_two_lines() {
        let (lines, _guard) = Lines::listen();
        let log = Log::new(Shutdown::new());
        let peer = Some(([192, 0, 2, 7], 443).into());

        for _ in 0..1_000 {
            log.tell(&Refusal::Wrong.into(), "app", peer);
        }
        log.tell(&Refused::Stopping, "app", None);
        assert_eq!(
            lines.take(),
            [
                " WARN asc_webhooks::server::refusals::log: a request was refused: the signature matches no secret of the endpoint endpoint.name=\"app\" \
                 peer.address=192.0.2.7:443 refusal.reason=\"wrong\"",
                " WARN asc_webhooks::server::refusals::log: a request was refused: the program is stopping endpoint.name=\"app\" refusal.reason=\"stopping\"",
            ]
        );
        tokio::time::sleep(QUIET * 2).await;
        assert_eq!(
            lines.take(),
            [
                " WARN asc_webhooks::server::refusals::log: 999 more requests were refused for the same reason refusal.reason=\"wrong\" refusal.count=999"
            ]
        );
        log.tell(&Refusal::Wrong.into(), "app", peer);
        assert_eq!(lines.take().len(), 1, "later ones are told at once again");
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_tokens_of_operators_are_summed_up_too() {
        let (lines, _guard) = Lines::listen();
        let log = Log::new(Shutdown::new());
        for _ in 0..3 {
            log.tell_wrong_bearer(Some("192.0.2.7:443"));
        }
        tokio::time::sleep(QUIET * 2).await;
        assert_eq!(
            lines.take(),
            [
                " WARN asc_webhooks::server::refusals::log: a request to the admin listener bore no token of it peer.address=\"192.0.2.7:443\" \
                 refusal.reason=\"wrong_bearer\"",
                " WARN asc_webhooks::server::refusals::log: 2 more requests were refused for the same reason refusal.reason=\"wrong_bearer\" \
                 refusal.count=2",
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_does_not_wait_for_the_sum() {
        let shutdown = Shutdown::new();
        let log = Log::new(shutdown.clone());
        log.tell(&Refusal::Absent.into(), "app", None);
        shutdown.begin();
        assert!(shutdown.finished(QUIET / 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_while_the_program_stops_makes_a_line_a_reason() {
        let (lines, _guard) = Lines::listen();
        let (shutdown, peer) = (Shutdown::new(), Some(([192, 0, 2, 7], 443).into()));
        let log = Log::new(shutdown.clone());
        for _ in 0..3 {
            log.tell(&Refusal::Wrong.into(), "app", peer);
        }
        assert_eq!(lines.take().len(), 1);
        shutdown.begin();
        for _ in 0..1_000 {
            log.tell(&Refusal::Wrong.into(), "app", peer);
            log.tell(&Refused::Stopping, "app", peer);
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(QUIET * 2).await;
        let said = lines.take();
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(said[0].contains("the program is stopping"), "{said:#?}");
        assert!(said[1].contains("3 more requests were refused"), "{said:#?}");
    }
}
