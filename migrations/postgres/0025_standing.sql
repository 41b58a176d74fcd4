-- Who was stopped from dialling, and why. The whole client has the empty agent. What an operator wrote is sealed under the
-- client's key.
CREATE TABLE suspensions (
    client_id TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id        TEXT COLLATE "C" NOT NULL,
    agent_id  TEXT COLLATE "C" NOT NULL,
    cause     TEXT COLLATE "C" NOT NULL,
    note      BYTEA,
    -- 1 if calls that go on were to end too.
    hang_up   BIGINT  NOT NULL,
    since_ms  BIGINT  NOT NULL,
    lifted_ms BIGINT,
    PRIMARY KEY (client_id, id)
);
CREATE UNIQUE INDEX suspensions_in_force ON suspensions (client_id, agent_id) WHERE lifted_ms IS NULL;
CREATE INDEX suspensions_to_end ON suspensions (id) WHERE lifted_ms IS NULL AND hang_up = 1;

-- What a client lets itself spend on calls, in millionths of a currency. NULL is no cap.
CREATE TABLE spend_caps (
    client_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES clients (id),
    currency   TEXT COLLATE "C" NOT NULL,
    day_max    BIGINT,
    month_max  BIGINT,
    updated_ms BIGINT  NOT NULL
);

-- What calls have cost by day and by month (UTC): `2026-11-24`, `2026-11`. Calls are counted once, with their carrier's line.
CREATE TABLE spending (
    client_id TEXT COLLATE "C" NOT NULL,
    period    TEXT COLLATE "C" NOT NULL,
    currency  TEXT COLLATE "C" NOT NULL,
    micros    BIGINT  NOT NULL,
    calls     BIGINT  NOT NULL,
    PRIMARY KEY (client_id, period, currency)
);

-- How much an operator lets one client call, where it is not what the configuration says. NULL is the configuration's.
CREATE TABLE client_limits (
    client_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES clients (id),
    calls_at_once    BIGINT,
    calls_per_second BIGINT,
    calls_per_day    BIGINT,
    updated_ms       BIGINT  NOT NULL
);
CREATE INDEX attempts_by_time ON attempts (client_id, asked_ms);
CREATE INDEX attempts_open_of ON attempts (client_id) WHERE is_open = 1;

-- Agreements that clients accepted: rows are added, and none is taken away. Who accepted it is sealed under the client's key.
CREATE TABLE agreements (
    client_id   TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id          TEXT COLLATE "C" NOT NULL,
    version     TEXT COLLATE "C" NOT NULL,
    accepted_by BYTEA    NOT NULL,
    accepted_ms BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE UNIQUE INDEX agreements_by_version ON agreements (client_id, version);
CREATE INDEX agreements_by_time ON agreements (client_id, accepted_ms, id);

-- When the first word of ours was heard in a call that we placed, ms since 1970. Absent while nothing was; of calls from before
-- nothing was noted, and they count as greeted.
ALTER TABLE calls ADD COLUMN greeted_ms BIGINT;
UPDATE calls SET greeted_ms = answered_ms WHERE direction = 'outbound' AND answered_ms IS NOT NULL;
CREATE INDEX calls_late ON calls (client_id, answered_ms)
    WHERE direction = 'outbound' AND answered_ms IS NOT NULL AND (greeted_ms IS NULL OR greeted_ms > answered_ms + 2000);
CREATE INDEX calls_answered ON calls (client_id, answered_ms) WHERE direction = 'outbound' AND answered_ms IS NOT NULL;
