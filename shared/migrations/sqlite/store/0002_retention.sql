-- The classes of the setting RETENTION. The entries of a class that arrived on a day are in a file
-- of their own: 2026-11-27.db, or 2026-11-27.<name>.db.
CREATE TABLE retention_classes (
    name         TEXT PRIMARY KEY NOT NULL, -- part of the names of the files; empty for the default
    rule         TEXT,                      -- the condition that entries of the class meet
    default_days INTEGER,                   -- how long entries are kept without the setting; forever if NULL
    first_day    TEXT                       -- entries that arrived before this day have been dropped
) WITHOUT ROWID;

-- The days of which entries have been dropped.
CREATE TABLE retention_dropped_days (
    day  TEXT NOT NULL,
    name TEXT NOT NULL, -- retention_classes.name
    PRIMARY KEY (day, name)
) WITHOUT ROWID;

-- Without the setting, the entries of an earlier release are kept forever, and those of a new store
-- for 30 days.
INSERT INTO retention_classes (name, default_days)
SELECT '', CASE WHEN EXISTS (SELECT 1 FROM log_entries) THEN NULL ELSE 30 END;

-- Earlier releases wrote all entries into the table log_entries. Those that arrived before this day
-- have been moved to files.
CREATE TABLE earlier_entries (
    first_day TEXT NOT NULL
);

INSERT INTO earlier_entries (first_day) VALUES ('1970-01-01');
