-- People who are to be called back: committed before they are told so, and one of a client's for each number at a time.
CREATE TABLE callbacks (
    client_id       TEXT    NOT NULL REFERENCES clients (id),
    id              TEXT    NOT NULL PRIMARY KEY,
    agent_id        TEXT    NOT NULL,
    asked_call_id   TEXT,
    subject_id      TEXT    NOT NULL,
    plan            BLOB    NOT NULL,
    note            BLOB,
    number_index    BLOB    NOT NULL,
    platform_index  BLOB    NOT NULL,
    zone            TEXT    NOT NULL,
    agreed_ms       INTEGER NOT NULL,
    due_ms          INTEGER NOT NULL,
    expires_ms      INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    reason          TEXT,
    attempt_id      TEXT,
    call_id         TEXT,
    created_ms      INTEGER NOT NULL,
    ended_ms        INTEGER
) STRICT;
CREATE UNIQUE INDEX callbacks_scheduled ON callbacks (client_id, number_index) WHERE state = 'scheduled';
CREATE INDEX callbacks_everywhere ON callbacks (platform_index) WHERE state = 'scheduled';
CREATE INDEX callbacks_due ON callbacks (due_ms, id) WHERE state = 'scheduled';
CREATE INDEX callbacks_by_time ON callbacks (client_id, created_ms, id);
CREATE INDEX callbacks_by_call ON callbacks (client_id, call_id);
CREATE INDEX callbacks_by_attempt ON callbacks (client_id, attempt_id);
CREATE INDEX callbacks_by_asking ON callbacks (client_id, asked_call_id, id);
