//! Dispatches on their way: owed, claimed, finished, released, replayed.
//!
//! Those that are owed in order stand in a line, one for each handler and subject. Only its head may be claimed; the others carry
//! `behind = 1`, so that a claim never walks over them. The head is whoever is claimed, whatever comes in meanwhile; else the earliest
//! by Apple's time, then by arrival. Whoever joins the line or leaves its claim says who is at the head now, which is never more than
//! two rows.

use std::{sync::LazyLock, time::Duration};

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Result, Row, params};

use super::{
    super::{AttemptResult, Claim, Claimed, DispatchId, DispatchState, Finish, Lease, Owed, ReceiptId, Verdict},
    column::{
        self, BODY_AND_DETAILS, PER_RECEIPT, RECEIPT, dispatch_range, micros, micros_after, receipt_of, result_code, span,
        state_code,
    },
    ledger::{Ledger, Line},
    tally::What,
};

/// What a claim gives out of a receipt.
static CLAIMED: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {RECEIPT}, {BODY_AND_DETAILS} FROM receipt r JOIN original o ON o.receipt = r.id WHERE r.id = ?1")
});

/// A dispatch that is held by a lease.
static HELD: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM dispatch WHERE id = ?1 AND token = ?2 AND state = 1", Leaving::COLUMNS));

/// A dispatch that leaves its state.
struct Leaving {
    id: i64,
    handler: i64,
    line: Line,
}

impl Leaving {
    const COLUMNS: &str = "id, handler, subject, coalesce(place, 0)";

    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self { id: row.get(0)?, handler: row.get(1)?, line: Line { subject: row.get(2)?, place: row.get(3)? } })
    }
}

/// The earliest of a line.
struct First {
    id: i64,
    place: i64,
    /// Whether one of the line is claimed: this one, or the one that it stands behind although it is earlier.
    has_claimed: bool,
}

