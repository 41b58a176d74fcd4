-- How often a carrier was asked for a callback and could not take it on just then.
ALTER TABLE callbacks ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
-- Whose callbacks are due, client by client.
CREATE INDEX callbacks_due_of ON callbacks (client_id, due_ms, id) WHERE state = 'scheduled';
