-- What clients are told of. An event is written in the transaction that makes it true; who is told of it is settled afterwards, in
-- one order for all.
CREATE TABLE outbox (
    n           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    client_id   TEXT    NOT NULL REFERENCES clients (id),
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    object_id   TEXT    NOT NULL,
    once        TEXT    NOT NULL,
    endpoint_id TEXT,
    data        TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    place       INTEGER,
    seq         INTEGER
) STRICT;
CREATE UNIQUE INDEX outbox_once ON outbox (client_id, object_id, kind, once);
CREATE UNIQUE INDEX outbox_by_id ON outbox (client_id, id);
CREATE INDEX outbox_by_object ON outbox (client_id, object_id, seq);
CREATE INDEX outbox_unpublished ON outbox (n) WHERE place IS NULL;
CREATE UNIQUE INDEX outbox_by_place ON outbox (client_id, place) WHERE place IS NOT NULL;
CREATE INDEX outbox_by_time ON outbox (created_ms) WHERE place IS NOT NULL;

CREATE TABLE outbox_end (
    one   INTEGER NOT NULL PRIMARY KEY,
    place INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_end (one, place) VALUES (1, 0);

-- Of several servers on one database one at a time tells.
CREATE TABLE leases (
    name     TEXT    NOT NULL PRIMARY KEY,
    holder   TEXT    NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_endpoints (
    client_id        TEXT    NOT NULL REFERENCES clients (id),
    id               TEXT    NOT NULL PRIMARY KEY,
    url              BLOB    NOT NULL,
    description      BLOB,
    events           TEXT    NOT NULL,
    secret           BLOB    NOT NULL,
    former_secret    BLOB,
    former_until_ms  INTEGER,
    state            TEXT    NOT NULL,
    reason           TEXT,
    failing_since_ms INTEGER,
    created_ms       INTEGER NOT NULL,
    updated_ms       INTEGER NOT NULL,
    revision         INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_endpoints_by_time ON webhook_endpoints (client_id, created_ms, id);

-- An event on its way to an endpoint: `waiting` for its next try, or `behind` an earlier one of the same object.
CREATE TABLE webhook_deliveries (
    client_id   TEXT    NOT NULL REFERENCES clients (id),
    id          TEXT    NOT NULL PRIMARY KEY,
    endpoint_id TEXT    NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_n     INTEGER NOT NULL REFERENCES outbox (n) ON DELETE CASCADE,
    object_id   TEXT    NOT NULL,
    place       INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    tries       INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    last_status INTEGER,
    last_reason TEXT,
    tried_ms    INTEGER,
    created_ms  INTEGER NOT NULL,
    ended_ms    INTEGER
) STRICT;
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (event_n, endpoint_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (client_id, endpoint_id, due_ms, place) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (client_id, endpoint_id, object_id, place) WHERE ended_ms IS NULL;
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (client_id, endpoint_id, created_ms, id);
