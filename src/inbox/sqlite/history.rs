//! Subjects and their histories: the row that a subject has, and the lists that are made of it. See [`super::super::history`].
//!
//! Every question walks an index and stops when its page is full; of one subject it reads no more than it tells.

use std::cmp::Reverse;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, ToSql, params};

use super::{
    super::{
        Content, ReceiptId, Summary,
        history::{History, HistoryFilter, HistoryPage, MOST_STEPS, Step, app_name_of, telling},
        query::{NewestOfApp, PageRequest},
    },
    column,
    ledger::Ledger,
    reading::count,
    tally::What,
};

/// The receipts that belong to subject `?1` of kind `?2` and endpoint `?3`.
const OF_SUBJECT: &str = "subject_id = ?1 AND kind = ?2 AND endpoint = ?3 AND state IS NOT NULL";

impl Ledger<'_> {
    /// Gives the subject of a receipt its row, if the receipt tells of a state and is the first to do so.
    pub(super) fn note_subject(&mut self, receipt: i64, endpoint: i64, content: &Content) -> Result<()> {
        let Content::Event(Summary { kind, state: Some(_), subject_id: Some(subject), .. }) = content else { return Ok(()) };
        let kind = self.name(kind)?;
        self.prepared("INSERT OR IGNORE INTO subject (first, endpoint, kind, id, app) VALUES (?1, ?2, ?3, ?4, ?2)")?
            .execute(params![receipt, endpoint, kind, subject])?;
        Ok(())
    }

    /// Notes to which app a receipt belongs, and with it its subject.
    pub(super) fn note_app(&mut self, receipt: i64, app: &str) -> Result<()> {
        let app = self.name(app)?;
        self.tally.is_about(app, receipt);
        self.prepared(
            "UPDATE subject SET app = ?2 WHERE app <> ?2 AND (id, kind, endpoint) = \
             (SELECT subject_id, kind, endpoint FROM receipt WHERE id = ?1 AND state IS NOT NULL)",
        )?
        .execute([receipt, app])?;
        Ok(())
    }

    /// Removes the row of a subject of which no receipt is left.
    pub(super) fn forget_subject(&self, id: &str, kind: i64, endpoint: i64) -> Result<()> {
        self.connection
            .prepare_cached(&format!(
                "DELETE FROM subject WHERE id = ?1 AND kind = ?2 AND endpoint = ?3 AND NOT EXISTS \
                 (SELECT 1 FROM receipt WHERE {OF_SUBJECT})"
            ))?
            .execute(params![id, kind, endpoint])?;
        Ok(())
    }
}

/// See [`super::super::Store::histories`].
pub(super) fn histories(connection: &Connection, filter: &HistoryFilter, page: PageRequest) -> Result<HistoryPage> {
    let limit = page.limit.max(1);
    let (before, most) = (page.before.map_or(i64::MAX, |before| before.0), count(limit.saturating_add(1)));
    let mut values: Vec<&dyn ToSql> = vec![&filter.kind, &before, &most];
    values.extend(filter.app.iter().map(|app| app as &dyn ToSql));
    let of_app = if filter.app.is_some() { "AND s.app = (SELECT id FROM name WHERE name = ?4)" } else { "" };
    let mut subjects: Vec<Subject> = connection
        .prepare_cached(&format!(
            "SELECT s.first, s.id, s.kind, s.endpoint, (SELECT name FROM name WHERE id = s.endpoint), \
             (SELECT name FROM name WHERE id = s.app) FROM subject s \
             WHERE s.kind = (SELECT id FROM name WHERE name = ?1) AND s.first < ?2 {of_app} ORDER BY s.first DESC LIMIT ?3"
        ))?
        .query_map(&*values, Subject::read)?
        .collect::<Result<_>>()?;
    let more = subjects.len() > limit;
    subjects.truncate(limit);
    let next = subjects.last().filter(|_| more).map(|last| ReceiptId(last.first));
    let items = subjects.into_iter().map(|subject| subject.history(connection, &filter.kind)).collect::<Result<_>>()?;
    Ok(HistoryPage { items, next })
}

