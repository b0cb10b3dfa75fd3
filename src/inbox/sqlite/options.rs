//! What is said of a store when it is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{super::StoreError, anchor::Anchor};

/// Which file, and how to treat it.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) path: PathBuf,
    pub(super) exclusive: bool,
    pub(super) reserve: u64,
    pub(super) patience: Duration,
    pub(super) synchronous: i64,
    #[cfg(feature = "sabotage")]
    adrift: bool,
}

impl Options {
    /// The store of a server, at `path`, a regular file on a local disk. It is made if it is not there, and so is its directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        const FULL: i64 = 2;
        Self {
            path: path.into(),
            exclusive: true,
            reserve: 32 * 1_024 * 1_024,
            patience: Duration::from_secs(2),
            synchronous: FULL,
            #[cfg(feature = "sabotage")]
            adrift: false,
        }
    }

    /// Opens the file beside a server that may have it open: nothing is made, and nothing that is claimed is taken back.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.exclusive = false;
        self
    }

    /// How many bytes of the disk are to stay free: with less, nothing new is accepted, and what was accepted can still be finished.
    /// Never more than a twentieth of the disk. 32 MiB if nothing is said.
    #[must_use]
    pub fn reserve(mut self, bytes: u64) -> Self {
        self.reserve = bytes;
        self
    }

    /// How long to wait for another process that is writing. 2 seconds if nothing is said.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Does not look whether the files are still there. It breaks the promise of [`Store::accept`](crate::inbox::Store::accept) on purpose.
    #[cfg(feature = "sabotage")]
    #[must_use]
    pub fn adrift(mut self) -> Self {
        self.adrift = true;
        self
    }

    /// Commits without a sync. It breaks the promise of [`Store::accept`](crate::inbox::Store::accept) on purpose: the power-loss tests must see it broken.
    #[cfg(feature = "sabotage")]
    #[must_use]
    pub fn synchronous_normal(mut self) -> Self {
        self.synchronous = 1;
        self
    }

    /// Takes note of the files that were opened at `path`.
    pub(super) fn anchor(&self, path: &Path) -> Result<Anchor, StoreError> {
        #[cfg(feature = "sabotage")]
        if self.adrift {
            return Ok(Anchor::default());
        }
        Anchor::of(path).map_err(|error| StoreError::Unavailable(format!("cannot find what was opened: {error}")))
    }
}
