-- What handlers note for events to come, each under keys of its own.
CREATE TABLE note (
    handler TEXT NOT NULL,
    key     TEXT NOT NULL,
    text    TEXT NOT NULL,
    kept_at INTEGER NOT NULL,
    PRIMARY KEY (handler, key)
) STRICT, WITHOUT ROWID;

-- Those whose time is over.
CREATE INDEX note_kept_at ON note (kept_at);
