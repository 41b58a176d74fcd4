-- Drafts of agents, and how versions share an agent's calls.

-- The highest number that was given: to a version, or to a draft that a call was held with.
ALTER TABLE agents ADD COLUMN numbered INTEGER NOT NULL DEFAULT 0;
UPDATE agents SET numbered = version;
-- [{"version": 3, "percent": 80}, ...]; absent where the newest version has all calls.
ALTER TABLE agents ADD COLUMN split TEXT;

-- Id of the API key by which it was made; absent where that was not noted.
ALTER TABLE agent_versions ADD COLUMN made_by TEXT;
-- Why it was made, sealed.
ALTER TABLE agent_versions ADD COLUMN note BLOB;
-- The version whose document it brings back.
ALTER TABLE agent_versions ADD COLUMN rolled_back_to INTEGER;
-- 1 for a draft as calls were held with it to try it: it was never published under this number.
ALTER TABLE agent_versions ADD COLUMN is_trial INTEGER NOT NULL DEFAULT 0;

-- At most one for each agent.
CREATE TABLE agent_drafts (
    client_id  TEXT NOT NULL,
    agent_id   TEXT NOT NULL,
    body       BLOB   NOT NULL,
    -- The agent's newest version when it was saved.
    based_on   INTEGER  NOT NULL,
    -- The agent's revision since it was saved, which no other draft of the agent's ever had.
    revision   INTEGER  NOT NULL,
    -- Its number once a call is held with it.
    trial      INTEGER,
    made_by    TEXT NOT NULL,
    saved_ms   INTEGER  NOT NULL,
    PRIMARY KEY (client_id, agent_id),
    FOREIGN KEY (client_id, agent_id) REFERENCES agents (client_id, id)
) STRICT;
