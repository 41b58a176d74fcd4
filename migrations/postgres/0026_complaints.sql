-- Complaints about calls. The number is a keyed hash; number and text are sealed under the subject's key.
CREATE TABLE complaints (
    client_id      TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id             TEXT COLLATE "C" NOT NULL,
    number_index   BYTEA   NOT NULL,
    subject_id     TEXT COLLATE "C" NOT NULL,
    source         TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    -- When the call was that it is about, as the person says.
    about_ms       BIGINT  NOT NULL,
    body           BYTEA   NOT NULL,
    suppression_id TEXT COLLATE "C" NOT NULL,
    created_ms     BIGINT  NOT NULL,
    updated_ms     BIGINT  NOT NULL,
    revision       BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX complaints_by_time ON complaints (client_id, created_ms, id);
