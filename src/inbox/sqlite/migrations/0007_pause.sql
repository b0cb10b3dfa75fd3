-- The handlers that are given nothing for now, each with why. Nearly always empty, so a claim that looks here reads one page.
CREATE TABLE paused (
    handler INTEGER PRIMARY KEY,        -- name
    since   INTEGER NOT NULL,
    reason  TEXT NOT NULL
) STRICT;
