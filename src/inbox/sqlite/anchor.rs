//! Whether the files that are written to are still those that the next start will find.
//!
//! A file that was removed, or replaced by another, can be written to and synced for as long as it is open, and is gone with the process.
//! So the paths are looked at after each commit, before anybody is told of it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::place::beside;

/// The files of a store, as they were when it was opened.
#[derive(Debug, Default)]
pub(super) struct Anchor(Vec<(PathBuf, Mark)>);

/// What tells a file from any other of the machine.
type Mark = (u64, u64);

impl Anchor {
    /// Takes note of the files of the database at `path`, whose log has been written to.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let files = [path.to_owned(), beside(path, "-wal"), beside(path, ".lock")];
        files.into_iter().map(|file| mark(&file).map(|mark| (file, mark))).collect::<io::Result<_>>().map(Self)
    }

    /// Says which file is not there any more, or is another.
    pub(super) fn lost(&self) -> Option<&Path> {
        let lost = self.0.iter().find(|(file, noted)| mark(file).ok().as_ref() != Some(noted));
        lost.map(|(file, _)| file.as_path())
    }
}

/// Asks for the number of the file and nothing else. Whoever asks for its times, as [`fs::metadata`] does, has the system note a new time at
/// the next write, and the sync after that takes a third longer.
#[cfg(target_os = "linux")]
fn mark(file: &Path) -> io::Result<Mark> {
    use rustix::{
        fs::{AtFlags, CWD, StatxFlags, makedev, statx},
        io::Errno,
    };
    match statx(CWD, file, AtFlags::empty(), StatxFlags::INO) {
        Ok(found) => Ok((makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino)),
        // The question is newer than some of the sandboxes that programs run in.
        Err(Errno::NOSYS | Errno::PERM) => mark_by_metadata(file),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn mark(file: &Path) -> io::Result<Mark> {
    mark_by_metadata(file)
}

fn mark_by_metadata(file: &Path) -> io::Result<Mark> {
    fs::metadata(file).map(|found| (found.dev(), found.ino()))
}
