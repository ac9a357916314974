-- The entries of a file of a day. Their columns are in a JSON array, which is compressed to a zstd
-- frame without its magic number.
-- Entries of earlier releases are in the table log_entries until they have been packed.
CREATE TABLE IF NOT EXISTS packed_entries (
    id         BLOB PRIMARY KEY NOT NULL,
    dictionary INTEGER, -- dictionaries.number; 0 if there is none
    content    BLOB     -- NULL if the entry has been deleted
) WITHOUT ROWID;

-- The dictionaries that entries are compressed with.
CREATE TABLE IF NOT EXISTS dictionaries (
    number  INTEGER PRIMARY KEY,
    entries INTEGER NOT NULL, -- the number of entries in the file when it was trained
    content BLOB NOT NULL
);