/// See [`super::super::Store::apps`]. It jumps from app to app and from kind to kind, however many subjects each has.
pub(super) fn apps(connection: &Connection) -> Result<Vec<String>> {
    let mut next_app = connection.prepare_cached("SELECT min(app) FROM subject WHERE app > ?1")?;
    let mut next_kind = connection.prepare_cached("SELECT min(kind) FROM subject WHERE app = ?1 AND kind > ?2")?;
    let mut newest_of = connection.prepare_cached("SELECT max(first) FROM subject WHERE app = ?1 AND kind = ?2")?;
    let mut apps: Vec<(i64, i64)> = Vec::new();
    let mut app = i64::MIN;
    while let Some(found) = next_app.query_row([app], |row| row.get::<_, Option<i64>>(0))? {
        app = found;
        let (mut kind, mut newest) = (i64::MIN, i64::MIN);
        while let Some(found) = next_kind.query_row([app, kind], |row| row.get::<_, Option<i64>>(0))? {
            kind = found;
            newest = newest.max(newest_of.query_row([app, kind], |row| row.get(0))?);
        }
        apps.push((newest, app));
    }
    apps.sort_unstable_by_key(|found| Reverse(*found));
    let mut name = connection.prepare_cached("SELECT name FROM name WHERE id = ?1")?;
    apps.into_iter().map(|(_, app)| name.query_row([app], |row| row.get(0))).collect()
}

/// See [`super::super::Store::newest_of_apps`].
pub(super) fn newest_of_apps(connection: &Connection) -> Result<Vec<NewestOfApp>> {
    connection
        .prepare_cached(
            "SELECT n.name, r.id, r.received_at, d.json FROM tally t JOIN name n ON n.id = t.name JOIN receipt r ON r.id = t.n \
             LEFT JOIN details d ON d.receipt = r.id WHERE t.what = ?1 ORDER BY r.id DESC",
        )?
        .query_map([What::NewestOfApp.code()], |row| {
            let details: Option<Vec<u8>> = row.get(3)?;
            let name = details.as_deref().and_then(app_name_of);
            Ok(NewestOfApp { app: row.get(0)?, name, receipt: ReceiptId(row.get(1)?), received_at: column::time(row, 2)? })
        })?
        .collect()
}

/// A row of the table `subject`.
struct Subject {
    first: i64,
    id: String,
    kind: i64,
    endpoint: i64,
    endpoint_name: String,
    app_name: String,
}

impl Subject {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            first: row.get(0)?,
            id: row.get(1)?,
            kind: row.get(2)?,
            endpoint: row.get(3)?,
            endpoint_name: row.get(4)?,
            app_name: row.get(5)?,
        })
    }

    fn history(self, connection: &Connection, kind: &str) -> Result<History> {
        let mut steps: Vec<Step> = connection
            .prepare_cached(&format!(
                "SELECT id, (SELECT name FROM name WHERE id = state), (SELECT name FROM name WHERE id = previous_state), time, \
                 received_at, source FROM receipt WHERE {OF_SUBJECT} ORDER BY coalesce(time, received_at) DESC, id DESC LIMIT ?4"
            ))?
            .query_map(params![self.id, self.kind, self.endpoint, count(MOST_STEPS + 1)], step)?
            .collect::<Result<_>>()?;
        let is_cut = steps.len() > MOST_STEPS;
        steps.truncate(MOST_STEPS);
        steps.reverse();
        Ok(History {
            first: ReceiptId(self.first),
            endpoint: self.endpoint_name,
            kind: kind.to_owned(),
            subject_id: self.id,
            app: self.app_name,
            details: details_of(connection, &steps)?,
            steps,
            is_cut,
        })
    }
}

fn step(row: &Row<'_>) -> Result<Step> {
    Ok(Step {
        receipt: ReceiptId(row.get(0)?),
        state: row.get(1)?,
        previous_state: row.get(2)?,
        time: row.get::<_, Option<i64>>(3)?.and_then(|at| column::timestamp(3, at).ok()),
        received_at: column::time(row, 4)?,
        source: column::source(row, 5)?,
    })
}

fn details_of(connection: &Connection, steps: &[Step]) -> Result<Option<Bytes>> {
    let mut receipts: Vec<i64> = steps.iter().map(|step| step.receipt.0).collect();
    receipts.sort_unstable_by_key(|receipt| Reverse(*receipt));
    let mut details = connection.prepare_cached("SELECT json FROM details WHERE receipt = ?1")?;
    telling(receipts.into_iter().filter_map(|receipt| {
        details.query_row([receipt], |row| row.get::<_, Vec<u8>>(0)).optional().transpose().map(|json| json.map(Bytes::from))
    }))
}
