-- Files of contacts that are read in. The file itself is in the data folder, sealed, until it is read.
CREATE TABLE imports (
    client_id  TEXT    NOT NULL REFERENCES clients (id),
    id         TEXT    NOT NULL,
    -- What is to be done with it, sealed.
    settings   BLOB    NOT NULL,
    list_id    TEXT,
    is_dry     INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    problem    TEXT,
    bytes      INTEGER NOT NULL,
    -- How far it was read, in bytes, with the rows that were made of that.
    position   INTEGER NOT NULL,
    line       INTEGER NOT NULL,
    rows_read  INTEGER NOT NULL,
    added      INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    skipped    INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    PRIMARY KEY (client_id, id)
) STRICT;
CREATE INDEX imports_by_time ON imports (client_id, created_ms, id);
CREATE INDEX imports_open ON imports (created_ms, id) WHERE ended_ms IS NULL;

-- Rows that could not be used; nothing of their content.
CREATE TABLE import_errors (
    client_id TEXT    NOT NULL,
    import_id TEXT    NOT NULL,
    line      INTEGER NOT NULL,
    place     INTEGER NOT NULL,
    cell      INTEGER,
    field     TEXT    NOT NULL,
    code      TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    PRIMARY KEY (client_id, import_id, line, place),
    FOREIGN KEY (client_id, import_id) REFERENCES imports (client_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
