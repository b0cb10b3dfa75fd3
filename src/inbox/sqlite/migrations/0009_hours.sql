-- When receipts were received, in a row for each hour and not in an index with one for each receipt: one page less to write for an event
-- that comes alone. From the receipt with the number `first` on, until the next row, all were received in the same hour. A clock that is
-- set back begins a row as well, so an hour may have several.
--
-- The last row also says which number a receipt may have at the least, so that the number of a removed one does not come back. That was
-- written for every receipt before, into a page of its own.
CREATE TABLE hour (
    first INTEGER PRIMARY KEY,          -- receipt
    at    INTEGER NOT NULL              -- hours since 1970, in UTC
) STRICT;

INSERT INTO hour
    SELECT id, at FROM
        (SELECT id, received_at / 3600000000 AS at, lag(received_at / 3600000000) OVER (ORDER BY id) AS before FROM receipt)
    WHERE at IS NOT before;
INSERT INTO hour
    SELECT seq + 1, coalesce((SELECT at FROM hour ORDER BY first DESC LIMIT 1), 0) FROM sqlite_sequence
    WHERE name = 'receipt' AND seq > coalesce((SELECT max(id) FROM receipt), 0);

-- The same, but without AUTOINCREMENT.
CREATE TABLE receipt_of_now (
    id             INTEGER PRIMARY KEY,
    received_at    INTEGER NOT NULL,
    endpoint       INTEGER NOT NULL,    -- name
    source         INTEGER NOT NULL,    -- 0 pushed, 1 recovered
    kind           INTEGER,             -- name; NULL, as all below but the reason, when the bytes are not an event
    state          INTEGER,             -- name
    previous_state INTEGER,             -- name
    subject_type   INTEGER,             -- name
    subject_id     TEXT,
    event_id       TEXT,
    time           INTEGER,             -- by Apple's clock
    reason         TEXT                 -- why the bytes are not an event
) STRICT;
INSERT INTO receipt_of_now SELECT * FROM receipt;
DROP TABLE receipt;
ALTER TABLE receipt_of_now RENAME TO receipt;

CREATE INDEX receipt_unparsed ON receipt (id) WHERE reason IS NOT NULL;
CREATE INDEX receipt_subject ON receipt (subject_id, coalesce(time, received_at)) WHERE subject_id IS NOT NULL;
