//! How values stand in columns: times as microseconds, states as small numbers, names by their number in the table `name`.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Result, Row, types::Type};

use super::super::{AttemptResult, Content, DispatchState, Receipt, ReceiptId, Source, Summary};

/// How many dispatches a receipt may have: see the table `dispatch`.
pub(super) const PER_RECEIPT: i64 = 1_000;

/// Everything that [`receipt`] reads, from `receipt r` joined with `original o`.
pub(super) const RECEIPT: &str = "r.id, (SELECT name FROM name WHERE id = r.endpoint), r.received_at, r.source, o.signature, \
     (SELECT name FROM name WHERE id = o.secret), o.identity, length(o.body), r.reason, r.event_id, \
     (SELECT name FROM name WHERE id = r.kind), (SELECT name FROM name WHERE id = r.state), \
     (SELECT name FROM name WHERE id = r.previous_state), (SELECT name FROM name WHERE id = r.subject_type), r.subject_id, r.time";

/// How many columns [`RECEIPT`] has: the number of the first one after it.
pub(super) const RECEIPT_WIDTH: usize = 16;

/// What may stand after [`RECEIPT`]: the bytes, and the details.
pub(super) const BODY_AND_DETAILS: &str = "o.body, (SELECT json FROM details WHERE receipt = r.id)";

/// Reads what [`BODY_AND_DETAILS`] selects.
pub(super) fn body_and_details(row: &Row<'_>) -> Result<(Bytes, Option<Bytes>)> {
    let details: Option<Vec<u8>> = row.get(RECEIPT_WIDTH + 1)?;
    Ok((row.get::<_, Vec<u8>>(RECEIPT_WIDTH)?.into(), details.map(Bytes::from)))
}

/// Reads what [`RECEIPT`] selects.
pub(super) fn receipt(row: &Row<'_>) -> Result<Receipt> {
    let content = match row.get::<_, Option<String>>(8)? {
        Some(reason) => Content::Unparsed { reason },
        None => Content::Event(Summary {
            event_id: row.get(9)?,
            kind: row.get(10)?,
            state: row.get(11)?,
            previous_state: row.get(12)?,
            subject_type: row.get(13)?,
            subject_id: row.get(14)?,
            // It is what an event says: whatever it is, it must not keep the event from being read.
            time: row.get::<_, Option<i64>>(15)?.and_then(|at| timestamp(15, at).ok()),
        }),
    };
    Ok(Receipt {
        id: ReceiptId(row.get(0)?),
        endpoint: row.get(1)?,
        received_at: time(row, 2)?,
        source: source(row, 3)?,
        signature: row.get(4)?,
        secret: row.get(5)?,
        identity: hex::encode(row.get_ref(6)?.as_blob()?),
        content,
        size: row.get::<_, u32>(7)?.into(),
    })
}

/// A time as it is written.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The end of a period, as it is written.
pub(super) fn micros_after(at: Timestamp, period: Duration) -> i64 {
    micros(at).saturating_add(span(period))
}

/// A length of time as it is written.
pub(super) fn span(period: Duration) -> i64 {
    i64::try_from(period.as_micros()).unwrap_or(i64::MAX)
}

/// Reads a time.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    timestamp(column, row.get(column)?)
}

/// The time that was written as `at`.
pub(super) fn timestamp(column: usize, at: i64) -> Result<Timestamp> {
    // Not `from_microsecond`, which ends a second earlier than what can be written.
    let nanos = at.rem_euclid(1_000_000).saturating_mul(1_000);
    Timestamp::new(at.div_euclid(1_000_000), i32::try_from(nanos).unwrap_or(0)).map_err(|error| unreadable(column, error))
}

/// Reads a length of time.
pub(super) fn duration(row: &Row<'_>, column: usize) -> Result<Duration> {
    let span: i64 = row.get(column)?;
    Ok(Duration::from_micros(u64::try_from(span).map_err(|error| unreadable(column, error))?))
}

/// The number that stands for a state.
pub(super) fn state_code(state: DispatchState) -> i64 {
    match state {
        DispatchState::Waiting => 0,
        DispatchState::Claimed => 1,
        DispatchState::Done => 2,
        DispatchState::Dead => 3,
    }
}

/// Reads a state.
pub(super) fn state(row: &Row<'_>, column: usize) -> Result<DispatchState> {
    let code = row.get(column)?;
    let known = DispatchState::ALL.into_iter().find(|&state| state_code(state) == code);
    known.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

/// The number that stands for a result.
pub(super) fn result_code(result: AttemptResult) -> i64 {
    match result {
        AttemptResult::Ok => 0,
        AttemptResult::Failed => 1,
        AttemptResult::Rejected => 2,
        AttemptResult::Lost => 3,
        AttemptResult::Skipped => 4,
        AttemptResult::PassedOver => 5,
    }
}

/// Reads a result.
pub(super) fn attempt_result(row: &Row<'_>, column: usize) -> Result<AttemptResult> {
    use AttemptResult::{Failed, Lost, Ok, PassedOver, Rejected, Skipped};
    let code = row.get(column)?;
    let known = [Ok, Failed, Rejected, Lost, Skipped, PassedOver].into_iter().find(|&result| result_code(result) == code);
    known.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

/// The number that stands for how a receipt came.
pub(super) fn source_code(source: Source) -> i64 {
    match source {
        Source::Pushed => 0,
        Source::Recovered => 1,
        Source::Unsigned => 2,
    }
}

/// How a receipt came.
pub(super) fn source(row: &Row<'_>, column: usize) -> Result<Source> {
    let code = row.get(column)?;
    let known = [Source::Pushed, Source::Recovered, Source::Unsigned].into_iter().find(|&source| source_code(source) == code);
    known.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

/// The first and the last number that a dispatch of this receipt can have.
pub(super) fn dispatch_range(receipt: i64) -> (i64, i64) {
    let first = receipt.saturating_mul(PER_RECEIPT);
    (first, first.saturating_add(PER_RECEIPT - 1))
}

/// The receipt that a dispatch belongs to.
pub(super) fn receipt_of(dispatch: i64) -> i64 {
    dispatch / PER_RECEIPT
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_read_back(at: Timestamp) {
        let read = timestamp(0, micros(at)).unwrap();
        assert!(at.duration_since(read).unsigned_abs() < Duration::from_micros(1), "{at} was read back as {read}");
    }

    #[test]
    fn the_first_and_the_last_time_there_is_are_read_back() {
        check_read_back(Timestamp::MIN);
        check_read_back(Timestamp::MAX);
        check_read_back("9999-12-30T22:00:00.5Z".parse().unwrap());
        check_read_back("-009999-01-02T01:59:59.000001Z".parse().unwrap());
    }

    #[test]
    fn the_results_of_attempts_keep_their_numbers() {
        use AttemptResult::{Failed, Lost, PassedOver, Rejected, Skipped};
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let read = |code: i64| connection.query_row("SELECT ?1", [code], |row| attempt_result(row, 0));
        for (code, result) in (0..).zip([AttemptResult::Ok, Failed, Rejected, Lost, Skipped, PassedOver]) {
            assert_eq!((read(code).unwrap(), result_code(result)), (result, code));
        }
        assert!(read(6).is_err(), "a number of a later version");
    }

    proptest! {
        #[test]
        fn every_time_is_read_back_to_the_microsecond(
            second in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(),
            nanosecond in 0..1_000_000_000,
        ) {
            check_read_back(Timestamp::new(second, nanosecond).unwrap());
        }
    }
}
