//! The room that is left on the disk.
//!
//! Nothing new is let in when only the reserve is left, so that what is in can still be finished: a completion that cannot be
//! written is a handler that runs twice.
//!
//! Looking at the disk shows what has been written, not what has been let in and waits for its commit. So a look is an account: what is
//! free beyond the reserve may come in, and each arrival takes out of it what it may cost. That is more than its bytes: whole pages are
//! written, first to the log and later from there to the database.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
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
        Self { directory, reserve, last: Mutex::new(None) }
    }

    /// Says whether an arrival of `bytes` may come in.
    pub(super) fn admit(&self, bytes: usize) -> Result<(), StoreError> {
        let cost = cost(bytes as u64);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let look = match last.take() {
            Some(look) if look.at.elapsed() < FRESH && look.admitted.saturating_add(cost) < FRESH_BYTES => look,
            _ => Look { at: Instant::now(), left: self.left(), admitted: 0 },
        };
        let Look { left, admitted, .. } = last.insert(look);
        match left {
            Ok(left) if *left >= cost => {
                *left -= cost;
                *admitted += cost;
                Ok(())
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
        let admitted = std::iter::repeat_with(|| disk.admit(2_000)).take_while(Result::is_ok).count();
        assert_eq!(admitted, 3, "thousands would come in if only their bytes counted");
        assert!(matches!(disk.admit(2_000), Err(StoreError::Full(_))));
    }

    #[test]
    fn a_disk_that_cannot_be_looked_at_takes_nothing() {
        let disk = Disk::new("/no/such/directory".into(), 0);
        assert!(matches!(disk.admit(1), Err(StoreError::Unavailable(_))));
    }
}
