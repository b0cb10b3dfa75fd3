//! What the writer writes: each function is the inside of one transaction, and knows nothing of queues, threads and commits.
//!
//! A [`Ledger`] is the write connection with what belongs to it: the numbers of names, and the counts of the transaction under way.
//! Intake is here; `work.rs` has claims, finishes and replays.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Statement, params};

use super::{
    super::{Accepted, Arrival, Content, DispatchState, Identity, Owed, ReceiptId, Source, Summary, query::Purged},
    column::{dispatch_range, micros, source, source_code, state},
    hours::Next,
    tally::{Tally, WHOLE_STORE, What},
};

/// How many names are remembered before all are forgotten: far more than there are kinds and states, far fewer than memory holds.
const REMEMBERED_NAMES: usize = 4_096;

/// The write connection, and what is known of the transaction on it.
#[derive(Debug)]
pub(super) struct Ledger<'c> {
    pub(super) connection: &'c Connection,
    pub(super) tally: Tally,
    /// What the next receipt of the transaction under way is numbered.
    pub(super) next: Option<Next>,
    names: BTreeMap<String, i64>,
    prepared: Vec<(&'static str, Statement<'c>)>,
}

/// What a dispatch needs to know of its receipt to be put in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// The subject, if it has one.
    pub(super) subject: Option<String>,
    /// The place among the events of that subject.
    pub(super) place: i64,
}

impl Line {
    /// Where an event stands that was received at this time.
    pub(super) fn of(content: &Content, received_at: Timestamp) -> Self {
        let Content::Event(summary) = content else { return Self::default() };
        let subject = summary.subject_id.as_ref().map(|id| format!("{}/{id}", summary.subject_type.as_deref().unwrap_or_default()));
        Self { subject, place: micros(summary.time.unwrap_or(received_at)) }
    }
}

