//! What the fault tests are made of: a server to maltreat, clients that keep a ledger, a handler at the other end, and disks to break.

pub(crate) mod disk;
pub(crate) mod http;
pub(crate) mod kept;
pub(crate) mod load;
pub(crate) mod random;
pub(crate) mod server;
pub(crate) mod sink;
pub(crate) mod trace;

use std::{
    thread,
    time::{Duration, Instant},
};

/// The path that the test server receives at.
pub(crate) const PATH: &str = "/apple/my-app";

/// The secret of the test server's endpoint.
pub(crate) const SECRET: &str = "a secret that only the fault tests use";

/// How often something is tried: `usual` in every run of the tests, `long` when `tests/run --long` asks for it.
pub(crate) fn times(usual: usize, long: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "the one thing that the fault tests ask the environment")]
    let asked = std::env::var("ASC_WEBHOOKS_TESTS").is_ok_and(|length| length == "long");
    if asked { long } else { usual }
}

/// Says what was seen, for whoever reads the output of a passing run.
pub(crate) fn report(words: &str) {
    println!("{words}");
}

/// Waits until something is so, and says how long that took. Fails when it is not so after `patience`.
#[track_caller]
pub(crate) fn eventually(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "{what}: not so after {patience:?}");
        thread::sleep(Duration::from_millis(10));
    }
    start.elapsed()
}
