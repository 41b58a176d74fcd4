-- Times are milliseconds since 1970 UTC unless they end in from_ms, to_ms or at_ms, which count from the call's start.
-- Columns of type BLOB are sealed by the server or are keyed hashes; nothing of content is in clear.

CREATE TABLE clients (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        BLOB    NOT NULL,
    created_ms  INTEGER NOT NULL,
    closed_ms   INTEGER,
    revision    INTEGER NOT NULL
) STRICT;
CREATE INDEX clients_by_time ON clients (created_ms, id);

CREATE TABLE api_keys (
    client_id    TEXT    NOT NULL REFERENCES clients (id),
    id           TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE,
    name         BLOB    NOT NULL,
    scopes       TEXT    NOT NULL,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER,
    revoked_ms   INTEGER,
    last_used_ms INTEGER,
    PRIMARY KEY (client_id, id)
) STRICT;
CREATE INDEX api_keys_by_time ON api_keys (client_id, created_ms, id);

CREATE TABLE agents (
    client_id   TEXT    NOT NULL REFERENCES clients (id),
    id          TEXT    NOT NULL,
    name        BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    archived_ms INTEGER,
    revision    INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT;
CREATE INDEX agents_by_time ON agents (client_id, created_ms, id);

CREATE TABLE agent_versions (
    client_id  TEXT    NOT NULL,
    agent_id   TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    body       BLOB    NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (client_id, agent_id, version),
    FOREIGN KEY (client_id, agent_id) REFERENCES agents (client_id, id)
) STRICT;

CREATE TABLE carrier_accounts (
    client_id  TEXT    NOT NULL REFERENCES clients (id),
    id         TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    name       BLOB    NOT NULL,
    secret     BLOB    NOT NULL,
    settings   BLOB    NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT;
CREATE INDEX carrier_accounts_by_time ON carrier_accounts (client_id, created_ms, id);

-- A row without a client is one of the operator's defaults.
CREATE TABLE providers (
    id         TEXT    NOT NULL PRIMARY KEY,
    client_id  TEXT    REFERENCES clients (id),
    kind       TEXT    NOT NULL,
    vendor     TEXT    NOT NULL,
    name       BLOB    NOT NULL,
    secret     BLOB    NOT NULL,
    settings   BLOB    NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    revision   INTEGER NOT NULL
) STRICT;
CREATE INDEX providers_by_time ON providers (client_id, created_ms, id);

CREATE TABLE numbers (
    client_id    TEXT    NOT NULL REFERENCES clients (id),
    id           TEXT    NOT NULL,
    number       BLOB    NOT NULL,
    number_index BLOB    NOT NULL UNIQUE,
    agent_id     TEXT,
    carrier_id   TEXT,
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    revision     INTEGER NOT NULL,
    PRIMARY KEY (client_id, id),
    FOREIGN KEY (client_id, agent_id) REFERENCES agents (client_id, id),
    FOREIGN KEY (client_id, carrier_id) REFERENCES carrier_accounts (client_id, id)
) STRICT;
CREATE INDEX numbers_by_time ON numbers (client_id, created_ms, id);

CREATE TABLE calls (
    client_id       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    agent_id        TEXT    NOT NULL,
    agent_version   INTEGER NOT NULL,
    direction       TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    outcome         TEXT,
    ended_by        TEXT,
    ended_reason    TEXT,
    created_ms      INTEGER NOT NULL,
    answered_ms     INTEGER,
    ended_ms        INTEGER,
    duration_ms     INTEGER,
    from_number     BLOB,
    from_index      BLOB,
    to_number       BLOB,
    to_index        BLOB,
    subject_id      TEXT,
    consent_mode    TEXT,
    consent_state   TEXT    NOT NULL,
    consent_method  TEXT,
    rules           TEXT,
    recorded_ms     INTEGER NOT NULL,
    has_recording   INTEGER NOT NULL,
    sealed_key      BLOB,
    carrier         TEXT,
    carrier_call_id TEXT,
    metadata        BLOB,
    revision        INTEGER NOT NULL,
    -- 1 once the journal's last entry is in.
    rows_done       INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT;
-- One index for each combination of filters that a list may lead with, so that a rare one is found among a million.
CREATE INDEX calls_by_time ON calls (client_id, created_ms, id);
CREATE INDEX calls_by_agent ON calls (client_id, agent_id, created_ms, id);
CREATE INDEX calls_by_direction ON calls (client_id, direction, created_ms, id);
CREATE INDEX calls_by_consent ON calls (client_id, consent_state, created_ms, id);
CREATE INDEX calls_by_agent_direction ON calls (client_id, agent_id, direction, created_ms, id);
CREATE INDEX calls_by_agent_consent ON calls (client_id, agent_id, consent_state, created_ms, id);
CREATE INDEX calls_by_direction_consent ON calls (client_id, direction, consent_state, created_ms, id);
CREATE INDEX calls_by_agent_direction_consent ON calls (client_id, agent_id, direction, consent_state, created_ms, id);
CREATE INDEX calls_by_status ON calls (client_id, status, created_ms, id);
CREATE INDEX calls_by_from ON calls (client_id, from_index, created_ms, id);
CREATE INDEX calls_by_to ON calls (client_id, to_index, created_ms, id);
CREATE INDEX calls_by_carrier ON calls (carrier, carrier_call_id);
CREATE INDEX calls_behind ON calls (id) WHERE rows_done = 0;

CREATE TABLE turns (
    client_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    speaker   TEXT    NOT NULL,
    from_ms   INTEGER NOT NULL,
    to_ms     INTEGER NOT NULL,
    body      BLOB    NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
) STRICT;

CREATE TABLE events (
    client_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
) STRICT;

CREATE TABLE consents (
    client_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    step      TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
) STRICT;

CREATE TABLE withdrawals (
    client_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    class     TEXT    NOT NULL,
    erase     INTEGER NOT NULL,
    noted_ms  INTEGER NOT NULL,
    PRIMARY KEY (client_id, call_id)
) STRICT;

CREATE TABLE second_passes (
    client_id  TEXT    NOT NULL,
    call_id    TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    recogniser TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
) STRICT;

-- A suppression of the whole platform has the empty client; one that is not of a campaign the empty campaign.
CREATE TABLE suppressions (
    client_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    scope          TEXT    NOT NULL,
    campaign_id    TEXT    NOT NULL,
    hash           BLOB    NOT NULL,
    reason         TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    call_id        TEXT,
    created_ms     INTEGER NOT NULL,
    removed_ms     INTEGER,
    removed_reason TEXT,
    PRIMARY KEY (client_id, id)
) STRICT;
CREATE UNIQUE INDEX suppressions_in_force ON suppressions (client_id, scope, campaign_id, hash) WHERE removed_ms IS NULL;
CREATE INDEX suppressions_by_hash ON suppressions (client_id, hash, created_ms, id);
CREATE INDEX suppressions_by_time ON suppressions (client_id, created_ms, id);

CREATE TABLE idempotency_keys (
    client_id    TEXT    NOT NULL,
    route        TEXT    NOT NULL,
    key_hash     BLOB    NOT NULL,
    request_hash BLOB    NOT NULL,
    state        TEXT    NOT NULL,
    status       INTEGER,
    resource_id  TEXT,
    body         BLOB,
    created_ms   INTEGER NOT NULL,
    PRIMARY KEY (client_id, route, key_hash)
) STRICT;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_ms);

CREATE TABLE spent_tokens (
    hash       BLOB    NOT NULL PRIMARY KEY,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX spent_tokens_by_time ON spent_tokens (expires_ms);

-- What the planner is to believe of calls, whatever a database holds just now: without it, it takes the index by time for
-- every list, and reads a million rows to find a few. Nothing here measures again (no ANALYZE, no PRAGMA optimize), so a
-- plan that was tested is the plan that runs.
ANALYZE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('calls', 'sqlite_autoindex_calls_1', '1000000 1000000 1'),
    ('calls', 'calls_by_time', '1000000 1000000 1 1'),
    ('calls', 'calls_by_agent', '1000000 1000000 20000 1 1'),
    ('calls', 'calls_by_direction', '1000000 1000000 500000 1 1'),
    ('calls', 'calls_by_consent', '1000000 1000000 250000 1 1'),
    ('calls', 'calls_by_agent_direction', '1000000 1000000 20000 10000 1 1'),
    ('calls', 'calls_by_agent_consent', '1000000 1000000 20000 5000 1 1'),
    ('calls', 'calls_by_direction_consent', '1000000 1000000 500000 125000 1 1'),
    ('calls', 'calls_by_agent_direction_consent', '1000000 1000000 20000 10000 2500 1 1'),
    ('calls', 'calls_by_status', '1000000 1000000 250000 1 1'),
    ('calls', 'calls_by_from', '1000000 1000000 50 1 1'),
    ('calls', 'calls_by_to', '1000000 1000000 50 1 1'),
    ('calls', 'calls_by_carrier', '1000000 1000000 1'),
    ('calls', 'calls_behind', '1000 1');
ANALYZE sqlite_schema;
