-- Who agreed to be called for what, and who took it back: a ledger that only grows. The number is a keyed hash; what proves
-- it is sealed under the subject's key.
CREATE TABLE call_consents (
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id           TEXT COLLATE "C" NOT NULL,
    number_index BYTEA  NOT NULL,
    subject_id   TEXT COLLATE "C" NOT NULL,
    -- The form of a consent; NULL is a withdrawal.
    form         TEXT COLLATE "C",
    purposes     TEXT COLLATE "C" NOT NULL,
    source       TEXT COLLATE "C" NOT NULL,
    at_ms        BIGINT NOT NULL,
    expires_ms   BIGINT,
    recorded_ms  BIGINT NOT NULL,
    call_id      TEXT COLLATE "C",
    evidence     BYTEA,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX call_consents_by_number ON call_consents (client_id, number_index, recorded_ms, id);
CREATE INDEX call_consents_by_time ON call_consents (client_id, recorded_ms, id);