impl Ledger<'_> {
    /// Makes a waiting dispatch for each handler that has none yet.
    pub(super) fn owe(&mut self, receipt: i64, owed: &[Owed], line: &Line, due_at: Timestamp) -> Result<u64> {
        let (first, last) = dispatch_range(receipt);
        let made = self
            .prepared("SELECT handler FROM dispatch WHERE id BETWEEN ?1 AND ?2")?
            .query_map([first, last], |row| row.get(0))?
            .collect::<Result<_>>()?;
        self.owe_beside(made, receipt, owed, line, due_at)
    }

    /// As [`Ledger::owe`], where it is known which handlers have one.
    pub(super) fn owe_beside(
        &mut self,
        mut made: Vec<i64>,
        receipt: i64,
        owed: &[Owed],
        line: &Line,
        due_at: Timestamp,
    ) -> Result<u64> {
        let (first, last) = dispatch_range(receipt);
        let before = made.len();
        for Owed { handler, in_order } in owed {
            let handler = self.name(handler)?;
            if made.contains(&handler) {
                continue;
            }
            // The dispatches of a receipt are only ever removed together, so their numbers have no gaps.
            let next = first.saturating_add(i64::try_from(made.len()).unwrap_or(i64::MAX));
            if next > last {
                return Err(rusqlite::Error::IntegralValueOutOfRange(0, PER_RECEIPT));
            }
            let subject = line.subject.as_ref().filter(|_| *in_order);
            let behind = match subject {
                Some(subject) => self.join_line(next, handler, subject, line.place)?,
                None => false,
            };
            self.prepared(
                "INSERT INTO dispatch (id, handler, state, attempts, token, due_at, subject, place, behind) \
                 VALUES (?1, ?2, 0, 0, 0, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![next, handler, micros(due_at), subject, subject.map(|_| line.place), behind])?;
            self.tally.add(handler, What::Dispatches(DispatchState::Waiting), 1);
            made.push(handler);
        }
        Ok((made.len() - before) as u64)
    }

    /// See [`super::super::Store::claim`].
    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Vec<Claimed>> {
        let mut claimed = Vec::new();
        for room in &claim.handlers {
            let Some(handler) = self.known_name(&room.handler)? else { continue };
            let due: Vec<(i64, u32, i64)> = self
                .prepared(
                    "SELECT id, attempts, token FROM dispatch WHERE state = 0 AND handler = ?1 AND behind = 0 AND due_at <= ?2 \
                     AND NOT EXISTS (SELECT 1 FROM paused WHERE handler = ?1) ORDER BY due_at, id LIMIT ?3",
                )?
                .query_map(params![handler, micros(claim.now), i64::try_from(room.slots).unwrap_or(i64::MAX)], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<Result<_>>()?;
            for (id, attempts, token) in due {
                let (attempt, token) = (attempts + 1, token + 1);
                self.prepared(
                    "UPDATE dispatch SET state = 1, attempts = ?2, token = ?3, claimed_at = ?4, lease_until = ?5 WHERE id = ?1",
                )?
                .execute(params![id, attempt, token, micros(claim.now), micros_after(claim.now, room.lease)])?;
                let (receipt, body, details) = self.prepared(&CLAIMED)?.query_row([receipt_of(id)], |row| {
                    let (body, details) = column::body_and_details(row)?;
                    Ok((column::receipt(row)?, body, details))
                })?;
                self.tally.moved(handler, DispatchState::Waiting, DispatchState::Claimed);
                let lease = Lease { dispatch: DispatchId(id), token };
                claimed.push(Claimed { lease, handler: room.handler.clone(), attempt, receipt, body, details });
            }
        }
        Ok(claimed)
    }

    /// See [`super::super::Store::finish`].
    pub(super) fn finish(&mut self, finish: &Finish) -> Result<bool> {
        let Finish { lease, started_at, took, verdict } = finish;
        let ours = self.prepared(&HELD)?.query_row([lease.dispatch.0, lease.token], Leaving::read).optional()?;
        let Some(dispatch) = ours else { return Ok(false) };
        let (state, due_at, result) = match verdict {
            Verdict::Done => (DispatchState::Done, None, Some((AttemptResult::Ok, None))),
            Verdict::PassedOver => (DispatchState::Done, None, Some((AttemptResult::PassedOver, None))),
            Verdict::Retry { due_at, result, error } => (DispatchState::Waiting, Some(*due_at), Some((*result, Some(error)))),
            Verdict::Dead { result, error } => (DispatchState::Dead, None, Some((*result, Some(error)))),
            Verdict::PutBack => (DispatchState::Waiting, None, None),
        };
        match result {
            Some((result, error)) => self.record(dispatch.id, micros(*started_at), *took, result, error.map(String::as_str))?,
            None => self.uncount(dispatch.id)?,
        }
        self.leave_claim(&dispatch, state, due_at)?;
        Ok(true)
    }

    /// See [`super::super::Store::release_expired`].
    pub(super) fn release_expired(&mut self, now: Timestamp) -> Result<u64> {
        let expired =
            self.select(&format!("SELECT {} FROM dispatch WHERE state = 1 AND lease_until < ?1", Leaving::COLUMNS), [micros(now)])?;
        self.lose(&expired, Some(now))
    }

    /// See [`super::super::Store::hasten`]. Hastens up to `limit`, and returns how many.
    pub(super) fn hasten(&mut self, handler: &str, latest: Timestamp, now: Timestamp, limit: usize) -> Result<usize> {
        let Some(handler) = self.known_name(handler)? else { return Ok(0) };
        let hastening = "UPDATE dispatch SET due_at = ?3 WHERE id IN (SELECT id FROM dispatch \
                         WHERE state = 0 AND handler = ?1 AND behind IN (0, 1) AND due_at > max(?2, ?3) LIMIT ?4)";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.prepared(hastening)?.execute([handler, micros(latest), micros(now), limit])
    }

    /// Makes every claimed dispatch wait again, because whoever held them is gone. They are due as they were.
    pub(super) fn release_all(&mut self) -> Result<u64> {
        let claimed = self.select(&format!("SELECT {} FROM dispatch WHERE state = 1", Leaving::COLUMNS), [])?;
        self.lose(&claimed, None)
    }

    /// Revives dead dispatches from the given place on, up to `limit`. Returns how many, and the place behind the last, if there may be
    /// more. The places are in the order of the index of the dead: by handler and number.
    pub(super) fn replay_dead(
        &mut self,
        handler: Option<&str>,
        from: (i64, i64),
        limit: usize,
        now: Timestamp,
    ) -> Result<(u64, Option<(i64, i64)>)> {
        let only = match handler.map(|handler| self.known_name(handler)).transpose()? {
            Some(None) => return Ok((0, None)),
            only => only.flatten(),
        };
        let dead = self.select(
            &format!(
                "SELECT {} FROM dispatch INDEXED BY dispatch_dead WHERE state = 3 AND (handler, id) >= (?1, ?2) \
                 AND handler <= ?3 ORDER BY handler, id LIMIT ?4",
                Leaving::COLUMNS
            ),
            params![only.unwrap_or(from.0), from.1, only.unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX)],
        )?;
        let next = dead.last().filter(|_| dead.len() == limit).map(|last| (last.handler, last.id + 1));
        Ok((self.revive_all(&dead, DispatchState::Dead, now)?, next))
    }

    /// See [`super::super::Store::skip`].
    pub(super) fn skip(&mut self, id: DispatchId, reason: &str, now: Timestamp) -> Result<bool> {
        let dead = self.select(&format!("SELECT {} FROM dispatch WHERE id = ?1 AND state = 3", Leaving::COLUMNS), [id.0])?;
        let Some(dispatch) = dead.first() else { return Ok(false) };
        // The token rises as at a claim, because the history has one entry for each.
        self.prepared("UPDATE dispatch SET state = 2, token = token + 1 WHERE id = ?1")?.execute([dispatch.id])?;
        self.record(dispatch.id, micros(now), Duration::ZERO, AttemptResult::Skipped, Some(reason))?;
        self.tally.moved(dispatch.handler, DispatchState::Dead, DispatchState::Done);
        Ok(true)
    }

    /// Revives what of a receipt has ended, and makes what it was not owed before.
    pub(super) fn replay_receipt(&mut self, id: ReceiptId, handlers: &[Owed], now: Timestamp) -> Result<u64> {
        let receipt = self
            .connection
            .prepare_cached(&format!(
                "SELECT {RECEIPT} FROM receipt r JOIN original o ON o.receipt = r.id WHERE r.id = ?1 AND r.reason IS NULL"
            ))?
            .query_row([id.0], column::receipt)
            .optional()?;
        let Some(receipt) = receipt else { return Ok(0) };
        let line = Line::of(&receipt.content, receipt.received_at);
        let (first, last) = dispatch_range(id.0);
        let mut count = 0;
        for owed in handlers {
            let handler = self.name(&owed.handler)?;
            let ended = self
                .prepared("SELECT id, state FROM dispatch WHERE id BETWEEN ?1 AND ?2 AND handler = ?3 AND state >= 2")?
                .query_row([first, last, handler], |row| Ok((row.get::<_, i64>(0)?, column::state(row, 1)?)))
                .optional()?;
            let Some((id, state)) = ended else { continue };
            let subject = line.subject.clone().filter(|_| owed.in_order);
            let dispatch = Leaving { id, handler, line: Line { subject, place: line.place } };
            count += self.revive_all(&[dispatch], state, now)?;
        }
        Ok(count + self.owe(id.0, handlers, &line, now)?)
    }

    fn revive_all(&mut self, dispatches: &[Leaving], from: DispatchState, now: Timestamp) -> Result<u64> {
        for Leaving { id, handler, line } in dispatches {
            let behind = match &line.subject {
                Some(subject) => self.join_line(*id, *handler, subject, line.place)?,
                None => false,
            };
            self.prepared(
                "UPDATE dispatch SET state = 0, attempts = 0, due_at = ?2, subject = ?3, place = ?4, behind = ?5 WHERE id = ?1",
            )?
            .execute(params![id, micros(now), line.subject, line.subject.as_ref().map(|_| line.place), behind])?;
            self.tally.moved(*handler, from, DispatchState::Waiting);
        }
        Ok(dispatches.len() as u64)
    }

    fn lose(&mut self, dispatches: &[Leaving], now: Option<Timestamp>) -> Result<u64> {
        for dispatch in dispatches {
            let claimed_at: i64 = self
                .prepared("SELECT coalesce(claimed_at, due_at) FROM dispatch WHERE id = ?1")?
                .query_row([dispatch.id], |row| row.get(0))?;
            let took = now.map_or(0, |now| micros(now).saturating_sub(claimed_at));
            let took = Duration::from_micros(u64::try_from(took).unwrap_or(0));
            self.record(dispatch.id, claimed_at, took, AttemptResult::Lost, None)?;
            self.leave_claim(dispatch, DispatchState::Waiting, now)?;
        }
        Ok(dispatches.len() as u64)
    }

    fn leave_claim(&mut self, dispatch: &Leaving, to: DispatchState, due_at: Option<Timestamp>) -> Result<()> {
        self.prepared(
            "UPDATE dispatch SET state = ?2, due_at = coalesce(?3, due_at), claimed_at = NULL, lease_until = NULL, behind = 0 \
             WHERE id = ?1",
        )?
        .execute(params![dispatch.id, state_code(to), due_at.map(micros)])?;
        if let Some(subject) = &dispatch.line.subject
            && let Some(first) = self.first_of_line(dispatch.handler, subject)?.filter(|first| first.id != dispatch.id)
        {
            if to == DispatchState::Waiting {
                self.set_behind(dispatch.id, true)?;
            }
            self.set_behind(first.id, false)?;
        }
        self.tally.moved(dispatch.handler, DispatchState::Claimed, to);
        Ok(())
    }

    fn record(&mut self, dispatch: i64, started_at: i64, took: Duration, result: AttemptResult, error: Option<&str>) -> Result<()> {
        self.prepared(
            "INSERT INTO attempt (dispatch, token, number, started_at, took, result, error) \
             SELECT id, token, attempts, ?2, ?3, ?4, ?5 FROM dispatch WHERE id = ?1",
        )?
        .execute(params![dispatch, started_at, span(took), result_code(result), error])?;
        Ok(())
    }

    fn uncount(&mut self, dispatch: i64) -> Result<()> {
        self.prepared("UPDATE dispatch SET attempts = attempts - 1 WHERE id = ?1")?.execute([dispatch])?;
        Ok(())
    }

    /// Makes room in the line for a dispatch that is about to wait in it. Says whether it will stand behind another.
    fn join_line(&mut self, id: i64, handler: i64, subject: &str, place: i64) -> Result<bool> {
        let Some(first) = self.first_of_line(handler, subject)? else { return Ok(false) };
        if first.has_claimed || (first.place, first.id) < (place, id) {
            return Ok(true);
        }
        self.set_behind(first.id, true)?;
        Ok(false)
    }

    /// The earliest of a line.
    fn first_of_line(&mut self, handler: i64, subject: &str) -> Result<Option<First>> {
        self.prepared(
            "SELECT id, place, state = 1 OR behind = 1 FROM dispatch \
             WHERE state <= 1 AND subject IS NOT NULL AND handler = ?1 AND subject = ?2 ORDER BY place, id LIMIT 1",
        )?
        .query_row(params![handler, subject], |row| Ok(First { id: row.get(0)?, place: row.get(1)?, has_claimed: row.get(2)? }))
        .optional()
    }

    fn set_behind(&mut self, dispatch: i64, behind: bool) -> Result<()> {
        self.prepared("UPDATE dispatch SET behind = ?2 WHERE id = ?1")?.execute(params![dispatch, behind])?;
        Ok(())
    }

    fn select(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Leaving>> {
        self.connection.prepare_cached(sql)?.query_map(values, Leaving::read)?.collect()
    }
}
