-- Callers who were to be put through to a person: written before the carrier hears of it, and open until it is known how it ended.
CREATE TABLE transfers (
    client_id       TEXT    NOT NULL REFERENCES clients (id),
    id              TEXT    NOT NULL PRIMARY KEY,
    call_id         TEXT    NOT NULL,
    carrier_id      TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    plan            BLOB    NOT NULL,
    caller_leg      TEXT    NOT NULL,
    person_leg      TEXT,
    outcome         TEXT,
    asked_ms        INTEGER NOT NULL,
    ended_ms        INTEGER,
    is_open         INTEGER NOT NULL
) STRICT;
CREATE INDEX transfers_by_call ON transfers (client_id, call_id, id);
CREATE INDEX transfers_by_carrier ON transfers (client_id, person_leg);
CREATE INDEX transfers_open ON transfers (id) WHERE is_open = 1;
