-- The subjects of whose states we have heard: a row for each version, build and so on, written with the first receipt that tells of it,
-- and removed with the last.
CREATE TABLE subject (
    first    INTEGER PRIMARY KEY,       -- the receipt that told of it first: its place in lists, for good
    endpoint INTEGER NOT NULL,          -- name
    kind     INTEGER NOT NULL,          -- name
    id       TEXT NOT NULL,
    app      INTEGER NOT NULL           -- name: Apple's id of the app; the endpoint, until details tell of one
) STRICT;

INSERT INTO subject (first, endpoint, kind, id, app)
    SELECT min(id), endpoint, kind, subject_id, endpoint FROM receipt
    WHERE subject_id IS NOT NULL AND state IS NOT NULL GROUP BY subject_id, kind, endpoint;

CREATE TEMP TABLE told AS
    SELECT s.first, CAST(d.json AS TEXT) ->> '$.app.id' AS app
    FROM subject s JOIN receipt r ON r.subject_id = s.id AND r.kind = s.kind AND r.endpoint = s.endpoint JOIN details d ON d.receipt = r.id
    WHERE json_valid(CAST(d.json AS TEXT)) ORDER BY r.id;
DELETE FROM told WHERE app IS NULL OR app = '';
INSERT OR IGNORE INTO name (name) SELECT app FROM told;
UPDATE subject SET app = n.id FROM told t JOIN name n ON n.name = t.app WHERE t.first = subject.first;
DROP TABLE told;

CREATE UNIQUE INDEX subject_id ON subject (id, kind, endpoint);
CREATE INDEX subject_kind ON subject (kind);
CREATE INDEX subject_app ON subject (app, kind);
