-- What is known of a receipt besides its bytes: what Apple's API added to it, as a JSON text, and the files that text names.
CREATE TABLE details (
    receipt INTEGER PRIMARY KEY,
    json    BLOB NOT NULL
) STRICT;

CREATE TABLE file (
    receipt INTEGER NOT NULL,
    name    TEXT NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (receipt, name)
) STRICT;
