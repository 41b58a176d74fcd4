-- Documents that a client's agents may look things up in.
CREATE TABLE knowledge_documents (
    client_id  TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    id         TEXT COLLATE "C" NOT NULL,
    name       BYTEA   NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    bytes      BIGINT  NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    problem    TEXT COLLATE "C",
    -- Counts what was uploaded or made anew; what look-ups see is `shown`, 0 while there is nothing.
    generation BIGINT  NOT NULL,
    shown      BIGINT  NOT NULL,
    passages   BIGINT  NOT NULL,
    embedder   TEXT COLLATE "C" NOT NULL,
    tries      BIGINT  NOT NULL,
    due_ms     BIGINT  NOT NULL,
    created_ms BIGINT  NOT NULL,
    updated_ms BIGINT  NOT NULL,
    revision   BIGINT  NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX knowledge_documents_by_time ON knowledge_documents (client_id, created_ms, id);
CREATE INDEX knowledge_documents_due ON knowledge_documents (due_ms, id);

-- What was uploaded, until it is read.
CREATE TABLE knowledge_sources (
    client_id   TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    generation  BIGINT  NOT NULL,
    body        BYTEA   NOT NULL,
    PRIMARY KEY (client_id, document_id, generation),
    FOREIGN KEY (client_id, document_id) REFERENCES knowledge_documents (client_id, id) ON DELETE CASCADE
);

-- What was made of it: some passages in a part.
CREATE TABLE knowledge_parts (
    client_id   TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    generation  BIGINT  NOT NULL,
    part        BIGINT  NOT NULL,
    body        BYTEA   NOT NULL,
    PRIMARY KEY (client_id, document_id, generation, part),
    FOREIGN KEY (client_id, document_id) REFERENCES knowledge_documents (client_id, id) ON DELETE CASCADE
);
