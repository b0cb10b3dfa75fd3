//! What these tests are made of: a running program with something in its store, and a browser.

pub(crate) mod browser;
pub(crate) mod place;
pub(crate) mod stranger;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Nothing here takes long; what does not come is not waited for forever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Whether `tests/run --long` asks for more.
pub(crate) fn is_long() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one thing that these tests ask the environment")]
    std::env::var("ASC_WEBHOOKS_TESTS").is_ok_and(|length| length == "long")
}

/// A tool that `tests/run` has fetched.
pub(crate) fn tool(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(path);
    assert!(path.is_file(), "`{}` is not there: `tests/run` fetches it", path.display());
    path
}

/// Where something is left to be looked at.
pub(crate) fn left(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Says what was seen, for whoever reads the output of a passing run.
pub(crate) fn report(words: &str) {
    println!("{words}");
}
