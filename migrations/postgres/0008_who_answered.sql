-- Who answered a call that was placed, by what that is known, and how long after the answer it was. Absent where nobody wanted
-- to know, and for calls from before.
ALTER TABLE calls ADD COLUMN answered_by TEXT;
ALTER TABLE calls ADD COLUMN answered_by_evidence TEXT;
ALTER TABLE calls ADD COLUMN answered_by_after_ms BIGINT;
-- The same of the attempt: whether to try again depends on it.
ALTER TABLE attempts ADD COLUMN answered_by TEXT;
