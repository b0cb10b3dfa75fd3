//! What SQLite's errors mean for us: which of them pass, and which of them end the process.

use rusqlite::{ErrorCode, ffi};

use super::super::StoreError;

/// What an error of the writing connection means.
pub(super) fn of_write(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error().map(|error| (error.code, error.extended_code)) {
        Some((ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _)) => {
            StoreError::Busy("another process is writing to the database".into())
        }
        // The shared index of the log grows by writing to it; that is all this error can mean while the index is open already.
        Some((ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE)) => {
            StoreError::Full("the disk has no room for another write".into())
        }
        Some((ErrorCode::DatabaseCorrupt, code)) => {
            StoreError::Broken(format!("{error} (SQLite code {code}); `src/docs/operations.md` says how to save what is in it"))
        }
        Some((ErrorCode::SystemIoFailure | ErrorCode::NotADatabase, code)) => {
            StoreError::Broken(format!("{error} (SQLite code {code})"))
        }
        Some(_) => StoreError::Unavailable(error.to_string()),
        None => StoreError::Unreadable(error.to_string()),
    }
}

/// What an error of a reading connection means: reading harms nothing, so nothing is broken by it.
pub(super) fn of_read(error: &rusqlite::Error) -> StoreError {
    match of_write(error) {
        StoreError::Broken(reason) => StoreError::Unavailable(reason),
        other => other,
    }
}

/// Says in the log that the store can no longer be trusted.
pub(super) fn broken(reason: String) -> StoreError {
    tracing::error!(error.message = reason, "the store is broken: the process must be started afresh");
    StoreError::Broken(reason)
}
