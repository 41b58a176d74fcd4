-- Times are milliseconds since 1970 UTC unless they end in from_ms, to_ms or at_ms, which count from the call's start.
-- Columns of type BYTEA are sealed by the server or are keyed hashes; nothing of content is in clear.

CREATE TABLE clients (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name        BYTEA   NOT NULL,
    created_ms  BIGINT  NOT NULL,
    closed_ms   BIGINT,
    revision    BIGINT  NOT NULL
);
CREATE INDEX clients_by_time ON clients (created_ms, id);

CREATE TABLE api_keys (
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id           TEXT COLLATE "C" NOT NULL,
    hash         BYTEA   NOT NULL UNIQUE,
    name         BYTEA   NOT NULL,
    scopes       TEXT COLLATE "C" NOT NULL,
    created_ms   BIGINT  NOT NULL,
    expires_ms   BIGINT,
    revoked_ms   BIGINT,
    last_used_ms BIGINT,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX api_keys_by_time ON api_keys (client_id, created_ms, id);

CREATE TABLE agents (
    client_id   TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id          TEXT COLLATE "C" NOT NULL,
    name        BYTEA   NOT NULL,
    version     BIGINT  NOT NULL,
    created_ms  BIGINT  NOT NULL,
    updated_ms  BIGINT  NOT NULL,
    archived_ms BIGINT,
    revision    BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX agents_by_time ON agents (client_id, created_ms, id);

CREATE TABLE agent_versions (
    client_id  TEXT COLLATE "C" NOT NULL,
    agent_id   TEXT COLLATE "C" NOT NULL,
    version    BIGINT  NOT NULL,
    body       BYTEA   NOT NULL,
    created_ms BIGINT  NOT NULL,
    PRIMARY KEY (client_id, agent_id, version),
    FOREIGN KEY (client_id, agent_id) REFERENCES agents (client_id, id)
);

CREATE TABLE carrier_accounts (
    client_id  TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id         TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    name       BYTEA   NOT NULL,
    secret     BYTEA   NOT NULL,
    settings   BYTEA   NOT NULL,
    created_ms BIGINT  NOT NULL,
    updated_ms BIGINT  NOT NULL,
    revision   BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX carrier_accounts_by_time ON carrier_accounts (client_id, created_ms, id);

-- A row without a client is one of the operator's defaults.
CREATE TABLE providers (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id  TEXT COLLATE "C" REFERENCES clients (id),
    kind       TEXT COLLATE "C" NOT NULL,
    vendor     TEXT COLLATE "C" NOT NULL,
    name       BYTEA   NOT NULL,
    secret     BYTEA   NOT NULL,
    settings   BYTEA   NOT NULL,
    created_ms BIGINT  NOT NULL,
    updated_ms BIGINT  NOT NULL,
    revision   BIGINT  NOT NULL
);
CREATE INDEX providers_by_time ON providers (client_id, created_ms, id);

CREATE TABLE numbers (
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id           TEXT COLLATE "C" NOT NULL,
    number       BYTEA   NOT NULL,
    number_index BYTEA   NOT NULL UNIQUE,
    agent_id     TEXT COLLATE "C",
    carrier_id   TEXT COLLATE "C",
    created_ms   BIGINT  NOT NULL,
    updated_ms   BIGINT  NOT NULL,
    revision     BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id),
    FOREIGN KEY (client_id, agent_id) REFERENCES agents (client_id, id),
    FOREIGN KEY (client_id, carrier_id) REFERENCES carrier_accounts (client_id, id)
);
CREATE INDEX numbers_by_time ON numbers (client_id, created_ms, id);

CREATE TABLE calls (
    client_id       TEXT COLLATE "C" NOT NULL,
    id              TEXT COLLATE "C" NOT NULL,
    agent_id        TEXT COLLATE "C" NOT NULL,
    agent_version   BIGINT  NOT NULL,
    direction       TEXT COLLATE "C" NOT NULL,
    status          TEXT COLLATE "C" NOT NULL,
    outcome         TEXT COLLATE "C",
    ended_by        TEXT COLLATE "C",
    ended_reason    TEXT COLLATE "C",
    created_ms      BIGINT  NOT NULL,
    answered_ms     BIGINT,
    ended_ms        BIGINT,
    duration_ms     BIGINT,
    from_number     BYTEA,
    from_index      BYTEA,
    to_number       BYTEA,
    to_index        BYTEA,
    subject_id      TEXT COLLATE "C",
    consent_mode    TEXT COLLATE "C",
    consent_state   TEXT COLLATE "C" NOT NULL,
    consent_method  TEXT COLLATE "C",
    rules           TEXT COLLATE "C",
    recorded_ms     BIGINT  NOT NULL,
    has_recording   BIGINT  NOT NULL,
    sealed_key      BYTEA,
    carrier         TEXT COLLATE "C",
    carrier_call_id TEXT COLLATE "C",
    metadata        BYTEA,
    revision        BIGINT  NOT NULL,
    -- 1 once the journal's last entry is in.
    rows_done       BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id)
);
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
    client_id TEXT COLLATE "C" NOT NULL,
    call_id   TEXT COLLATE "C" NOT NULL,
    seq       BIGINT  NOT NULL,
    speaker   TEXT COLLATE "C" NOT NULL,
    from_ms   BIGINT  NOT NULL,
    to_ms     BIGINT  NOT NULL,
    body      BYTEA   NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
);

