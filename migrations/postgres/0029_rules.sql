-- Packs of rules that this server decided by, as they were read: what a decision names can be looked up.
CREATE TABLE rule_packs (
    sha256   TEXT COLLATE "C" NOT NULL,
    -- Schema and day; behind a ~ the day of the pack below it.
    id       TEXT COLLATE "C" NOT NULL,
    -- JSON, deflated.
    body     BYTEA NOT NULL,
    first_ms BIGINT NOT NULL,
    PRIMARY KEY (sha256, id)
);

-- Places in which nobody is called for a time, entered by whoever runs the server.
CREATE TABLE closures (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    place      TEXT COLLATE "C" NOT NULL,
    from_ms    BIGINT NOT NULL,
    until_ms   BIGINT NOT NULL,
    reason     TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE INDEX closures_by_end ON closures (until_ms, id);

-- Calls that were asked for and not allowed, and why. How it was decided is sealed under the key of the person.
CREATE TABLE decisions (
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id           TEXT COLLATE "C" NOT NULL,
    number_index BYTEA NOT NULL,
    subject_id   TEXT COLLATE "C" NOT NULL,
    about        TEXT COLLATE "C" NOT NULL,
    object_id    TEXT COLLATE "C" NOT NULL,
    verdict      TEXT COLLATE "C" NOT NULL,
    codes        TEXT COLLATE "C" NOT NULL,
    rules        TEXT COLLATE "C" NOT NULL,
    again_ms     BIGINT,
    made_ms      BIGINT NOT NULL,
    trace        BYTEA NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX decisions_by_time ON decisions (client_id, made_ms, id);
CREATE INDEX decisions_by_number ON decisions (client_id, number_index, made_ms, id);
CREATE INDEX decisions_by_age ON decisions (made_ms);
