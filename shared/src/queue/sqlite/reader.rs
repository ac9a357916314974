//! Reads records and dead letters from the file.

use sqlx::{SqliteConnection, SqlitePool};

use super::super::{DeadLetter, Position, Record};
use crate::log_entry::Timestamp;

/// The number of the only partition.
pub(super) const PARTITION: i32 = 0;

/// The maximum size of records that are read together, unless the only record is larger.
const MAX_BYTES: i64 = 1024 * 1024;

/// The maximum number of records that are read together.
const MAX_RECORDS: i64 = 4096;

/// Reads the next records after `offset`, each with its offset.
pub(super) async fn read_after(
    reader: &SqlitePool,
    offset: i64,
) -> sqlx::Result<Vec<(i64, Record)>> {
    let mut connection = reader.acquire().await?;
    let Some(last) = last_to_read(&mut connection, offset).await? else {
        return Ok(Vec::new());
    };
    let rows: Vec<(i64, Vec<u8>, Option<String>)> = sqlx::query_as(
        "SELECT offset, value, traceparent FROM records
         WHERE offset > ? AND offset <= ? ORDER BY offset",
    )
    .bind(offset)
    .bind(last)
    .fetch_all(&mut *connection)
    .await?;
    let records = rows.into_iter().map(|(offset, value, trace)| {
        let record = Record::from_bytes(value.into());
        match trace.and_then(|trace| trace.parse().ok()) {
            Some(trace) => (offset, record.traced(trace)),
            None => (offset, record),
        }
    });
    Ok(records.collect())
}

/// The offset of the first record in the file.
pub(super) async fn first_offset(reader: &SqlitePool) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT MIN(offset) FROM records").fetch_one(reader).await
}

/// The offset of the next record to be published.
pub(super) async fn next_offset(reader: &SqlitePool) -> sqlx::Result<i64> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'records'")
            .fetch_optional(reader)
            .await?;
    Ok(last.unwrap_or(0) + 1)
}

/// Returns the offset of the last record to read together. Reads only the lengths of the values, to
/// avoid loading values and then discarding them.
async fn last_to_read(connection: &mut SqliteConnection, after: i64) -> sqlx::Result<Option<i64>> {
    let lengths: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT offset, LENGTH(value) FROM records WHERE offset > ? ORDER BY offset LIMIT ?",
    )
    .bind(after)
    .bind(MAX_RECORDS)
    .fetch_all(connection)
    .await?;
    let mut last = None;
    let mut bytes = 0;
    for (offset, length) in lengths {
        bytes += length;
        if last.is_some() && bytes > MAX_BYTES {
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
