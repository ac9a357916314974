-- Whoever migrates may be stopped half-way, and MySQL cannot roll a table back: every statement of
-- a migration can be repeated (IF NOT EXISTS).
--
-- The id is a UUIDv7, whose first 48 bits are the time of arrival: new rows go to the end of the
-- tree, and a partition is a range of time. People read it as BIN_TO_UUID(id).
--
-- The timestamp is a number and no DATETIME(6): the same number as in every other part, exact for
-- the years 1970 to 9999, whatever the session's mode, time zone and format are. `time` shows it to
-- people; it is computed when it is read.
--
-- The collation compares bytes: nothing is folded or padded. Attributes are text: a JSON column
-- would rewrite them.
CREATE TABLE IF NOT EXISTS log_entries (
    id           BINARY(16)   NOT NULL PRIMARY KEY COMMENT 'UUIDv7: BIN_TO_UUID(id)',
    timestamp    BIGINT       NOT NULL COMMENT 'microseconds since 1970, UTC',
    time         DATETIME(6)  AS ('1970-01-01' + INTERVAL timestamp MICROSECOND) VIRTUAL COMMENT 'timestamp, UTC',
    level        VARCHAR(32)  NOT NULL,
    service_name VARCHAR(255) NOT NULL,
    message      MEDIUMTEXT   NOT NULL,
    attributes   MEDIUMTEXT   NULL COMMENT 'a JSON object, as it came',
    trace_id     VARCHAR(128) NULL,
    span_id      VARCHAR(128) NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin
PARTITION BY RANGE COLUMNS (id) (PARTITION p_max VALUES LESS THAN (MAXVALUE));
