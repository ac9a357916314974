//! Committed records. The last of them stay in the file, so that followers can read them again.

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

/// The minimum size of the committed records that stay in the file, if there are as many.
pub(super) const KEPT_BYTES: i64 = 4 * 1024 * 1024;

/// The offset of the last committed record.
pub(super) async fn last_committed(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT committed FROM progress").fetch_one(connection).await
}

/// Commits the records up to and including `last`, and returns their size in bytes.
pub(super) async fn commit(connection: &mut SqliteConnection, last: i64) -> sqlx::Result<u64> {
    let bytes = uncommitted_bytes(connection, last).await?;
    sqlx::query("UPDATE progress SET committed = MAX(committed, ?), kept_bytes = kept_bytes + ?")
        .bind(last)
        .bind(bytes)
        .execute(connection)
        .await?;
    Ok(bytes.unsigned_abs())
}

/// The size of the records up to and including `last` that are not committed.
pub(super) async fn uncommitted_bytes(
    connection: &mut SqliteConnection,
    last: i64,
) -> sqlx::Result<i64> {
    let size = "SELECT COALESCE(SUM(LENGTH(value)), 0) FROM records
                WHERE offset > (SELECT committed FROM progress) AND offset <= ?";
    sqlx::query_scalar(size).bind(last).fetch_one(connection).await
}

/// Deletes the oldest committed records until the size of the others is at most `max_bytes`, once it
/// exceeds that by a quarter.
pub(super) async fn trim(connection: &mut SqliteConnection, max_bytes: i64) -> sqlx::Result<()> {
    let (committed, mut kept): (i64, i64) =
        sqlx::query_as("SELECT committed, kept_bytes FROM progress")
            .fetch_one(&mut *connection)
            .await?;
    if kept <= max_bytes + max_bytes / 4 {
        return Ok(());
    }
    let mut last_deleted = None;
    {
        let mut lengths = sqlx::query_as::<_, (i64, i64)>(
            "SELECT offset, LENGTH(value) FROM records WHERE offset <= ? ORDER BY offset",
        )
        .bind(committed)
        .fetch(&mut *connection);
        while kept > max_bytes
            && let Some((offset, length)) = lengths.try_next().await?
        {
            kept -= length;
            last_deleted = Some(offset);
        }
    }
    let Some(last) = last_deleted else { return Ok(()) };
    sqlx::query("DELETE FROM records WHERE offset <= ?")
        .bind(last)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE progress SET kept_bytes = ?").bind(kept).execute(connection).await?;
    Ok(())
}
