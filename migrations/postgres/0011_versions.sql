-- Drafts of agents, and how versions share an agent's calls.

-- The highest number that was given: to a version, or to a draft that a call was held with.
ALTER TABLE agents ADD COLUMN numbered BIGINT NOT NULL DEFAULT 0;
UPDATE agents SET numbered = version;
-- [{"version": 3, "percent": 80}, ...]; absent where the newest version has all calls.
ALTER TABLE agents ADD COLUMN split TEXT COLLATE "C";

-- Id of the API key by which it was made; absent where that was not noted.
ALTER TABLE agent_versions ADD COLUMN made_by TEXT COLLATE "C";
-- Why it was made, sealed.
ALTER TABLE agent_versions ADD COLUMN note BYTEA;
-- The version whose document it brings back.
ALTER TABLE agent_versions ADD COLUMN rolled_back_to BIGINT;
-- 1 for a draft as calls were held with it to try it: it was never published under this number.
ALTER TABLE agent_versions ADD COLUMN is_trial BIGINT NOT NULL DEFAULT 0;

-- At most one for each agent.
CREATE TABLE agent_drafts (
    client_id  TEXT COLLATE "C" NOT NULL,
    agent_id   TEXT COLLATE "C" NOT NULL,
    body       BYTEA   NOT NULL,
    -- The agent's newest version when it was saved.
    based_on   BIGINT  NOT NULL,
    -- The agent's revision since it was saved, which no other draft of the agent's ever had.
    revision   BIGINT  NOT NULL,
    -- Its number once a call is held with it.
    trial      BIGINT,
    made_by    TEXT COLLATE "C" NOT NULL,
    saved_ms   BIGINT  NOT NULL,
    PRIMARY KEY (client_id, agent_id),
    FOREIGN KEY (client_id, agent_id) REFERENCES agents (client_id, id)
);
