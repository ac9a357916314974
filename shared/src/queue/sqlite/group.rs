//! Changes to the file, grouped into transactions.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::super::{DeadLetter, Record};
use super::committed;

/// The maximum number of rows per `INSERT`.
const ROWS_PER_INSERT: usize = 100;

/// A change to the file.
pub(super) enum Change {
    /// Appends records.
    Publish(Vec<Record>),
    /// Commits the records up to and including the offset `last`.
    Commit { last: i64 },
    /// Appends dead letters.
    WriteDeadLetters(Vec<DeadLetter>),
    /// Deletes the dead letters with a sequence number of at most `up_to`.
    PurgeDeadLetters { up_to: i64 },
}

impl Change {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Publish(records) => total_bytes(records),
            Self::WriteDeadLetters(dead_letters) => {
                dead_letters.iter().map(|dead_letter| dead_letter.line.len()).sum()
            }
            Self::Commit { .. } | Self::PurgeDeadLetters { .. } => 0,
        }
    }
}

pub(super) fn total_bytes(records: &[Record]) -> usize {
    records.iter().map(|record| record.as_bytes().len()).sum()
}

/// Changes that share a transaction. Their order is irrelevant: a commit or a purge refers only to
/// rows that were in the file before it was requested.
#[derive(Default)]
pub(super) struct Group {
    pub(super) records: Vec<Record>,
    dead_letters: Vec<DeadLetter>,
    commit: Option<i64>,
    purge: Option<i64>,
    /// Whether to delete all committed records instead of keeping the last of them.
    frees_space: bool,
}

impl Group {
    pub(super) fn add(&mut self, change: Change) {
        match change {
            Change::Publish(records) => self.records.extend(records),
            Change::WriteDeadLetters(dead_letters) => self.dead_letters.extend(dead_letters),
            Change::Commit { last } => self.commit = self.commit.max(Some(last)),
            Change::PurgeDeadLetters { up_to } => self.purge = self.purge.max(Some(up_to)),
        }
    }

    /// The changes of the group that free space, if any. On a full disk, all committed records are
    /// deleted as well.
    pub(super) fn freeing(&self, is_disk_full: bool) -> Option<Self> {
        let (commit, purge) = (self.commit, self.purge);
        let frees_space = commit.is_some() || purge.is_some() || is_disk_full;
        frees_space.then(|| Self { commit, purge, frees_space: is_disk_full, ..Self::default() })
    }

    /// Applies every change, and returns the size of the committed records in bytes.
    pub(super) async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        insert_records(connection, &self.records).await?;
        insert_dead_letters(connection, &self.dead_letters).await?;
        let mut committed_bytes = 0;
        if let Some(last) = self.commit {
            committed_bytes = committed::commit(connection, last).await?;
            committed::trim(connection, committed::KEPT_BYTES).await?;
        }
        if self.frees_space {
            committed::trim(connection, 0).await?;
        }
        if let Some(up_to) = self.purge {
            let delete = sqlx::query("DELETE FROM dead_letters WHERE place <= ?").bind(up_to);
            delete.execute(connection).await?;
        }
        Ok(committed_bytes)
    }
}

async fn insert_records(connection: &mut SqliteConnection, records: &[Record]) -> sqlx::Result<()> {
    for rows in records.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO records (value, traceparent) ");
        insert.push_values(rows, |mut row, record| {
            row.push_bind(record.as_bytes());
            row.push_bind(record.trace().map(|trace| trace.to_string()));
        });
        insert.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_dead_letters(
    connection: &mut SqliteConnection,
    dead_letters: &[DeadLetter],
) -> sqlx::Result<()> {
    for dead_letter in dead_letters {
        let insert = sqlx::query(
            "INSERT INTO dead_letters (line, reason, source_partition, source_offset, time_micros)
             VALUES (?, ?, ?, ?, ?)",
        );
        insert
            .bind(&dead_letter.line[..])
            .bind(&dead_letter.reason)
            .bind(dead_letter.source.partition)
            .bind(dead_letter.source.offset)
            .bind(dead_letter.time.as_micros())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
