//! The room that is left on the disk.
//!
//! Nothing new is let in when only the reserve is left, so that what is in can still be finished: a completion that cannot be
//! written is a handler that runs twice.
//!
//! Looking at the disk shows what has been written, not what has been let in and waits for its commit. So what is let in holds the room
//! that it may take until its write is answered, and a look counts that as taken. What comes in after a look is taken out of it too, since
//! the look does not show that it has been written. What an arrival may take is more than its bytes: whole pages are written, first to the
//! log and later from there to the database.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::super::StoreError;

/// How long a look at the disk counts.
const FRESH: Duration = Duration::from_millis(100);

/// How much may come in before the disk is looked at again.
const FRESH_BYTES: u64 = 4 * 1_024 * 1_024;

/// A page of the database, and what the log writes for it.
const PAGE: u64 = 4_096 + 24;

/// How many pages an arrival may change besides those that its body fills: a leaf of each table and index that tells of it, and now and
/// then the page above.
const FURTHER_PAGES: u64 = 13;

/// The disk that the store is on.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    reserve: u64,
    last: Mutex<Option<Look>>,
    held: Arc<AtomicU64>,
}

/// Room on the disk for something that has been let in. Whoever drops it says that the disk shows by now what was written, or that nothing
/// will be.
#[derive(Debug)]
#[must_use = "the room is held for as long as this is"]
pub(super) struct Space {
    bytes: u64,
    held: Arc<AtomicU64>,
}

impl Drop for Space {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Release);
    }
}

#[derive(Debug)]
struct Look {
    at: Instant,
    /// What may still come in, or why nothing may.
    left: Result<u64, StoreError>,
    admitted: u64,
}

impl Disk {
    /// The disk that `directory` is on. The reserve is never more than a twentieth of it, so that a small disk is of use too.
    pub(super) fn new(directory: PathBuf, reserve: u64) -> Self {
        Self { directory, reserve, last: Mutex::default(), held: Arc::default() }
    }

    /// Lets an arrival of `bytes` in, if there is room for it.
    pub(super) fn admit(&self, bytes: usize) -> Result<Space, StoreError> {
        self.admit_at(Instant::now(), bytes, || self.left())
    }

    /// As [`Disk::admit`], by a look that may be had at `now`.
    fn admit_at(&self, now: Instant, bytes: usize, left: impl FnOnce() -> Result<u64, StoreError>) -> Result<Space, StoreError> {
        let cost = cost(bytes as u64);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let look = match last.take() {
            Some(look) if now.saturating_duration_since(look.at) < FRESH && look.admitted.saturating_add(cost) < FRESH_BYTES => {
                look
            }
            _ => {
                // Asked before the disk is: what is written in between counts twice then, and not never.
                let held = self.held.load(Ordering::Acquire);
                Look { at: now, left: left().map(|left| left.saturating_sub(held)), admitted: 0 }
            }
        };
        let Look { left, admitted, .. } = last.insert(look);
        match left {
            Ok(left) if *left >= cost => {
                *left -= cost;
                *admitted += cost;
                self.held.fetch_add(cost, Ordering::Relaxed);
                Ok(Space { bytes: cost, held: Arc::clone(&self.held) })
            }
            Ok(_) => Err(StoreError::Full(format!(
                "what is free on the disk of `{}` is reserved for finishing what was accepted",
                self.directory.display()
            ))),
            Err(error) => Err(error.clone()),
        }
    }

    /// How many bytes are free beyond the reserve.
    fn left(&self) -> Result<u64, StoreError> {
        let disk = rustix::fs::statvfs(&self.directory).map_err(|error| {
            StoreError::Unavailable(format!("cannot look at the disk of `{}`: {error}", self.directory.display()))
        })?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let reserve = effective_reserve(self.reserve, disk.f_blocks.saturating_mul(disk.f_frsize));
        free.checked_sub(reserve).ok_or_else(|| {
            StoreError::Full(format!(
                "{free} bytes are free on the disk of `{}`, and {reserve} are reserved for finishing what was accepted",
                self.directory.display()
            ))
        })
    }

    /// Behaves as if a look had found so much room.
    #[cfg(test)]
    pub(super) fn pretend(&self, at: Instant, left: u64) {
        *self.last.lock().unwrap() = Some(Look { at, left: Ok(left), admitted: 0 });
    }
}

/// What an arrival may cost: its pages, once in the log and once in the database.
fn cost(bytes: u64) -> u64 {
    2 * PAGE * (bytes.div_ceil(PAGE) + FURTHER_PAGES)
}

fn effective_reserve(asked_for: u64, size: u64) -> u64 {
    asked_for.min(size / 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_is_of_use_too() {
        const MIB: u64 = 1_024 * 1_024;
        assert_eq!(effective_reserve(32 * MIB, 250_000 * MIB), 32 * MIB);
        assert_eq!(effective_reserve(32 * MIB, 20 * MIB), MIB);
    }

    #[test]
    fn each_arrival_takes_its_pages_out_of_what_is_left() {
        let disk = Disk::new(std::env::temp_dir(), 0);
        disk.pretend(Instant::now() + Duration::from_mins(1), 3 * cost(2_000) + cost(2_000) / 2);
        let admitted: Vec<_> = std::iter::repeat_with(|| disk.admit(2_000)).map_while(Result::ok).collect();
        assert_eq!(admitted.len(), 3, "thousands would come in if only their bytes counted");
        assert!(matches!(disk.admit(2_000), Err(StoreError::Full(_))));
    }

    /// As when the writer is held up: each look finds what the one before it found.
    #[test]
    fn what_is_in_flight_is_taken_however_often_the_disk_is_looked_at() {
        const FREE: u64 = 5 * 1_024 * 1_024;
        let disk = Disk::new("/".into(), 0);
        let begin = Instant::now();
        let admit = |after: Duration| disk.admit_at(begin + after, 2_000, || Ok(FREE));
        let in_flight: Vec<_> = (0..10_000).map_while(|look| admit(look * FRESH).ok()).collect();
        assert_eq!(in_flight.len() as u64, FREE / cost(2_000));
        let refused = admit(10_001 * FRESH).unwrap_err();
        assert!(matches!(refused, StoreError::Full(_)), "{refused}");
        drop(in_flight);
        let _again = admit(10_002 * FRESH).unwrap();
        assert_eq!(disk.held.load(Ordering::Relaxed), cost(2_000));
    }

    #[test]
    fn a_disk_that_cannot_be_looked_at_takes_nothing() {
        let disk = Disk::new("/no/such/directory".into(), 0);
        assert!(matches!(disk.admit(1), Err(StoreError::Unavailable(_))));
    }
}
