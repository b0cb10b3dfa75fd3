//! Disks to break: file systems of our own, in a file or in memory.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A mounted file system that can be taken away. It is unmounted when it is dropped.
pub(crate) struct Disk {
    folder: TempDir,
    image: Option<PathBuf>,
}

/// What kind of file system to make.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Debian's usual one.
    Ext4,
    /// One that forgets more when the power fails, and so sees more mistakes.
    Xfs,
}

impl Disk {
    /// Makes a file system in a file, and mounts it.
    pub(crate) fn make(kind: Kind) -> Self {
        let folder = TempDir::with_prefix("asc-webhooks-disk-").unwrap();
        let image = folder.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(320 << 20).unwrap();
        match kind {
            Kind::Ext4 => run("mkfs.ext4", ["-q".as_ref(), "-F".as_ref(), image.as_os_str()]),
            Kind::Xfs => run("mkfs.xfs", ["-q".as_ref(), image.as_os_str()]),
        }
        let disk = Self { folder, image: Some(image) };
        std::fs::create_dir(disk.path()).unwrap();
        disk.mount();
        disk
    }

    /// A file system in memory, of so many mebibytes.
    pub(crate) fn in_memory(mebibytes: usize) -> Self {
        let disk = Self { folder: TempDir::with_prefix("asc-webhooks-disk-").unwrap(), image: None };
        std::fs::create_dir(disk.path()).unwrap();
        let size = format!("size={mebibytes}m");
        run("mount", ["-t", "tmpfs", "-o", &size, "tmpfs", &disk.path().display().to_string()]);
        disk
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// Takes the power away: from this instant nothing reaches the disk any more, not even what is in the file system's own journal.
    pub(crate) fn lose_power(&self) {
        run("xfs_io", ["-x", "-c", "shutdown", &self.path().display().to_string()]);
    }

    /// Brings it back as after a power failure. Nobody may have a file open on it.
    pub(crate) fn come_back(&self) {
        run("umount", [self.path()]);
        self.mount();
    }

    fn mount(&self) {
        let image: &Path = self.image.as_ref().unwrap();
        run("mount", ["-o".as_ref(), "loop".as_ref(), image.as_os_str(), self.path().as_os_str()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.path()).output());
    }
}

/// Runs a program of the operating system.
#[track_caller]
pub(crate) fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error} (`tests/run` installs it)"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed; mounting needs root: {words}");
}
