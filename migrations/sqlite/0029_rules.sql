-- Packs of rules that this server decided by, as they were read: what a decision names can be looked up.
CREATE TABLE rule_packs (
    sha256   TEXT NOT NULL,
    -- Schema and day; behind a ~ the day of the pack below it.
    id       TEXT NOT NULL,
    -- JSON, deflated.
    body     BLOB NOT NULL,
    first_ms INTEGER NOT NULL,
    PRIMARY KEY (sha256, id)
) STRICT, WITHOUT ROWID;

-- Places in which nobody is called for a time, entered by whoever runs the server.
CREATE TABLE closures (
    id         TEXT NOT NULL PRIMARY KEY,
    place      TEXT NOT NULL,
    from_ms    INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX closures_by_end ON closures (until_ms, id);

-- Calls that were asked for and not allowed, and why. How it was decided is sealed under the key of the person.
CREATE TABLE decisions (
    client_id    TEXT NOT NULL REFERENCES clients (id),
    id           TEXT NOT NULL,
    number_index BLOB NOT NULL,
    subject_id   TEXT NOT NULL,
    about        TEXT NOT NULL,
    object_id    TEXT NOT NULL,
    verdict      TEXT NOT NULL,
    codes        TEXT NOT NULL,
    rules        TEXT NOT NULL,
    again_ms     INTEGER,
    made_ms      INTEGER NOT NULL,
    trace        BLOB NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_by_time ON decisions (client_id, made_ms, id);
CREATE INDEX decisions_by_number ON decisions (client_id, number_index, made_ms, id);
CREATE INDEX decisions_by_age ON decisions (made_ms);
