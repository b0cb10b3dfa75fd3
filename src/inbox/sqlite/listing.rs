//! Lists of receipts: a filter and a page become one query.
//!
//! The table of receipts is narrow, so a list walks it from the newest down and stops when the page is full. What is rare would make
//! that a long walk, so three filters are looked up first: times, receipts that are not an event, and states that few dispatches are in.
//! What the counts know to be nowhere is not looked for at all. A text or an app could be anywhere; a page looks for it only so far back, and
//! says where to go on.

use rusqlite::{Connection, OptionalExtension as _, Result, ToSql, params_from_iter};

use super::{
    super::{
        DispatchState, Receipt, ReceiptId,
        query::{Listed, Page, PageRequest, ReceiptFilter},
    },
    column::{self, RECEIPT, micros, state_code},
    hours::{self, hour_of},
    reading::{FEW, count, dispatches_of},
};

/// How many receipts one page looks into for an app or a text.
const LOOKED_INTO: i64 = 10_000;

/// See [`super::super::Store::receipts`].
pub(super) fn receipts(connection: &Connection, filter: &ReceiptFilter, page: PageRequest) -> Result<Page> {
    let limit = page.limit.max(1);
    let Some(conditions) = Conditions::of(connection, filter, page.before)? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let Conditions { sql, mut values, goes_on } = conditions;
    values.push(Box::new(count(limit.saturating_add(1))));
    let query = format!("SELECT id FROM receipt r WHERE {} ORDER BY id DESC LIMIT ?", sql.join(" AND "));
    let mut ids: Vec<i64> =
        connection.prepare_cached(&query)?.query_map(params_from_iter(values), |row| row.get(0))?.collect::<Result<_>>()?;
    let more = ids.len() > limit;
    ids.truncate(limit);
    let next = if more { ids.last().copied() } else { goes_on }.map(ReceiptId);
    let items = ids.into_iter().map(|id| listed(connection, id)).collect::<Result<_>>()?;
    Ok(Page { items, next })
}

fn listed(connection: &Connection, id: i64) -> Result<Listed> {
    let receipt: Receipt = connection
        .prepare_cached(&format!("SELECT {RECEIPT} FROM receipt r JOIN original o ON o.receipt = r.id WHERE r.id = ?1"))?
        .query_row([id], column::receipt)?;
    let dispatches = dispatches_of(connection, receipt.id)?;
    Ok(Listed { receipt, dispatches })
}

/// The conditions of a query, and the values they name, in order.
struct Conditions {
    sql: Vec<&'static str>,
    values: Vec<Box<dyn ToSql>>,
    /// The number down to which receipts are looked into, if there may be some below it that meet the conditions.
    goes_on: Option<i64>,
}

impl Conditions {
    /// The conditions of a filter; none if the store has never heard one of its words, or of its time, so that nothing can meet it.
    fn of(connection: &Connection, filter: &ReceiptFilter, before: Option<ReceiptId>) -> Result<Option<Self>> {
        let mut conditions = Self { sql: Vec::new(), values: Vec::new(), goes_on: None };
        conditions.add("r.id < ?", before.map_or(i64::MAX, |before| before.0));
        if let Some(endpoint) = &filter.endpoint {
            let Some(endpoint) = number_of(connection, endpoint)? else { return Ok(None) };
            conditions.add("r.endpoint = ?", endpoint);
        }
        if let Some(state) = &filter.state {
            let Some(state) = number_of(connection, state)? else { return Ok(None) };
            conditions.add("r.state = ?", state);
        }
        if !filter.kinds.is_empty() && !conditions.kinds(connection, &filter.kinds)? {
            return Ok(None);
        }
        if let Some(event_id) = &filter.event_id {
            conditions.add("r.event_id = ?", event_id.clone());
        }
        if let Some(subject_id) = &filter.subject_id {
            conditions.add("r.subject_id = ?", subject_id.clone());
        }
        // Numbers and times nearly always rise together, but a clock that was set back is no reason to miss a receipt. So the time
        // decides, and its hour says from which number on it is worth walking.
        let mut first = None;
        if let Some(since) = filter.since {
            first = hours::first_since(connection, since)?;
            let Some(first) = first else { return Ok(None) };
            conditions.add("r.received_at >= ?", micros(since));
            conditions.add("r.id >= ?", first);
        }
        if let Some(until) = filter.until {
            conditions.add("r.received_at < ?", micros(until));
            conditions.add(hours::UNTIL, hour_of(until));
        }
        if filter.looks_into_receipts() {
            conditions.look_into(connection, before, first)?;
        }
        if let Some(app) = &filter.app {
            conditions.app(app);
        }
        if let Some(text) = &filter.text {
            conditions.text(text);
        }
        if filter.unparsed {
            conditions.sql.push("r.reason IS NOT NULL");
        }
        if filter.dispatch.is_some() || filter.handler.is_some() {
            let handler = filter.handler.as_ref().map(|handler| number_of(connection, handler)).transpose()?;
            if handler == Some(None) {
                return Ok(None);
            }
            if !conditions.dispatched(connection, filter.dispatch, handler.flatten())? {
                return Ok(None);
            }
        }
        Ok(Some(conditions))
    }

