-- AUTOINCREMENT: an offset is never given twice, even when every record is committed.
CREATE TABLE records (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    value  BLOB NOT NULL
);

CREATE TABLE dead_letters (
    place            INTEGER PRIMARY KEY AUTOINCREMENT,
    line             BLOB NOT NULL,
    reason           TEXT NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset    INTEGER NOT NULL,
    time_micros      INTEGER NOT NULL
);