CREATE TABLE events (
    client_id TEXT COLLATE "C" NOT NULL,
    call_id   TEXT COLLATE "C" NOT NULL,
    seq       BIGINT  NOT NULL,
    at_ms     BIGINT  NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
);

CREATE TABLE consents (
    client_id TEXT COLLATE "C" NOT NULL,
    call_id   TEXT COLLATE "C" NOT NULL,
    seq       BIGINT  NOT NULL,
    at_ms     BIGINT  NOT NULL,
    step      TEXT COLLATE "C" NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
);

CREATE TABLE withdrawals (
    client_id TEXT COLLATE "C" NOT NULL,
    call_id   TEXT COLLATE "C" NOT NULL,
    at_ms     BIGINT  NOT NULL,
    class     TEXT COLLATE "C" NOT NULL,
    erase     BIGINT  NOT NULL,
    noted_ms  BIGINT  NOT NULL,
    PRIMARY KEY (client_id, call_id)
);

CREATE TABLE second_passes (
    client_id  TEXT COLLATE "C" NOT NULL,
    call_id    TEXT COLLATE "C" NOT NULL,
    seq        BIGINT  NOT NULL,
    recogniser TEXT COLLATE "C" NOT NULL,
    body       BYTEA   NOT NULL,
    PRIMARY KEY (client_id, call_id, seq)
);

-- A suppression of the whole platform has the empty client; one that is not of a campaign the empty campaign.
CREATE TABLE suppressions (
    client_id      TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    scope          TEXT COLLATE "C" NOT NULL,
    campaign_id    TEXT COLLATE "C" NOT NULL,
    hash           BYTEA   NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    source         TEXT COLLATE "C" NOT NULL,
    call_id        TEXT COLLATE "C",
    created_ms     BIGINT  NOT NULL,
    removed_ms     BIGINT,
    removed_reason TEXT COLLATE "C",
    PRIMARY KEY (client_id, id)
);
CREATE UNIQUE INDEX suppressions_in_force ON suppressions (client_id, scope, campaign_id, hash) WHERE removed_ms IS NULL;
CREATE INDEX suppressions_by_hash ON suppressions (client_id, hash, created_ms, id);
CREATE INDEX suppressions_by_time ON suppressions (client_id, created_ms, id);

CREATE TABLE idempotency_keys (
    client_id    TEXT COLLATE "C" NOT NULL,
    route        TEXT COLLATE "C" NOT NULL,
    key_hash     BYTEA   NOT NULL,
    request_hash BYTEA   NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    status       BIGINT,
    resource_id  TEXT COLLATE "C",
    body         BYTEA,
    created_ms   BIGINT  NOT NULL,
    PRIMARY KEY (client_id, route, key_hash)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_ms);

CREATE TABLE spent_tokens (
    hash       BYTEA   NOT NULL PRIMARY KEY,
    expires_ms BIGINT  NOT NULL
);
CREATE INDEX spent_tokens_by_time ON spent_tokens (expires_ms);
