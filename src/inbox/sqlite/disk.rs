//! The room that is left on the disk.
//!
//! Nothing new is let in when only the reserve is left, so that what is in can still be finished: a completion that cannot be
//! written is a handler that runs twice.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::super::StoreError;

/// How long a look at the disk counts.
const FRESH: Duration = Duration::from_millis(100);

/// How many bytes may come in before the disk is looked at again.
const FRESH_BYTES: u64 = 4 * 1_024 * 1_024;

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
    admitted: u64,
    shortage: Option<StoreError>,
}

impl Disk {
    /// The disk that `directory` is on. The reserve is never more than a twentieth of it, so that a small disk is of use too.
    pub(super) fn new(directory: PathBuf, reserve: u64) -> Self {
        Self { directory, reserve, last: Mutex::new(None) }
    }

    /// Says whether `bytes` more may come in.
    pub(super) fn admit(&self, bytes: usize) -> Result<(), StoreError> {
        let bytes = bytes as u64;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = last.as_mut()
            && look.at.elapsed() < FRESH
            && look.admitted.saturating_add(bytes) < FRESH_BYTES
        {
            look.admitted += bytes;
            return look.shortage.clone().map_or(Ok(()), Err);
        }
        let shortage = self.shortage();
        *last = Some(Look { at: Instant::now(), admitted: bytes, shortage: shortage.clone() });
        shortage.map_or(Ok(()), Err)
    }

    fn shortage(&self) -> Option<StoreError> {
        let disk = match rustix::fs::statvfs(&self.directory) {
            Ok(disk) => disk,
            Err(error) => {
                return Some(StoreError::Unavailable(format!(
                    "cannot look at the disk of `{}`: {error}",
                    self.directory.display()
                )));
            }
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let reserve = effective_reserve(self.reserve, disk.f_blocks.saturating_mul(disk.f_frsize));
        (free < reserve).then(|| {
            StoreError::Full(format!(
                "{free} bytes are free on the disk of `{}`, and {reserve} are reserved for finishing what was accepted",
                self.directory.display()
            ))
        })
    }

    /// Behaves as if the last look had found too little room.
    #[cfg(test)]
    pub(super) fn pretend_shortage(&self) {
        let shortage = Some(StoreError::Full("as a test would have it".into()));
        *self.last.lock().unwrap() = Some(Look { at: Instant::now(), admitted: 0, shortage });
    }
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
    fn a_disk_that_cannot_be_looked_at_takes_nothing() {
        let disk = Disk::new("/no/such/directory".into(), 0);
        assert!(matches!(disk.admit(1), Err(StoreError::Unavailable(_))));
    }
}
