-- What a client allows of its dialling. A client without a row allows nothing.
CREATE TABLE dialling (
    client_id    TEXT COLLATE "C"    NOT NULL PRIMARY KEY REFERENCES clients (id),
    destinations TEXT COLLATE "C"    NOT NULL,
    updated_ms   BIGINT  NOT NULL,
    revision     BIGINT  NOT NULL
);

-- Each time a carrier was asked to call somebody, from before it is asked until its call is over.
CREATE TABLE attempts (
    client_id       TEXT COLLATE "C"    NOT NULL,
    id              TEXT COLLATE "C"    NOT NULL,
    call_id         TEXT COLLATE "C"    NOT NULL,
    carrier_id      TEXT COLLATE "C"    NOT NULL,
    state           TEXT COLLATE "C"    NOT NULL,
    subject_id      TEXT COLLATE "C"    NOT NULL,
    plan            BYTEA    NOT NULL,
    decision        BYTEA    NOT NULL,
    rules           TEXT COLLATE "C"    NOT NULL,
    to_index        BYTEA    NOT NULL,
    carrier_call_id TEXT COLLATE "C",
    failure         TEXT COLLATE "C",
    request         BYTEA,
    asked_ms        BIGINT  NOT NULL,
    is_open         BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE UNIQUE INDEX attempts_by_id ON attempts (id);
CREATE UNIQUE INDEX attempts_by_call ON attempts (client_id, call_id);
CREATE INDEX attempts_by_number ON attempts (client_id, to_index, asked_ms);
CREATE INDEX attempts_by_carrier ON attempts (client_id, carrier_call_id);
CREATE INDEX attempts_by_request ON attempts (client_id, request);
CREATE INDEX attempts_open ON attempts (id) WHERE is_open = 1;
