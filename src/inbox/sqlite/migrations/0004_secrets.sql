-- The secrets that the program makes itself. They are sealed with a key that is not here.
CREATE TABLE secret (
    endpoint  TEXT NOT NULL,
    place     INTEGER NOT NULL,         -- among the secrets of its endpoint
    label     TEXT NOT NULL,
    state     INTEGER NOT NULL,         -- 0 next, 1 current, 2 retiring
    sealed    BLOB NOT NULL,
    made_at   INTEGER NOT NULL,
    not_after INTEGER,
    PRIMARY KEY (endpoint, place)
) STRICT, WITHOUT ROWID;

-- How often any of them has changed.
CREATE TABLE secret_version (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;

-- The servers that accept them, and the version each goes by.
CREATE TABLE secret_reader (
    name    TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
