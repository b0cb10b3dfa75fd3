//! Files that commands make: never over another, and readable by whom they concern.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// The mode of a file that only its owner may read.
pub(super) const CONFIDENTIAL: u32 = 0o600;

/// Makes a file that was not there before, and sees it onto the disk.
pub(super) fn create(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut created = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    created.write_all(text.as_bytes())?;
    created.sync_all()
}
