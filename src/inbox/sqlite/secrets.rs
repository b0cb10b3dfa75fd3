//! Sealed secrets and their readers. There are few of them, so nothing here is made to be fast.

use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::{
    super::secrets::{KeptSecret, KeptSecrets, SecretState, SecretsReader},
    column::{self, micros},
    ledger::Ledger,
};

/// A server that was not heard of for so long is forgotten. In microseconds.
const FORGOTTEN: i64 = 60 * 60 * 1_000_000;

/// See [`super::super::Store::secrets`].
pub(super) fn read(connection: &Connection) -> Result<KeptSecrets> {
    let mut kept = KeptSecrets { version: version(connection)?, ..KeptSecrets::default() };
    let mut secrets = connection
        .prepare_cached("SELECT endpoint, label, state, sealed, made_at, not_after FROM secret ORDER BY endpoint, place")?;
    let mut rows = secrets.query([])?;
    while let Some(row) = rows.next()? {
        let not_after: Option<i64> = row.get(5)?;
        let secret = KeptSecret {
            label: row.get(1)?,
            state: state(row.get(2)?)?,
            sealed: row.get(3)?,
            made_at: column::time(row, 4)?,
            not_after: not_after.map(|at| column::timestamp(5, at)).transpose()?,
        };
        kept.endpoints.entry(row.get(0)?).or_default().push(secret);
    }
    let mut readers = connection.prepare_cached("SELECT name, version, seen_at FROM secret_reader ORDER BY name")?;
    let readers = readers
        .query_map([], |row| Ok(SecretsReader { name: row.get(0)?, version: row.get(1)?, seen_at: column::time(row, 2)? }))?;
    kept.readers = readers.collect::<Result<_>>()?;
    Ok(kept)
}

fn version(connection: &Connection) -> Result<i64> {
    let version = connection.query_row("SELECT version FROM secret_version", [], |row| row.get(0)).optional()?;
    Ok(version.unwrap_or(0))
}

fn code(state: SecretState) -> i64 {
    match state {
        SecretState::Next => 0,
        SecretState::Current => 1,
        SecretState::Retiring => 2,
    }
}

fn state(code: i64) -> Result<SecretState> {
    match code {
        0 => Ok(SecretState::Next),
        1 => Ok(SecretState::Current),
        2 => Ok(SecretState::Retiring),
        _ => Err(rusqlite::Error::IntegralValueOutOfRange(2, code)),
    }
}

impl Ledger<'_> {
    /// See [`super::super::Store::keep_secrets`].
    pub(super) fn keep_secrets(&mut self, endpoint: &str, secrets: &[KeptSecret], since: i64) -> Result<bool> {
        if version(self.connection)? != since {
            return Ok(false);
        }
        self.connection.execute("DELETE FROM secret WHERE endpoint = ?1", [endpoint])?;
        for (place, secret) in (0_i64..).zip(secrets) {
            let KeptSecret { label, state, sealed, made_at, not_after } = secret;
            self.connection.execute(
                "INSERT INTO secret (endpoint, place, label, state, sealed, made_at, not_after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![endpoint, place, label, code(*state), sealed, micros(*made_at), not_after.map(micros)],
            )?;
        }
        let version = since.saturating_add(1);
        self.connection.execute(
            "INSERT INTO secret_version (id, version) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
            [version],
        )?;
        Ok(true)
    }

    /// See [`super::super::Store::note_secrets_reader`].
    pub(super) fn note_secrets_reader(&mut self, reader: &SecretsReader) -> Result<()> {
        let seen_at = micros(reader.seen_at);
        self.connection.execute("DELETE FROM secret_reader WHERE seen_at < ?1", [seen_at.saturating_sub(FORGOTTEN)])?;
        self.connection.execute(
            "INSERT INTO secret_reader (name, version, seen_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET version = excluded.version, seen_at = excluded.seen_at",
            params![reader.name, reader.version, seen_at],
        )?;
        Ok(())
    }

    /// Forgets every server: whoever has the file alone is none of them.
    pub(super) fn forget_secrets_readers(&mut self) -> Result<()> {
        self.connection.execute("DELETE FROM secret_reader", []).map(drop)
    }
}