impl<'c> Ledger<'c> {
    /// A ledger on this connection.
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, tally: Tally::default(), next: None, names: BTreeMap::new(), prepared: Vec::new() }
    }

    /// A statement, which is prepared at its first use and kept: an event needs some ten of them, and a cache that looks them up by
    /// their text costs half of what the smaller ones do.
    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<&mut Statement<'c>> {
        // By where the text stands in the program: should one stand twice, it is prepared twice.
        let known = self.prepared.iter().position(|(text, _)| std::ptr::eq(*text, sql));
        let at = known.unwrap_or(self.prepared.len());
        if known.is_none() {
            self.prepared.push((sql, self.connection.prepare(sql)?));
        }
        Ok(&mut self.prepared[at].1)
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self) -> Result<()> {
        self.next = None;
        self.prepared("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    /// Writes what is left to write, and commits.
    pub(super) fn commit(&mut self) -> Result<()> {
        for (name, what, by) in self.tally.take_changes() {
            self.prepared(
                "INSERT INTO tally (name, what, n) VALUES (?1, ?2, ?3) ON CONFLICT (name, what) DO UPDATE SET n = n + excluded.n",
            )?
            .execute((name, what, by))?;
        }
        for (name, what, newest) in self.tally.take_newest() {
            self.prepared(
                "INSERT INTO tally (name, what, n) VALUES (?1, ?2, ?3) ON CONFLICT (name, what) DO UPDATE SET n = max(n, excluded.n)",
            )?
            .execute((name, what, newest))?;
        }
        self.prepared("COMMIT")?.execute([]).map(drop)
    }

    /// Forgets what the transaction brought in, because it is undone.
    pub(super) fn forget(&mut self) {
        self.tally.clear();
        self.names.clear();
    }

    /// See [`super::super::Store::accept`].
    pub(super) fn accept(&mut self, arrival: &Arrival) -> Result<Accepted> {
        let Arrival { endpoint, received_at, due_at, way, body, content, identity, owed } = arrival;
        let (known, id_known) = self.look_up(identity)?;
        if known {
            return Ok(Accepted::Known);
        }
        let endpoint = self.name(endpoint)?;
        let id = self.next_receipt(*received_at)?;
        self.insert_receipt(id, endpoint, *received_at, way.source(), content)?;
        let secret = way.secret().map(|secret| self.name(secret)).transpose()?;
        let keeping =
            self.prepared("INSERT INTO original (receipt, identity, signature, secret, body) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        keeping.execute(params![id, identity.content(), way.signature(), secret, body.as_ref()])?;
        // It has a copy of the body.
        keeping.clear_bindings();
        self.remember(identity)?;
        self.note_subject(id, endpoint, content)?;
        self.owe_beside(Vec::new(), id, owed, &Line::of(content, *received_at), *due_at)?;

        self.tally.add(endpoint, What::Receipts, 1);
        self.tally.add(endpoint, What::Recovered, i64::from(way.source() == Source::Recovered));
        self.tally.add(endpoint, What::Unparsed, i64::from(matches!(content, Content::Unparsed { .. })));
        self.tally.received(endpoint, micros(*received_at));
        // Bytes that are not an event have no event id that they could share.
        let same_id = id_known && matches!(content, Content::Event(_));
        Ok(Accepted::New { receipt: ReceiptId(id), same_id })
    }

    /// See [`super::super::Store::reparsed`].
    pub(super) fn reparsed(
        &mut self,
        id: ReceiptId,
        content: &Content,
        identity: &Identity,
        owed: &[Owed],
        now: Timestamp,
    ) -> Result<bool> {
        let unparsed = self
            .prepared("SELECT endpoint, received_at FROM receipt WHERE id = ?1 AND reason IS NOT NULL")?
            .query_row([id.0], |row| Ok((row.get::<_, i64>(0)?, super::column::time(row, 1)?)))
            .optional()?;
        let Some((endpoint, received_at)) = unparsed else { return Ok(false) };
        match content {
            Content::Unparsed { reason } => {
                self.connection.execute("UPDATE receipt SET reason = ?2 WHERE id = ?1", params![id.0, reason])?;
            }
            Content::Event(summary) => {
                let [kind, state, previous_state, subject_type] = self.summary_names(summary)?;
                self.connection.execute(
                    "UPDATE receipt SET kind = ?2, state = ?3, previous_state = ?4, subject_type = ?5, subject_id = ?6, event_id = ?7, \
                     time = ?8, reason = NULL WHERE id = ?1",
                    params![id.0, kind, state, previous_state, subject_type, summary.subject_id, summary.event_id, summary.time.map(micros)],
                )?;
                self.note_subject(id.0, endpoint, content)?;
                self.tally.add(endpoint, What::Unparsed, -1);
                let (known, _) = self.look_up(identity)?;
                if !known {
                    self.connection
                        .execute("UPDATE original SET identity = ?2 WHERE receipt = ?1", params![id.0, identity.content()])?;
                    self.remember(identity)?;
                    self.owe(id.0, owed, &Line::of(content, received_at), now)?;
                }
            }
        }
        Ok(true)
    }

    /// Removes those of the given receipts that still owe nothing, and old notes. See [`super::super::Store::purge`].
    pub(super) fn purge(&mut self, receipts: &[i64], before: Timestamp, limit: usize) -> Result<Purged> {
        let mut purged = Purged::default();
        let newest = self.newest_receipt()?;
        for &id in receipts {
            let Some(dead) = self.remove(id)? else { continue };
            if let Some((_, hour)) = newest.filter(|(newest, _)| *newest == id) {
                self.begin_hour(id + 1, hour)?;
            }
            purged.receipts += 1;
            purged.dead += dead;
        }
        self.forget_hours()?;
        let notes = self.purge_notes(before, limit)?;
        Ok(Purged { notes, more: notes > 0 && notes == limit as u64, ..purged })
    }

    /// See [`super::super::Store::keep_details`].
    ///
    /// `app` is the app that the details tell of.
    pub(super) fn keep_details(
        &mut self,
        receipt: i64,
        details: &[u8],
        app: Option<&str>,
        files: &[(String, Bytes)],
    ) -> Result<bool> {
        let is_there: bool =
            self.prepared("SELECT EXISTS (SELECT 1 FROM receipt WHERE id = ?1)")?.query_row([receipt], |row| row.get(0))?;
        if is_there {
            app.map(|app| self.note_app(receipt, app)).transpose()?;
            self.forget_details(receipt)?;
            self.connection.execute("INSERT INTO details (receipt, json) VALUES (?1, ?2)", params![receipt, details])?;
            // Not kept prepared, and so not the bytes either that were its last.
            let mut keeping = self.connection.prepare("INSERT INTO file (receipt, name, bytes) VALUES (?1, ?2, ?3)")?;
            for (name, bytes) in files {
                keeping.execute(params![receipt, name, &bytes[..]])?;
            }
        }
        Ok(is_there)
    }

    fn forget_details(&mut self, receipt: i64) -> Result<()> {
        self.prepared("DELETE FROM details WHERE receipt = ?1")?.execute([receipt])?;
        self.prepared("DELETE FROM file WHERE receipt = ?1")?.execute([receipt])?;
        Ok(())
    }

    /// See [`super::super::Store::probe`].
    pub(super) fn probe(&mut self, now: Timestamp) -> Result<()> {
        self.prepared("INSERT INTO probe (id, at) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET at = excluded.at")?
            .execute([micros(now)])?;
        Ok(())
    }

    /// The number of a name, which is given one if it has none.
    pub(super) fn name(&mut self, name: &str) -> Result<i64> {
        if let Some(id) = self.known_name(name)? {
            return Ok(id);
        }
        self.prepared("INSERT INTO name (name) VALUES (?1)")?.execute([name])?;
        let id = self.connection.last_insert_rowid();
        self.names.insert(name.to_owned(), id);
        Ok(id)
    }

    /// The number of a name; none if the store has never heard it.
    pub(super) fn known_name(&mut self, name: &str) -> Result<Option<i64>> {
        if let Some(&id) = self.names.get(name) {
            return Ok(Some(id));
        }
        let found = self.prepared("SELECT id FROM name WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()?;
        if let Some(id) = found {
            if self.names.len() >= REMEMBERED_NAMES {
                self.names.clear();
            }
            self.names.insert(name.to_owned(), id);
        }
        Ok(found)
    }

    /// Whether the identity is known, and whether its event id is. For an event id never seen before, which is nearly every one, that
    /// is one look into the table.
    fn look_up(&mut self, identity: &Identity) -> Result<(bool, bool)> {
        let known: u8 = self
            .prepared(
                "SELECT CASE WHEN EXISTS (SELECT 1 FROM identity WHERE event = ?1) \
                 THEN 1 + EXISTS (SELECT 1 FROM identity WHERE event = ?1 AND content = ?2) ELSE 0 END",
            )?
            .query_row(params![identity.event(), identity.content()], |row| row.get(0))?;
        Ok((known == 2, known >= 1))
    }

    fn remember(&mut self, identity: &Identity) -> Result<()> {
        self.prepared("INSERT INTO identity (event, content) VALUES (?1, ?2)")?
            .execute(params![identity.event(), identity.content()])?;
        self.tally.add(WHOLE_STORE, What::Identities, 1);
        Ok(())
    }

    fn insert_receipt(&mut self, id: i64, endpoint: i64, received_at: Timestamp, source: Source, content: &Content) -> Result<()> {
        match content {
            Content::Event(summary) => {
                let [kind, state, previous_state, subject_type] = self.summary_names(summary)?;
                self.prepared(
                    "INSERT INTO receipt (id, received_at, endpoint, source, kind, state, previous_state, subject_type, subject_id, \
                     event_id, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    id,
                    micros(received_at),
                    endpoint,
                    source_code(source),
                    kind,
                    state,
                    previous_state,
                    subject_type,
                    summary.subject_id,
                    summary.event_id,
                    summary.time.map(micros),
                ])?;
            }
            Content::Unparsed { reason } => {
                self.prepared("INSERT INTO receipt (id, received_at, endpoint, source, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![id, micros(received_at), endpoint, source_code(source), reason])?;
            }
        }
        Ok(())
    }

    fn summary_names(&mut self, summary: &Summary) -> Result<[Option<i64>; 4]> {
        let words = [Some(&summary.kind), summary.state.as_ref(), summary.previous_state.as_ref(), summary.subject_type.as_ref()];
        let mut numbers = [None; 4];
        for (number, word) in numbers.iter_mut().zip(words) {
            *number = word.map(|word| self.name(word)).transpose()?;
        }
        Ok(numbers)
    }

    /// Removes a receipt that owes nothing, with all that belongs to it. Returns how many of its dispatches were dead; none if it stays.
    fn remove(&mut self, id: i64) -> Result<Option<u64>> {
        let (first, last) = dispatch_range(id);
        let dispatches: Vec<(i64, DispatchState)> = self
            .prepared("SELECT handler, state FROM dispatch WHERE id BETWEEN ?1 AND ?2")?
            .query_map([first, last], |row| Ok((row.get(0)?, state(row, 1)?)))?
            .collect::<Result<_>>()?;
        if dispatches.iter().any(|(_, state)| matches!(state, DispatchState::Waiting | DispatchState::Claimed)) {
            return Ok(None);
        }
        let removed = self
            .prepared("DELETE FROM receipt WHERE id = ?1 RETURNING endpoint, source, reason IS NOT NULL, kind, subject_id")?
            .query_row([id], |row| {
                let subject = row.get::<_, Option<i64>>(3)?.zip(row.get::<_, Option<String>>(4)?);
                Ok((row.get::<_, i64>(0)?, source(row, 1)?, row.get::<_, i64>(2)?, subject))
            })
            .optional()?;
        let Some((endpoint, source, unparsed, subject)) = removed else { return Ok(None) };
        subject.map(|(kind, subject)| self.forget_subject(&subject, kind, endpoint)).transpose()?;
        self.prepared("DELETE FROM original WHERE receipt = ?1")?.execute([id])?;
        self.forget_details(id)?;
        self.prepared("DELETE FROM attempt WHERE dispatch BETWEEN ?1 AND ?2")?.execute([first, last])?;
        self.prepared("DELETE FROM dispatch WHERE id BETWEEN ?1 AND ?2")?.execute([first, last])?;
        self.tally.add(endpoint, What::Receipts, -1);
        self.tally.add(endpoint, What::Recovered, -i64::from(source == Source::Recovered));
        self.tally.add(endpoint, What::Unparsed, -unparsed);
        let dead = dispatches.iter().filter(|(_, state)| *state == DispatchState::Dead).count();
        for (handler, state) in dispatches {
            self.tally.add(handler, What::Dispatches(state), -1);
        }
        Ok(Some(dead as u64))
    }
}
