-- The classes of the setting RETENTION. Each has a table of its own, so that a day of a class can be
-- dropped as a whole: log_entries, or log_entries_<name>.
CREATE TABLE IF NOT EXISTS retention_classes (
    name         VARCHAR(31)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'part of the name of the table; empty for the default',
    rule         VARCHAR(255) NULL COMMENT 'the condition that entries of the class meet',
    default_days INT UNSIGNED NULL COMMENT 'how long entries are kept without the setting; forever if empty',
    first_day    DATE         NULL COMMENT 'entries that arrived before this day have been dropped'
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

-- The days of which entries have been dropped.
CREATE TABLE IF NOT EXISTS retention_dropped_days (
    day  DATE        NOT NULL,
    name VARCHAR(31) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'retention_classes.name',
    PRIMARY KEY (day, name)
) ENGINE = InnoDB;

-- Without the setting, the entries of an earlier release are kept forever, and those of a new database
-- for 30 days.
INSERT IGNORE INTO retention_classes (name, default_days)
SELECT '', IF(EXISTS (SELECT 1 FROM log_entries), NULL, 30);
