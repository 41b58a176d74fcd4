-- Documents that a client's agents may look things up in.
CREATE TABLE knowledge_documents (
    client_id  TEXT    NOT NULL REFERENCES clients (id),
    id         TEXT    NOT NULL,
    name       BLOB    NOT NULL,
    kind       TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    problem    TEXT,
    -- Counts what was uploaded or made anew; what look-ups see is `shown`, 0 while there is nothing.
    generation INTEGER NOT NULL,
    shown      INTEGER NOT NULL,
    passages   INTEGER NOT NULL,
    embedder   TEXT    NOT NULL,
    tries      INTEGER NOT NULL,
    due_ms     INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    PRIMARY KEY (client_id, id)
) STRICT;
CREATE INDEX knowledge_documents_by_time ON knowledge_documents (client_id, created_ms, id);
CREATE INDEX knowledge_documents_due ON knowledge_documents (due_ms, id);

-- What was uploaded, until it is read.
CREATE TABLE knowledge_sources (
    client_id   TEXT    NOT NULL,
    document_id TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (client_id, document_id, generation),
    FOREIGN KEY (client_id, document_id) REFERENCES knowledge_documents (client_id, id) ON DELETE CASCADE
) STRICT;

-- What was made of it: some passages in a part.
CREATE TABLE knowledge_parts (
    client_id   TEXT    NOT NULL,
    document_id TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    part        INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (client_id, document_id, generation, part),
    FOREIGN KEY (client_id, document_id) REFERENCES knowledge_documents (client_id, id) ON DELETE CASCADE
) STRICT;
