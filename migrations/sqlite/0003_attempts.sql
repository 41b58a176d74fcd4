-- What a client allows of its dialling. A client without a row allows nothing.
CREATE TABLE dialling (
    client_id    TEXT    NOT NULL PRIMARY KEY REFERENCES clients (id),
    destinations TEXT    NOT NULL,
    updated_ms   INTEGER NOT NULL,
    revision     INTEGER NOT NULL
) STRICT;

-- Each time a carrier was asked to call somebody, from before it is asked until its call is over.
CREATE TABLE attempts (
    client_id       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    call_id         TEXT    NOT NULL,
    carrier_id      TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    subject_id      TEXT    NOT NULL,
    plan            BLOB    NOT NULL,
    decision        BLOB    NOT NULL,
    rules           TEXT    NOT NULL,
    to_index        BLOB    NOT NULL,
    carrier_call_id TEXT,
    failure         TEXT,
    request         BLOB,
    asked_ms        INTEGER NOT NULL,
    is_open         INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT;
CREATE UNIQUE INDEX attempts_by_id ON attempts (id);
CREATE UNIQUE INDEX attempts_by_call ON attempts (client_id, call_id);
CREATE INDEX attempts_by_number ON attempts (client_id, to_index, asked_ms);
CREATE INDEX attempts_by_carrier ON attempts (client_id, carrier_call_id);
CREATE INDEX attempts_by_request ON attempts (client_id, request);
CREATE INDEX attempts_open ON attempts (id) WHERE is_open = 1;
