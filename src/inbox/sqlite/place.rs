//! Where the database is: its path, its lock, and connections to it.
//!
//! WAL needs shared memory between processes and a sync that means it, so the file must be a regular one on a local disk. What is
//! in it is nobody else's business, so the file is made with mode 0600.
//!
//! Nobody but SQLite ever opens a database that is there. Its locks are POSIX's, which belong to the process: whoever closes any descriptor
//! of the file gives all of them up, those of another store in this process too. The next process then takes itself for the only one, and
//! may remove the log that we go on writing to. So the file is judged by its metadata alone.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{Error, ErrorKind},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use rustix::fs::{Access, FlockOperation};

use super::{super::StoreError, Options, checkpoint::LOG_LIMIT, fault};

/// The oldest SQLite with which a second connection may checkpoint: before it, a log that starts over could lose a commit
/// (<https://sqlite.org/wal.html#walresetbug>).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Finds the file, and makes it, and the directory it is in, if `create` says so. Returns its true path.
///
/// # Errors
/// If it is not there or cannot be, is not a regular file, may not be written, or is on a network file system.
pub(super) fn locate(path: &Path, create: bool) -> Result<PathBuf, StoreError> {
    let said = path.display();
    if !create && !path.exists() {
        let from_here = std::path::absolute(path).ok().filter(|_| path.is_relative());
        let from_here = from_here.map(|path| format!("; from the working directory here, it is `{}`", path.display()));
        let from_here = from_here.unwrap_or_default();
        return Err(StoreError::Unavailable(format!("there is no store yet: `asc-webhooks serve` makes it{from_here}")));
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    if create && let Some(directory) = directory {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
            StoreError::Unavailable(format!("cannot make the directory `{}` for the store: {error}", directory.display()))
        })?;
    }
    if path.exists() && !path.is_file() {
        return Err(StoreError::Unavailable("it is not a regular file: name a file for the store".into()));
    }
    let made = if create { make(path) } else { Ok(()) };
    // SQLite would not say that it may not write: it would go on as one that only reads.
    made.and_then(|()| Ok(rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK)?))
        .map_err(|error| StoreError::Unavailable(format!("cannot open `{said}` for writing: {error}")))?;
    let path = path.canonicalize().map_err(|error| StoreError::Unavailable(format!("cannot find `{said}`: {error}")))?;
    refuse_network(&path)?;
    Ok(path)
}

/// Takes the lock that the one who serves holds. It is gone with the file that is returned.
///
/// # Errors
/// If another process has it.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let path = beside(path, ".lock");
    let said = path.display();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| StoreError::Unavailable(format!("cannot open `{said}`: {error}")))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Unavailable(format!(
            "another server has it open (it holds `{said}`): stop that one, or use another file"
        ))),
        Err(error) => Err(StoreError::Unavailable(format!("cannot lock `{said}`: {error}"))),
    }
}

/// The path of a file that stands beside the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

/// Opens a connection for writing, and makes sure that what it commits is on disk.
///
/// # Errors
/// If SQLite is too old or does not agree to WAL and to a sync at every commit.
pub(super) fn connect(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let version = rusqlite::version_number();
    if version < OLDEST_SQLITE {
        return Err(StoreError::Unavailable(format!("SQLite {version} is too old: {OLDEST_SQLITE} is needed")));
    }
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    let journal: String = setting(&connection, "journal_mode", "WAL")?;
    let synchronous: i64 = {
        connection.pragma_update(None, "synchronous", options.synchronous).map_err(|error| fault::of_read(&error))?;
        connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(|error| fault::of_read(&error))?
    };
    if journal != "wal" || synchronous != options.synchronous {
        return Err(StoreError::Unavailable(format!(
            "SQLite will not make commits durable here: journal_mode is `{journal}` and not `wal`, or synchronous is {synchronous} and not {}",
            options.synchronous
        )));
    }
    let _: i64 = setting(&connection, "journal_size_limit", LOG_LIMIT)?;
    connection.pragma_update(None, "cache_size", -4_096).map_err(|error| fault::of_read(&error))?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(|error| fault::of_read(&error))?;
    Ok(connection)
}

/// Opens a connection that can only read.
pub(super) fn connect_for_reading(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, options)?;
    connection.pragma_update(None, "cache_size", -1_024).map_err(|error| fault::of_read(&error))?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(|error| fault::of_read(&error))?;
    Ok(connection)
}

fn open(path: &Path, mode: OpenFlags, options: &Options) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .and_then(|connection| connection.busy_timeout(options.patience).map(|()| connection))
        .map_err(|error| StoreError::Unavailable(format!("cannot open `{}`: {error}", path.display())))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Without it, SQLite plans a statement anew whenever a value is bound that its statistics might have something to say about. There
    // are no statistics, and planning is a good part of what a write costs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(|error| fault::of_read(&error))?;
    Ok(connection)
}

fn setting<T: rusqlite::types::FromSql>(connection: &Connection, name: &str, value: impl rusqlite::ToSql) -> Result<T, StoreError> {
    connection.pragma_update_and_check(None, name, value, |row| row.get(0)).map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Unreadable("the file is not a SQLite database".into()),
        _ => fault::of_read(&error),
    })
}

/// Makes an empty file, if there is none.
fn make(path: &Path) -> Result<(), Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        // A link is there already, though it may lead to where there is nothing yet.
        Err(_) => match (path.metadata(), path.read_link()) {
            (Err(error), Ok(target)) if error.kind() == ErrorKind::NotFound => make(&path.with_file_name(target)),
            _ => Ok(()),
        },
    }
}

#[cfg(target_os = "linux")]
fn refuse_network(path: &Path) -> Result<(), StoreError> {
    const NETWORK: [(i64, &str); 7] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
    ];
    let disk = rustix::fs::statfs(path)
        .map_err(|error| StoreError::Unavailable(format!("cannot look at the disk of `{}`: {error}", path.display())))?;
    match NETWORK.iter().find(|(magic, _)| *magic == disk.f_type) {
        Some((_, name)) => Err(StoreError::Unavailable(format!(
            "`{}` is on a network file system ({name}), where commits are not safe: use a local disk",
            path.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}
