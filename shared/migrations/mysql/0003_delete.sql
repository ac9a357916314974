-- The table of every class has a column `deleted`, which LogPulse adds after the migrations: 0 for an
-- entry, otherwise the entry has been deleted and only its id is left. (MySQL cannot add a column
-- only if it does not exist.)
--
-- The jobs that delete entries by query.
CREATE TABLE IF NOT EXISTS delete_jobs (
    id       BINARY(16)   NOT NULL PRIMARY KEY COMMENT 'UUIDv7: BIN_TO_UUID(id)',
    created  BIGINT       NOT NULL COMMENT 'microseconds since 1970, UTC; later entries are kept',
    client   VARCHAR(255) NOT NULL COMMENT 'the address of the client',
    filters  MEDIUMTEXT   NOT NULL COMMENT 'the entries to delete, as JSON',
    matched  BIGINT       NOT NULL COMMENT 'entries found when the job was created',
    deleted  BIGINT       NOT NULL COMMENT 'entries deleted so far, including the pending ones',
    pending  MEDIUMTEXT   NOT NULL COMMENT 'ids of the entries that are being deleted, as JSON',
    finished BIGINT       NULL     COMMENT 'microseconds since 1970, UTC',
    error    TEXT         NULL     COMMENT 'why the job failed',
    version  BIGINT       NOT NULL COMMENT 'increases with every change',
    KEY (finished)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

-- Increases with every deletion, so that a consumer notices those that happen while it writes.
CREATE TABLE IF NOT EXISTS deletions (
    id    TINYINT NOT NULL PRIMARY KEY,
    count BIGINT  NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO deletions (id, count) VALUES (1, 0);
