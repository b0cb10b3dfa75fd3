//! The shape of the database, and how an older one comes to it.
//!
//! Migrations only go forward, each in one transaction together with the number that says it is done: a process that is killed half
//! way leaves the database as it was. A database that a newer version has changed is refused, not guessed at.

use rusqlite::{Connection, TransactionBehavior};

use super::super::StoreError;

/// Marks the file as ours: `ascw`.
const APPLICATION_ID: i64 = 0x6173_6377;

/// Every step from an empty database to the present one.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_inbox.sql"),
    include_str!("migrations/0002_recovery.sql"),
    include_str!("migrations/0003_details.sql"),
    include_str!("migrations/0004_secrets.sql"),
    include_str!("migrations/0005_subject.sql"),
    include_str!("migrations/0006_notes.sql"),
    include_str!("migrations/0007_pause.sql"),
    include_str!("migrations/0008_subjects.sql"),
    include_str!("migrations/0009_hours.sql"),
    include_str!("migrations/0010_passed_over.sql"),
];

/// How far a database is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It has the present shape.
    Current,
    /// It is empty or older, and has this version.
    Older(usize),
}

/// Looks whose the database is and how old.
///
/// # Errors
/// If it is not a database, not ours, or newer than this program.
pub(super) fn age(connection: &Connection) -> Result<Age, StoreError> {
    let (version, owner, tables) = connection
        .query_row(
            "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id), \
             (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        )
        .map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Unreadable("the file is not a SQLite database".into()),
            Some(rusqlite::ErrorCode::DatabaseBusy) => StoreError::Busy("another process has locked the database".into()),
            _ => StoreError::Unavailable(error.to_string()),
        })?;
    if owner != APPLICATION_ID && tables > 0 {
        return Err(StoreError::Unreadable("the file is a SQLite database of another program".into()));
    }
    let newest = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(version) if version == newest => Ok(Age::Current),
        Ok(version) if version < newest => Ok(Age::Older(version)),
        _ => Err(StoreError::Unreadable(format!(
            "a newer version of `asc-webhooks` has changed it (its schema is {version}, and this program knows up to {newest}): use the newer program"
        ))),
    }
}

/// Brings a database to the present shape.
///
/// # Errors
/// If a migration fails; the database is then as it was before that one.
pub(super) fn migrate(connection: &mut Connection, from: usize) -> Result<(), StoreError> {
    for (version, sql) in (1_i64..).zip(MIGRATIONS).skip(from) {
        let failed = |error: rusqlite::Error| StoreError::Unavailable(format!("migration {version} failed: {error}"));
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        transaction.execute_batch(sql).map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", version).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        if from > 0 {
            tracing::info!(store.schema = version, "the database has been brought up to date");
        }
    }
    Ok(())
}
