//! Chance: the instants at which the tests strike.

use std::{
    hash::{BuildHasher as _, RandomState},
    ops::Range,
    time::Duration,
};

/// A time between two numbers of milliseconds, another one at each call.
pub(crate) fn pause(milliseconds: &Range<u64>) -> Duration {
    let (start, end) = (milliseconds.start * 1_000, milliseconds.end * 1_000);
    // The standard library gives out no random numbers, but it keys each map with one.
    Duration::from_micros(start + RandomState::new().hash_one(()) % (end - start))
}
