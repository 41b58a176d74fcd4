-- What clients are told of. An event is written in the transaction that makes it true; who is told of it is settled afterwards, in
-- one order for all.
CREATE TABLE outbox (
    n           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id   TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id          TEXT COLLATE "C"    NOT NULL,
    kind        TEXT COLLATE "C"    NOT NULL,
    object_id   TEXT COLLATE "C"    NOT NULL,
    once        TEXT COLLATE "C"    NOT NULL,
    endpoint_id TEXT COLLATE "C",
    data        TEXT COLLATE "C"    NOT NULL,
    created_ms  BIGINT NOT NULL,
    place       BIGINT,
    seq         BIGINT
);
CREATE UNIQUE INDEX outbox_once ON outbox (client_id, object_id, kind, once);
CREATE UNIQUE INDEX outbox_by_id ON outbox (client_id, id);
CREATE INDEX outbox_by_object ON outbox (client_id, object_id, seq);
CREATE INDEX outbox_unpublished ON outbox (n) WHERE place IS NULL;
CREATE UNIQUE INDEX outbox_by_place ON outbox (client_id, place) WHERE place IS NOT NULL;
CREATE INDEX outbox_by_time ON outbox (created_ms) WHERE place IS NOT NULL;

CREATE TABLE outbox_end (
    one   BIGINT NOT NULL PRIMARY KEY,
    place BIGINT NOT NULL
);
INSERT INTO outbox_end (one, place) VALUES (1, 0);

-- Of several servers on one database one at a time tells.
CREATE TABLE leases (
    name     TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    holder   TEXT COLLATE "C"    NOT NULL,
    until_ms BIGINT NOT NULL
);

CREATE TABLE webhook_endpoints (
    client_id        TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id               TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    url              BYTEA    NOT NULL,
    description      BYTEA,
    events           TEXT COLLATE "C"    NOT NULL,
    secret           BYTEA    NOT NULL,
    former_secret    BYTEA,
    former_until_ms  BIGINT,
    state            TEXT COLLATE "C"    NOT NULL,
    reason           TEXT COLLATE "C",
    failing_since_ms BIGINT,
    created_ms       BIGINT NOT NULL,
    updated_ms       BIGINT NOT NULL,
    revision         BIGINT NOT NULL
);
CREATE INDEX webhook_endpoints_by_time ON webhook_endpoints (client_id, created_ms, id);

-- An event on its way to an endpoint: `waiting` for its next try, or `behind` an earlier one of the same object.
CREATE TABLE webhook_deliveries (
    client_id   TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id          TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    endpoint_id TEXT COLLATE "C"    NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_n     BIGINT NOT NULL REFERENCES outbox (n) ON DELETE CASCADE,
    object_id   TEXT COLLATE "C"    NOT NULL,
    place       BIGINT NOT NULL,
    state       TEXT COLLATE "C"    NOT NULL,
    tries       BIGINT NOT NULL,
    due_ms      BIGINT NOT NULL,
    last_status BIGINT,
    last_reason TEXT COLLATE "C",
    tried_ms    BIGINT,
    created_ms  BIGINT NOT NULL,
    ended_ms    BIGINT
);
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (event_n, endpoint_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (client_id, endpoint_id, due_ms, place) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (client_id, endpoint_id, object_id, place) WHERE ended_ms IS NULL;
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (client_id, endpoint_id, created_ms, id);
