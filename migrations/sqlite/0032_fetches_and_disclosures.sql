-- Files that are fetched from an address, which stands in the settings: by which server, and until when it may be silent; or when
-- one may begin.
ALTER TABLE imports ADD COLUMN fetcher TEXT;
ALTER TABLE imports ADD COLUMN fetch_due_ms INTEGER;

-- Endpoints that are told of whom an event is.
ALTER TABLE webhook_endpoints ADD COLUMN include_pii INTEGER NOT NULL DEFAULT 0;

-- What was told of whom, to which endpoint: written before it is sent, never changed, and kept when person and endpoint are gone.
CREATE TABLE disclosures (
    client_id    TEXT NOT NULL REFERENCES clients (id),
    id           TEXT NOT NULL,
    -- Who it was, as a keyed hash that is this table's own.
    person       BLOB NOT NULL,
    -- Names of what was told, parted by commas.
    fields       TEXT NOT NULL,
    endpoint_id  TEXT NOT NULL,
    event_id     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    object_id    TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX disclosures_by_time ON disclosures (client_id, at_ms, id);
CREATE INDEX disclosures_by_person ON disclosures (client_id, person, at_ms, id);
