-- Which contact called, as it was known when the call came in.
ALTER TABLE calls ADD COLUMN contact_id TEXT COLLATE "C";
CREATE INDEX calls_by_contact ON calls (client_id, contact_id) WHERE contact_id IS NOT NULL;

-- Who calls a client and is not heard, by the client's keyed hash of their number.
CREATE TABLE blocked_callers (
    client_id  TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id         TEXT COLLATE "C" NOT NULL,
    hash       BYTEA            NOT NULL,
    created_ms BIGINT           NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE UNIQUE INDEX blocked_callers_by_hash ON blocked_callers (client_id, hash);
CREATE INDEX blocked_callers_by_time ON blocked_callers (client_id, created_ms, id);
