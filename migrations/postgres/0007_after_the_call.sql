-- What is to become known of a call once it is over: wanted when the call begins, found out when its rows are complete. The
-- body is sealed with the call's key.
CREATE TABLE after_calls (
    client_id TEXT COLLATE "C"    NOT NULL,
    call_id   TEXT COLLATE "C"    NOT NULL,
    parts     TEXT COLLATE "C"    NOT NULL,
    state     TEXT COLLATE "C"    NOT NULL,
    reason    TEXT COLLATE "C",
    tries     BIGINT NOT NULL,
    due_ms    BIGINT NOT NULL,
    wanted_ms BIGINT NOT NULL,
    done_ms   BIGINT,
    verdict   TEXT COLLATE "C",
    body      BYTEA,
    PRIMARY KEY (client_id, call_id)
);
CREATE INDEX after_calls_due ON after_calls (due_ms, call_id) WHERE state = 'waiting';

-- Words of a client's own that rows name by their keyed hash, sealed.
CREATE TABLE words (
    client_id TEXT COLLATE "C"    NOT NULL,
    hash      BYTEA   NOT NULL,
    word      BYTEA   NOT NULL,
    PRIMARY KEY (client_id, hash)
);

-- What became of a call, in a word of its agent's list.
CREATE TABLE dispositions (
    client_id TEXT COLLATE "C"    NOT NULL,
    call_id   TEXT COLLATE "C"    NOT NULL,
    label     BYTEA   NOT NULL,
    set_by    TEXT COLLATE "C"    NOT NULL,
    set_ms    BIGINT NOT NULL,
    PRIMARY KEY (client_id, call_id)
);

-- What a call used of whom, and what that cost by the prices of its day, in millionths of the currency. Absent where no
-- price was known.
CREATE TABLE usage_lines (
    client_id   TEXT COLLATE "C"    NOT NULL,
    call_id     TEXT COLLATE "C"    NOT NULL,
    stage       TEXT COLLATE "C"    NOT NULL,
    vendor      TEXT COLLATE "C"    NOT NULL,
    unit        TEXT COLLATE "C"    NOT NULL,
    at          BIGINT NOT NULL,
    quantity    BIGINT NOT NULL,
    cost_micros BIGINT,
    currency    TEXT COLLATE "C",
    PRIMARY KEY (client_id, call_id, stage, vendor, unit, at)
);
