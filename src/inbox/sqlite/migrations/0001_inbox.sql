-- The inbox, as a SQLite database. Times are microseconds since 1970 in UTC.
--
-- There are no foreign keys: receipts, their bytes, dispatches and attempts are written together and removed together, each in one
-- function, and a check at every insert would cost a page read to tell what that function knows already.

-- Words that come again and again (endpoints, handlers, kinds, states, secrets' labels), so that a row names them by number.
-- Never removed.
CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- What receipts are listed and filtered by, and nothing wide: a list that has to walk all of them walks little.
-- AUTOINCREMENT, because the number of a removed receipt must not come back.
CREATE TABLE receipt (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
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

CREATE INDEX receipt_received ON receipt (received_at);
CREATE INDEX receipt_unparsed ON receipt (id) WHERE reason IS NOT NULL;

-- The rest of a receipt: the bytes as they came, and how they were proven.
CREATE TABLE original (
    receipt   INTEGER PRIMARY KEY,
    identity  BLOB NOT NULL,
    signature TEXT,
    secret    INTEGER,                  -- name
    body      BLOB NOT NULL
) STRICT;

-- Every identity ever seen. One range of it answers both "is this known?" and "is there other content under this event id?".
-- Purging receipts leaves it alone.
CREATE TABLE identity (
    event   INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (event, content)
) STRICT, WITHOUT ROWID;

-- The number of a dispatch is 1000 × its receipt + its place among the dispatches of that receipt: the dispatches of a receipt are
-- a range of the table, and need no index.
CREATE TABLE dispatch (
    id          INTEGER PRIMARY KEY,
    handler     INTEGER NOT NULL,       -- name
    state       INTEGER NOT NULL,       -- 0 waiting, 1 claimed, 2 done, 3 dead
    attempts    INTEGER NOT NULL,       -- since it was made or last replayed
    token       INTEGER NOT NULL,       -- how often it was ever claimed
    due_at      INTEGER NOT NULL,
    claimed_at  INTEGER,                -- while it is claimed
    lease_until INTEGER,                -- while it is claimed
    subject     TEXT,                   -- only when it is owed in order
    place       INTEGER,                -- its place in that order: Apple's time, or when it was received
    behind      INTEGER NOT NULL        -- 1 while another of its handler and subject goes first: see `work.rs`
) STRICT;

CREATE INDEX dispatch_waiting ON dispatch (handler, behind, due_at) WHERE state = 0;
CREATE INDEX dispatch_claimed ON dispatch (lease_until) WHERE state = 1;
CREATE INDEX dispatch_dead    ON dispatch (handler) WHERE state = 3;
CREATE INDEX dispatch_ordered ON dispatch (handler, subject, place) WHERE state <= 1 AND subject IS NOT NULL;

-- The token of the claim tells the attempts of a dispatch apart; their numbers start again at a replay.
CREATE TABLE attempt (
    dispatch   INTEGER NOT NULL,
    token      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    took       INTEGER NOT NULL,        -- microseconds
    result     INTEGER NOT NULL,        -- 0 ok, 1 failed, 2 rejected, 3 lost
    error      TEXT,
    PRIMARY KEY (dispatch, token)
) STRICT, WITHOUT ROWID;

-- Counts, kept in the transaction of what they count, so that nobody has to count a million rows.
CREATE TABLE tally (
    name INTEGER NOT NULL,              -- an endpoint or a handler; 0 for the store as a whole
    what INTEGER NOT NULL,              -- see `tally.rs`
    n    INTEGER NOT NULL,
    PRIMARY KEY (name, what)
) STRICT, WITHOUT ROWID;

-- One row that is written to prove that writing works.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
