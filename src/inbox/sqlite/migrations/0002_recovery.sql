-- The account of what Apple lists and what is kept of it.

-- One row for each event that Apple lists for an endpoint.
CREATE TABLE listed (
    endpoint  INTEGER NOT NULL,         -- name
    event     TEXT NOT NULL,            -- Apple's id of its record
    listed_at INTEGER NOT NULL,         -- by Apple's clock
    noted_at  INTEGER NOT NULL,         -- when we first saw it in the list
    kept      INTEGER NOT NULL,         -- 0 missing, 1 kept
    PRIMARY KEY (endpoint, event)
) STRICT, WITHOUT ROWID;

-- One row for each endpoint that Apple has been asked about.
CREATE TABLE recovery (
    endpoint     INTEGER PRIMARY KEY,   -- name
    mark         INTEGER,               -- by Apple's clock: up to then nothing that is listed is missing
    completed_at INTEGER,
    failed_at    INTEGER,               -- NULL, as the next, when the last pass was complete
    error        TEXT
) STRICT;
