-- What agents may use besides talking: a document each, and the secrets that open the way to it.
CREATE TABLE tools (
    client_id  TEXT    NOT NULL REFERENCES clients (id),
    id         TEXT    NOT NULL PRIMARY KEY,
    document   BLOB    NOT NULL,
    secret     BLOB    NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    revision   INTEGER NOT NULL
) STRICT;
CREATE INDEX tools_by_time ON tools (client_id, created_ms, id);
