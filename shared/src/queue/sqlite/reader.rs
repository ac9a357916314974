//! Reads records and dead letters from the file.

use sqlx::{Row, SqliteConnection, SqlitePool};

use super::super::{Batch, DeadLetter, Position, Record};
use crate::log_entry::Timestamp;

/// The number of the only partition.
pub(super) const PARTITION: i32 = 0;

/// The maximum size of a polled batch, unless its only record is larger.
const MAX_POLL_BYTES: i64 = 1024 * 1024;

/// The maximum number of records in a polled batch.
const MAX_POLL_RECORDS: i64 = 4096;

/// The maximum number of records that are read together for those who read along.
const MAX_FOLLOWED_RECORDS: i64 = 16;

/// Reads the next batch of records after `offset`.
pub(super) async fn read_after(reader: &SqlitePool, offset: i64) -> sqlx::Result<Batch> {
    let mut connection = reader.acquire().await?;
    let mut batch = Batch::default();
    let Some(last) = last_of_batch(&mut connection, offset).await? else {
        return Ok(batch);
    };
    let records = sqlx::query(
        "SELECT offset, value, traceparent FROM records
         WHERE offset > ? AND offset <= ? ORDER BY offset",
    )
    .bind(offset)
    .bind(last)
    .fetch_all(&mut *connection)
    .await?;
    let now = Timestamp::now();
    for record in records {
        let position = Position { partition: PARTITION, offset: record.try_get(0)? };
        let trace: Option<&str> = record.try_get(2)?;
        let trace = trace.and_then(|trace| trace.parse().ok());
        batch.push_record(position, record.try_get(1)?, trace, now);
    }
    Ok(batch)
}

/// The offset of the first record in the file.
pub(super) async fn first_offset(reader: &SqlitePool) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT MIN(offset) FROM records").fetch_one(reader).await
}

/// The offset of the next record to be published.
pub(super) async fn next_offset(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'records'")
            .fetch_optional(connection)
            .await?;
    Ok(last.unwrap_or(0) + 1)
}

/// Reads some of the records from one offset to before another, each with its offset.
pub(super) async fn read_between(
    reader: &SqlitePool,
    from: i64,
    to: i64,
) -> sqlx::Result<Vec<(i64, Record)>> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT offset, value FROM records WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT ?",
    )
    .bind(from)
    .bind(to)
    .bind(MAX_FOLLOWED_RECORDS)
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(|(offset, value)| (offset, Record::from_bytes(value.into()))).collect())
}

/// Returns the last offset of the next batch. Reads only the lengths of the values, to avoid
/// loading values and then discarding them.
async fn last_of_batch(connection: &mut SqliteConnection, after: i64) -> sqlx::Result<Option<i64>> {
    let lengths: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT offset, LENGTH(value) FROM records WHERE offset > ? ORDER BY offset LIMIT ?",
    )
    .bind(after)
    .bind(MAX_POLL_RECORDS)
    .fetch_all(connection)
    .await?;
    let mut last = None;
    let mut bytes = 0;
    for (offset, length) in lengths {
        bytes += length;
        if last.is_some() && bytes > MAX_POLL_BYTES {
            break;
        }
        last = Some(offset);
    }
    Ok(last)
}

/// Reads up to `limit` dead letters with sequence numbers (`place`) above `after`.
pub(super) async fn list_dead_letters(
    reader: &SqlitePool,
    after: i64,
    limit: usize,
) -> sqlx::Result<Vec<(i64, DeadLetter)>> {
    let rows: Vec<(i64, Vec<u8>, String, i32, i64, i64)> = sqlx::query_as(
        "SELECT place, line, reason, source_partition, source_offset, time_micros
         FROM dead_letters WHERE place > ? ORDER BY place LIMIT ?",
    )
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(reader)
    .await?;
    let dead_letters = rows.into_iter().map(|(place, line, reason, partition, offset, micros)| {
        let source = Position { partition, offset };
        let time = Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX);
        (place, DeadLetter { line, reason, source, time })
    });
    Ok(dead_letters.collect())
}
