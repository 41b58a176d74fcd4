-- Callers who were to be put through to a person: written before the carrier hears of it, and open until it is known how it ended.
CREATE TABLE transfers (
    client_id       TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    call_id         TEXT COLLATE "C"    NOT NULL,
    carrier_id      TEXT COLLATE "C"    NOT NULL,
    kind            TEXT COLLATE "C"    NOT NULL,
    plan            BYTEA   NOT NULL,
    caller_leg      TEXT COLLATE "C"    NOT NULL,
    person_leg      TEXT COLLATE "C",
    outcome         TEXT COLLATE "C",
    asked_ms        BIGINT  NOT NULL,
    ended_ms        BIGINT,
    is_open         BIGINT  NOT NULL
);
CREATE INDEX transfers_by_call ON transfers (client_id, call_id, id);
CREATE INDEX transfers_by_carrier ON transfers (client_id, person_leg);
CREATE INDEX transfers_open ON transfers (id) WHERE is_open = 1;
