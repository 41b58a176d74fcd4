-- Whom a client may want to call. Everything personal of a contact is in `body`, sealed under a key of the contact's own.
CREATE TABLE contacts (
    client_id      TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id             TEXT COLLATE "C"    NOT NULL,
    body           BYTEA    NOT NULL,
    -- The keyed hash of what the client's own books call them.
    external_index BYTEA,
    created_ms     BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    revision       BIGINT NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE UNIQUE INDEX contacts_by_external ON contacts (client_id, external_index) WHERE external_index IS NOT NULL;

-- Their numbers, as keyed hashes: a number is one contact's of a client.
CREATE TABLE contact_phones (
    client_id    TEXT COLLATE "C" NOT NULL,
    number_index BYTEA NOT NULL,
    contact_id   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (client_id, number_index),
    FOREIGN KEY (client_id, contact_id) REFERENCES contacts (client_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_phones_by_contact ON contact_phones (client_id, contact_id);

CREATE TABLE contact_lists (
    client_id  TEXT COLLATE "C"    NOT NULL REFERENCES clients (id),
    id         TEXT COLLATE "C"    NOT NULL,
    -- Name and declared variables, sealed.
    body       BYTEA    NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX contact_lists_by_time ON contact_lists (client_id, created_ms, id);

CREATE TABLE contact_list_members (
    client_id  TEXT COLLATE "C" NOT NULL,
    list_id    TEXT COLLATE "C" NOT NULL,
    contact_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (client_id, list_id, contact_id),
    FOREIGN KEY (client_id, list_id) REFERENCES contact_lists (client_id, id) ON DELETE CASCADE,
    FOREIGN KEY (client_id, contact_id) REFERENCES contacts (client_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_list_members_by_contact ON contact_list_members (client_id, contact_id);

CREATE INDEX callbacks_by_number ON callbacks (client_id, number_index, created_ms, id);
