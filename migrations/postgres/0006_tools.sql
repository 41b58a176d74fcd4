-- What agents may use besides talking: a document each, and the secrets that open the way to it.
CREATE TABLE tools (
    client_id  TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    document   BYTEA   NOT NULL,
    secret     BYTEA   NOT NULL,
    created_ms BIGINT  NOT NULL,
    updated_ms BIGINT  NOT NULL,
    revision   BIGINT  NOT NULL
);
CREATE INDEX tools_by_time ON tools (client_id, created_ms, id);
