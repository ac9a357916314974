//! Released migrations must not change. sqlx stores their checksums in the database, and refuses to
//! open it if a migration was edited, even in a comment. Every change needs a new migration.

use std::fmt::Write;

use sha2::{Digest, Sha256};

const RELEASED_MIGRATIONS: [(&str, &str); 4] = [
    (
        include_str!("../../migrations/mysql/0001_log_entries.sql"),
        "1097ffd4c5e559eb1cec006cc775b70891ab0865ab22a9b90f44e1fd40cbba2c",
    ),
    (
        include_str!("../../migrations/sqlite/queue/0001_records_and_dead_letters.sql"),
        "8559f6cd0983fbe3e6e8ad20d0479ad02e25ca29ac77616d76dea3fd1c250144",
    ),
    (
        include_str!("../../migrations/sqlite/queue/0002_traces.sql"),
        "f9909b286c1755bff7509760a344f2b09d6f9c7208f10805b1dce4dfcc33415b",
    ),
    (
        include_str!("../../migrations/sqlite/store/0001_log_entries.sql"),
        "7ddf68dca5a432f7dd0c6b6b8b50edf0af577624b19d3596900041ac7fa2cdc7",
    ),
];

#[test]
fn released_migrations_are_unchanged() {
    for (sql, checksum) in RELEASED_MIGRATIONS {
        let mut digest = String::new();
        for byte in Sha256::digest(sql) {
            write!(digest, "{byte:02x}").unwrap();
        }
        assert_eq!(digest, checksum, "this migration was edited:\n{sql}");
    }
}
