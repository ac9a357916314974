-- Committed records stay for a while, so that they can be read again. `kept_bytes` is their size.
CREATE TABLE progress (
    committed  INTEGER NOT NULL,
    kept_bytes INTEGER NOT NULL
);
-- Until now, commits deleted records.
INSERT INTO progress VALUES (
    COALESCE(
        (SELECT MIN(offset) FROM records) - 1,
        (SELECT seq FROM sqlite_sequence WHERE name = 'records'),
        0
    ),
    0
);
