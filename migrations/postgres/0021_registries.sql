-- Files of registers of people who do not want to be called, which clients bring in. The file itself is in the data
-- folder, sealed, until it is read. A row stays, so that it can be told which file counted when.
CREATE TABLE registry_files (
    client_id    TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id           TEXT COLLATE "C"    NOT NULL,
    registry     TEXT COLLATE "C"    NOT NULL,
    -- 'full', 'additions' or 'removals'.
    kind         TEXT COLLATE "C"    NOT NULL,
    -- How it is read, sealed.
    settings     BYTEA    NOT NULL,
    -- Beginnings of the numbers that it knows, with spaces between them; empty for what changes another file.
    covers       TEXT COLLATE "C"    NOT NULL,
    as_of_ms     BIGINT NOT NULL,
    state        TEXT COLLATE "C"    NOT NULL,
    -- Calls are decided by it: 0 or 1.
    counts       BIGINT NOT NULL,
    -- Its numbers are gone: 0 or 1.
    swept        BIGINT NOT NULL,
    problem      TEXT COLLATE "C",
    bytes        BIGINT NOT NULL,
    -- How far it was read, in bytes, with the numbers that were made of that.
    position     BIGINT NOT NULL,
    line         BIGINT NOT NULL,
    rows_read    BIGINT NOT NULL,
    numbers      BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    -- How many rows could not be used, by reason: JSON.
    errors       TEXT COLLATE "C"    NOT NULL,
    runs         BIGINT NOT NULL,
    tries        BIGINT NOT NULL,
    created_ms   BIGINT NOT NULL,
    ended_ms     BIGINT,
    counted_ms   BIGINT,
    uncounted_ms BIGINT,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX registry_files_by_time ON registry_files (client_id, created_ms, id);
CREATE INDEX registry_files_open ON registry_files (created_ms, id) WHERE ended_ms IS NULL;
CREATE INDEX registry_files_counting ON registry_files (client_id, registry, as_of_ms, created_ms, id) WHERE counts = 1;
CREATE INDEX registry_files_unswept ON registry_files (ended_ms, id) WHERE swept = 0 AND counts = 0;

-- Their numbers, as keyed hashes of 16 bytes. Those of one run that begin alike stand sorted in one row of some hundred
-- bytes: so a file of millions has few rows, and a number is looked up in one short range of them.
CREATE TABLE registry_numbers (
    client_id TEXT COLLATE "C"    NOT NULL,
    file_id   TEXT COLLATE "C"    NOT NULL,
    bucket    BIGINT NOT NULL,
    run       BIGINT NOT NULL,
    hashes    BYTEA    NOT NULL,
    PRIMARY KEY (client_id, file_id, bucket, run),
    FOREIGN KEY (client_id, file_id) REFERENCES registry_files (client_id, id)
);
