-- Systems of a client's own that are asked about a number before it is called; at most one of each kind.
CREATE TABLE hooks (
    client_id  TEXT    NOT NULL REFERENCES clients (id),
    -- 'screening' or 'predial'.
    kind       TEXT    NOT NULL,
    -- Address and secret, sealed.
    url        BLOB    NOT NULL,
    secret     BLOB    NOT NULL,
    timeout_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    PRIMARY KEY (client_id, kind)
) STRICT, WITHOUT ROWID;

-- What screening said of a number, sealed; the number is a keyed hash.
CREATE TABLE screened (
    client_id    TEXT    NOT NULL REFERENCES clients (id),
    number_index BLOB    NOT NULL,
    body         BLOB    NOT NULL,
    asked_ms     INTEGER NOT NULL,
    PRIMARY KEY (client_id, number_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX screened_by_time ON screened (asked_ms);

-- The sorts of line that the client calls, with spaces between them; all if empty.
ALTER TABLE dialling ADD COLUMN lines TEXT NOT NULL DEFAULT '';
