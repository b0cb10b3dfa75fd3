//! Where the time comes from.
//!
//! Nothing else in the crate asks the operating system for the time, so a test can hold the clock still or turn it. There are two
//! readings: [`Clock::now`] is the calendar's, for what people read; [`Clock::steady`] moves only with the time that passes, for
//! leases and waiting periods, so that a clock that is set ten days forward or back neither runs work twice nor strands it. The steady
//! reading is a process's own: two that were started at different times may differ by as much as the machine slept or was set between.

use std::{fmt::Debug, time::Instant};

use jiff::{SignedDuration, Timestamp};

/// A source of time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time of day, in UTC, as the machine believes it to be.
    fn now(&self) -> Timestamp;

    /// A time that starts at the time of day and from then on moves only as time passes, whatever is done to the machine's clock.
    fn steady(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started_at: Timestamp,
    started: Instant,
}

impl SystemClock {
    /// Starts the steady reading at the present time of day.
    pub fn new() -> Self {
        Self { started_at: system_now(), started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_now()
    }

    fn steady(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        self.started_at.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

/// The clock of a command that works beside a server and leaves work to it. What the server's steady reading is, nobody else knows; so
/// what such a command makes is due since ever.
#[derive(Debug, Default)]
pub struct GuestClock;

impl Clock for GuestClock {
    fn now(&self) -> Timestamp {
        system_now()
    }

    fn steady(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// A clock that stands still until it is told to move: for tests, here and in programs that embed the crate.
#[derive(Debug)]
pub struct ManualClock(std::sync::Mutex<Timestamp>);

impl ManualClock {
    /// A clock that stands at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(std::sync::Mutex::new(at))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut time = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *time = time.saturating_add(by).unwrap_or(Timestamp::MAX);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn steady(&self) -> Timestamp {
        self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_never_runs_back() {
        let clock = SystemClock::new();
        let readings: Vec<_> = (0..1_000).map(|_| clock.steady()).collect();
        assert!(readings.is_sorted());
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.steady());
        clock.advance(std::time::Duration::from_secs(90));
        assert_eq!(clock.now(), Timestamp::from_second(90).unwrap());
    }
}
