-- The jobs that delete entries by query.
CREATE TABLE delete_jobs (
    id       BLOB PRIMARY KEY NOT NULL, -- UUIDv7
    created  INTEGER NOT NULL,          -- microseconds since 1970; later entries are kept
    client   TEXT NOT NULL,             -- the address of the client
    filters  TEXT NOT NULL,             -- the entries to delete, as JSON
    matched  INTEGER NOT NULL,          -- entries found when the job was created
    deleted  INTEGER NOT NULL,          -- entries deleted so far, including the pending ones
    pending  TEXT NOT NULL,             -- ids of the entries that are being deleted, as JSON
    finished INTEGER,                   -- microseconds since 1970
    error    TEXT,                      -- why the job failed
    version  INTEGER NOT NULL           -- increases with every change
) WITHOUT ROWID;
