-- Systems of a client's own that are asked about a number before it is called; at most one of each kind.
CREATE TABLE hooks (
    client_id  TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    -- 'screening' or 'predial'.
    kind       TEXT COLLATE "C"    NOT NULL,
    -- Address and secret, sealed.
    url        BYTEA    NOT NULL,
    secret     BYTEA    NOT NULL,
    timeout_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    PRIMARY KEY (client_id, kind)
);

-- What screening said of a number, sealed; the number is a keyed hash.
CREATE TABLE screened (
    client_id    TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    number_index BYTEA    NOT NULL,
    body         BYTEA    NOT NULL,
    asked_ms     BIGINT NOT NULL,
    PRIMARY KEY (client_id, number_index)
);
CREATE INDEX screened_by_time ON screened (asked_ms);

-- The sorts of line that the client calls, with spaces between them; all if empty.
ALTER TABLE dialling ADD COLUMN lines TEXT COLLATE "C" NOT NULL DEFAULT '';
