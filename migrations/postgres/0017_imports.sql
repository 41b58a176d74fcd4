-- Files of contacts that are read in. The file itself is in the data folder, sealed, until it is read.
CREATE TABLE imports (
    client_id  TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id         TEXT COLLATE "C"    NOT NULL,
    -- What is to be done with it, sealed.
    settings   BYTEA    NOT NULL,
    list_id    TEXT COLLATE "C",
    is_dry     BIGINT NOT NULL,
    state      TEXT COLLATE "C"    NOT NULL,
    problem    TEXT COLLATE "C",
    bytes      BIGINT NOT NULL,
    -- How far it was read, in bytes, with the rows that were made of that.
    position   BIGINT NOT NULL,
    line       BIGINT NOT NULL,
    rows_read  BIGINT NOT NULL,
    added      BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    skipped    BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms   BIGINT,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX imports_by_time ON imports (client_id, created_ms, id);
CREATE INDEX imports_open ON imports (created_ms, id) WHERE ended_ms IS NULL;

-- Rows that could not be used; nothing of their content.
CREATE TABLE import_errors (
    client_id TEXT COLLATE "C"    NOT NULL,
    import_id TEXT COLLATE "C"    NOT NULL,
    line      BIGINT NOT NULL,
    place     BIGINT NOT NULL,
    cell      BIGINT,
    field     TEXT COLLATE "C"    NOT NULL,
    code      TEXT COLLATE "C"    NOT NULL,
    detail    TEXT COLLATE "C"    NOT NULL,
    PRIMARY KEY (client_id, import_id, line, place),
    FOREIGN KEY (client_id, import_id) REFERENCES imports (client_id, id) ON DELETE CASCADE
);
