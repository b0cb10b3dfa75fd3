//! The alarm of an endpoint: signatures fail that used to match.
//!
//! It is raised by [`IN_A_ROW`] well-formed signatures that match no secret, if something authentic was ever kept and nothing has been
//! since. Then most likely the secret was changed, at Apple's side or at ours; that, too, is when Apple's events are being lost.
//!
//! *Strangers cannot hide it*: only something authentic and new ends it, which they cannot make; a captured notification that is sent again
//! is not new. *They hardly raise it by chance*: what has no signature, or none that looks like Apple's, does not count. Whoever
//! forges signatures on purpose can raise it, as one would want; a ping then tells, for it either ends the alarm or fails too.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use metrics::Gauge;

use crate::telemetry::metrics as figures;

/// How many must fail, and nothing new match in between.
pub(super) const IN_A_ROW: u64 = 3;

/// An endpoint whose signatures fail after having matched.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(in crate::server) struct Failing {
    pub(in crate::server) endpoint: String,
    /// When the first came that failed.
    pub(in crate::server) since: Timestamp,
    /// How many have failed since.
    pub(in crate::server) count: u64,
}

/// Whether signatures fail.
pub(super) struct Alarm {
    /// Whether nothing has failed since something matched: all that is looked at while all is well.
    is_quiet: AtomicBool,
    failures: Mutex<Failures>,
    /// Set only while the failures are locked, so that it never shows an alarm of before.
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Failures {
    has_matched: bool,
    since: Option<Timestamp>,
    in_a_row: u64,
}

impl Failures {
    fn is_alarm(&self) -> bool {
        self.has_matched && self.in_a_row >= IN_A_ROW
    }
}

impl Alarm {
    pub(super) fn new(endpoint: &str) -> Self {
        let gauge = figures::signatures_failing(endpoint);
        gauge.set(0.0);
        Self { is_quiet: AtomicBool::new(false), failures: Mutex::default(), gauge }
    }

    /// Notes that a signature matched, of something new.
    pub(super) fn matched(&self, endpoint: &str) {
        if self.is_quiet.load(Ordering::Relaxed) {
            return;
        }
        let mut failures = self.failures();
        self.is_quiet.store(true, Ordering::Relaxed);
        let before = std::mem::replace(&mut *failures, Failures { has_matched: true, ..Failures::default() });
        if before.is_alarm() {
            self.gauge.set(0.0);
            tracing::info!(endpoint.name = endpoint, refusal.count = before.in_a_row, "signatures match again");
        }
    }

    /// Notes that a signature that looks like Apple's matches no secret.
    pub(super) fn failed(&self, endpoint: &str, now: Timestamp) {
        let mut failures = self.failures();
        self.is_quiet.store(false, Ordering::Relaxed);
        let was_alarm = failures.is_alarm();
        failures.in_a_row += 1;
        failures.since.get_or_insert(now);
        if failures.is_alarm() && !was_alarm {
            self.gauge.set(1.0);
            tracing::warn!(
                endpoint.name = endpoint,
                refusal.count = failures.in_a_row,
                "signatures have begun to fail: was the secret changed, here or at Apple? `asc-webhooks webhooks ping` tells"
            );
        }
    }

    /// Ends without anything having matched.
    pub(super) fn forget(&self) {
        let mut failures = self.failures();
        *failures = Failures::default();
        self.is_quiet.store(false, Ordering::Relaxed);
        self.gauge.set(0.0);
    }

    pub(super) fn failing(&self, endpoint: &str) -> Option<Failing> {
        let failures = self.failures();
        let since = failures.since.filter(|_| failures.is_alarm())?;
        Some(Failing { endpoint: endpoint.to_owned(), since, count: failures.in_a_row })
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alarm").field("failures", &self.failures).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, OnceLock, Weak};

    use metrics::GaugeFn;

    use super::*;

    /// A gauge that notes what it is set to, and whether others could have changed the alarm meanwhile.
    #[derive(Default)]
    struct Watched {
        alarm: OnceLock<Weak<Alarm>>,
        sets: Mutex<Vec<(f64, bool)>>,
    }

    impl GaugeFn for Watched {
        fn increment(&self, _: f64) {}

        fn decrement(&self, _: f64) {}

        fn set(&self, value: f64) {
            let alarm = self.alarm.get().and_then(Weak::upgrade).unwrap();
            let is_alone = alarm.failures.try_lock().is_err();
            self.sets.lock().unwrap().push((value, is_alone));
        }
    }

    #[test]
    fn what_the_gauge_shows_is_never_behind_the_alarm() {
        let watched = Arc::new(Watched::default());
        let gauge = Gauge::from_arc(Arc::clone(&watched));
        let alarm = Arc::new(Alarm { is_quiet: AtomicBool::new(false), failures: Mutex::default(), gauge });
        watched.alarm.set(Arc::downgrade(&alarm)).unwrap();
        let fail = || (0..IN_A_ROW).for_each(|_| alarm.failed("app", Timestamp::UNIX_EPOCH));

        alarm.matched("app");
        fail();
        alarm.matched("app");
        fail();
        alarm.forget();
        assert_eq!(*watched.sets.lock().unwrap(), [(1.0, true), (0.0, true), (1.0, true), (0.0, true)]);
    }
}
