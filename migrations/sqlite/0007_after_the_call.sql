-- What is to become known of a call once it is over: wanted when the call begins, found out when its rows are complete. The
-- body is sealed with the call's key.
CREATE TABLE after_calls (
    client_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    parts     TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    reason    TEXT,
    tries     INTEGER NOT NULL,
    due_ms    INTEGER NOT NULL,
    wanted_ms INTEGER NOT NULL,
    done_ms   INTEGER,
    verdict   TEXT,
    body      BLOB,
    PRIMARY KEY (client_id, call_id)
) STRICT;
CREATE INDEX after_calls_due ON after_calls (due_ms, call_id) WHERE state = 'waiting';

-- Words of a client's own that rows name by their keyed hash, sealed.
CREATE TABLE words (
    client_id TEXT    NOT NULL,
    hash      BLOB    NOT NULL,
    word      BLOB    NOT NULL,
    PRIMARY KEY (client_id, hash)
) STRICT;

-- What became of a call, in a word of its agent's list.
CREATE TABLE dispositions (
    client_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    label     BLOB    NOT NULL,
    set_by    TEXT    NOT NULL,
    set_ms    INTEGER NOT NULL,
    PRIMARY KEY (client_id, call_id)
) STRICT;

-- What a call used of whom, and what that cost by the prices of its day, in millionths of the currency. Absent where no
-- price was known.
CREATE TABLE usage_lines (
    client_id   TEXT    NOT NULL,
    call_id     TEXT    NOT NULL,
    stage       TEXT    NOT NULL,
    vendor      TEXT    NOT NULL,
    unit        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    quantity    INTEGER NOT NULL,
    cost_micros INTEGER,
    currency    TEXT,
    PRIMARY KEY (client_id, call_id, stage, vendor, unit, at)
) STRICT;