    fn add(&mut self, sql: &'static str, value: impl ToSql + 'static) {
        self.sql.push(sql);
        self.values.push(Box::new(value));
    }

    /// Limits the walk: what follows looks into every receipt. `first` is the lowest number that is asked for.
    fn look_into(&mut self, connection: &Connection, before: Option<ReceiptId>, first: Option<i64>) -> Result<()> {
        let number = |sql| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, Option<i64>>(0));
        // Not below the first of all: where receipts have been removed, there is a gap of millions that nobody need page through.
        let (Some(newest), Some(oldest)) = (number("SELECT max(id) FROM receipt")?, number("SELECT min(id) FROM receipt")?) else {
            return Ok(());
        };
        let begin = before.map_or(i64::MAX, |before| before.0).min(newest.saturating_add(1));
        let looked_to = begin.saturating_sub(LOOKED_INTO);
        self.add("r.id >= ?", looked_to);
        self.goes_on = (oldest.max(first.unwrap_or(oldest)) < looked_to).then_some(looked_to);
        Ok(())
    }

    fn app(&mut self, app: &str) {
        const TOLD: &str = "EXISTS (SELECT 1 FROM (SELECT CAST(json AS TEXT) AS told FROM details WHERE receipt = r.id) WHERE json_valid(told) \
             AND ? IN (told ->> '$.app.id', told ->> '$.app.bundle_id'))";
        self.add(TOLD, app.to_owned());
    }

    fn text(&mut self, text: &str) {
        const ANYWHERE: &str = "(instr(lower(r.event_id), ?) OR instr(lower(r.subject_id), ?) \
             OR r.kind IN (SELECT id FROM name WHERE instr(lower(name), ?)) OR r.state IN (SELECT id FROM name WHERE instr(lower(name), ?)) \
             OR EXISTS (SELECT 1 FROM details d WHERE d.receipt = r.id AND instr(lower(CAST(d.json AS TEXT)), ?)))";
        self.sql.push(ANYWHERE);
        let text = text.to_ascii_lowercase();
        self.values.extend(std::iter::repeat_with(|| Box::new(text.clone()) as Box<dyn ToSql>).take(ANYWHERE.matches('?').count()));
    }

    /// `false` if none of the kinds was ever heard of.
    fn kinds(&mut self, connection: &Connection, kinds: &[String]) -> Result<bool> {
        let mut known = Vec::new();
        for kind in kinds {
            known.extend(number_of(connection, kind)?);
        }
        let list = serde_json::to_string(&known).unwrap_or_default();
        self.add("r.kind IN (SELECT value FROM json_each(?))", list);
        Ok(!known.is_empty())
    }

    /// `false` if no dispatch is as asked for.
    fn dispatched(&mut self, connection: &Connection, state: Option<DispatchState>, handler: Option<i64>) -> Result<bool> {
        const THESE: &str = "EXISTS (SELECT 1 FROM dispatch d WHERE d.id BETWEEN r.id * 1000 AND r.id * 1000 + 999 \
             AND d.state = coalesce(?, d.state) AND d.handler = coalesce(?, d.handler))";
        let code = state.map(state_code);
        let (all, asked_for): (i64, i64) = connection.query_row(
            "SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE name = coalesce(?2, name)), 0) FROM tally \
             WHERE what <= 3 AND what = coalesce(?1, what)",
            (code, handler),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.sql.push(THESE);
        self.values.push(Box::new(code));
        self.values.push(Box::new(handler));
        if all <= FEW.cast_signed() {
            self.sql.extend(match state {
                Some(DispatchState::Waiting) => Some("r.id IN (SELECT id / 1000 FROM dispatch WHERE state = 0)"),
                Some(DispatchState::Claimed) => Some("r.id IN (SELECT id / 1000 FROM dispatch WHERE state = 1)"),
                Some(DispatchState::Dead) => Some("r.id IN (SELECT id / 1000 FROM dispatch WHERE state = 3)"),
                Some(DispatchState::Done) | None => None,
            });
        }
        Ok(asked_for > 0)
    }
}

fn number_of(connection: &Connection, name: &str) -> Result<Option<i64>> {
    connection.prepare_cached("SELECT id FROM name WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()
}
