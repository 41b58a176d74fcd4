-- Who agreed to be called for what, and who took it back: a ledger that only grows. The number is a keyed hash; what proves
-- it is sealed under the subject's key.
CREATE TABLE call_consents (
    client_id    TEXT NOT NULL REFERENCES clients (id),
    id           TEXT NOT NULL,
    number_index BLOB NOT NULL,
    subject_id   TEXT NOT NULL,
    -- The form of a consent; NULL is a withdrawal.
    form         TEXT,
    purposes     TEXT NOT NULL,
    source       TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    expires_ms   INTEGER,
    recorded_ms  INTEGER NOT NULL,
    call_id      TEXT,
    evidence     BLOB,
    PRIMARY KEY (client_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_consents_by_number ON call_consents (client_id, number_index, recorded_ms, id);
CREATE INDEX call_consents_by_time ON call_consents (client_id, recorded_ms, id);
