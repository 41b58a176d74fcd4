-- A request's id of the call it makes stands with its key.
DROP INDEX attempts_by_request;
ALTER TABLE attempts DROP COLUMN request;
