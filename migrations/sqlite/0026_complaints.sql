-- Complaints about calls. The number is a keyed hash; number and text are sealed under the subject's key.
CREATE TABLE complaints (
    client_id      TEXT    NOT NULL REFERENCES clients (id),
    id             TEXT    NOT NULL,
    number_index   BLOB    NOT NULL,
    subject_id     TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    -- When the call was that it is about, as the person says.
    about_ms       INTEGER NOT NULL,
    body           BLOB    NOT NULL,
    suppression_id TEXT    NOT NULL,
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    revision       INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX complaints_by_time ON complaints (client_id, created_ms, id);
