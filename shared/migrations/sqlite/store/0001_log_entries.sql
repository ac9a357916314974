-- The id is a UUIDv7, so that new rows go to the end of the tree.
CREATE TABLE log_entries (
    id           BLOB PRIMARY KEY NOT NULL,
    timestamp    INTEGER NOT NULL, -- microseconds since 1970
    level        TEXT NOT NULL,
    service_name TEXT NOT NULL,
    message      TEXT NOT NULL,
    attributes   TEXT,
    trace_id     TEXT,
    span_id      TEXT
) WITHOUT ROWID;
