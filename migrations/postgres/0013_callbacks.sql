-- People who are to be called back: committed before they are told so, and one of a client's for each number at a time.
CREATE TABLE callbacks (
    client_id       TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    agent_id        TEXT COLLATE "C"    NOT NULL,
    asked_call_id   TEXT COLLATE "C",
    subject_id      TEXT COLLATE "C"    NOT NULL,
    plan            BYTEA    NOT NULL,
    note            BYTEA,
    number_index    BYTEA    NOT NULL,
    platform_index  BYTEA    NOT NULL,
    zone            TEXT COLLATE "C"    NOT NULL,
    agreed_ms       BIGINT NOT NULL,
    due_ms          BIGINT NOT NULL,
    expires_ms      BIGINT NOT NULL,
    state           TEXT COLLATE "C"    NOT NULL,
    reason          TEXT COLLATE "C",
    attempt_id      TEXT COLLATE "C",
    call_id         TEXT COLLATE "C",
    created_ms      BIGINT NOT NULL,
    ended_ms        BIGINT
);
CREATE UNIQUE INDEX callbacks_scheduled ON callbacks (client_id, number_index) WHERE state = 'scheduled';
CREATE INDEX callbacks_everywhere ON callbacks (platform_index) WHERE state = 'scheduled';
CREATE INDEX callbacks_due ON callbacks (due_ms, id) WHERE state = 'scheduled';
CREATE INDEX callbacks_by_time ON callbacks (client_id, created_ms, id);
CREATE INDEX callbacks_by_call ON callbacks (client_id, call_id);
CREATE INDEX callbacks_by_attempt ON callbacks (client_id, attempt_id);
CREATE INDEX callbacks_by_asking ON callbacks (client_id, asked_call_id, id);
