//! Gives space that a file no longer uses back to the disk.

use std::path::Path;

use sqlx::{SqliteConnection, SqliteExecutor};

use super::checkpoint;
use crate::disk::Space;

/// A file that cannot shrink is only rewritten if it holds at most this much, which takes less than
/// a second.
const MAX_REWRITTEN_BYTES: u64 = 64 * 1024 * 1024;

/// A file with less unused space is left as it is.
const MIN_UNUSED_BYTES: u64 = 1024 * 1024;

/// The number of pages that are given back in a transaction (2 MiB).
const PAGES_PER_STEP: u32 = 256;

/// Whether a file has more space to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shrunk {
    /// There may be more.
    Partly,
    /// There is none, or the file cannot shrink.
    Fully,
    /// A read uses the write-ahead log.
    Blocked,
}

/// Prepares the file for [`shrink`]. A file that an earlier release created is rewritten, unless it
/// holds much: a later start finds it with less.
pub(crate) async fn prepare(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let can_shrink = can_shrink(connection).await?;
    if can_shrink || used_bytes(&mut *connection).await? > MAX_REWRITTEN_BYTES {
        return Ok(());
    }
    let rewrite = "PRAGMA auto_vacuum = INCREMENTAL; VACUUM";
    sqlx::raw_sql(rewrite).execute(&mut *connection).await?;
    checkpoint(connection).await
}

/// Gives some pages back if more than `kept_bytes` are free.
pub(crate) async fn shrink(
    connection: &mut SqliteConnection,
    kept_bytes: u64,
) -> sqlx::Result<Shrunk> {
    if super::free_bytes(connection).await? <= kept_bytes || !can_shrink(connection).await? {
        return Ok(Shrunk::Fully);
    }
    let step = format!("PRAGMA incremental_vacuum({PAGES_PER_STEP})");
    sqlx::raw_sql(sqlx::AssertSqlSafe(step)).execute(connection).await?;
    Ok(Shrunk::Partly)
}

/// Copies the write-ahead log into the file and empties it, without waiting for reads.
pub(crate) async fn truncate_log(connection: &mut SqliteConnection) -> sqlx::Result<Shrunk> {
    let timeout: i64 =
        sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut *connection).await?;
    sqlx::raw_sql("PRAGMA busy_timeout = 0").execute(&mut *connection).await?;
    let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
    let (is_blocked, ..): (i64, i64, i64) =
        sqlx::query_as(truncate).fetch_one(&mut *connection).await?;
    let restore = format!("PRAGMA busy_timeout = {timeout}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(restore)).execute(connection).await?;
    Ok(if is_blocked == 0 { Shrunk::Fully } else { Shrunk::Blocked })
}

/// Rewrites a file of which much is unused, if the disk has space for that.
pub(crate) async fn compact(connection: &mut SqliteConnection, path: &Path) -> sqlx::Result<()> {
    let used = used_bytes(&mut *connection).await?;
    let unused = super::free_bytes(connection).await?;
    if unused < MIN_UNUSED_BYTES || unused < used / 4 {
        return Ok(());
    }
    // SQLite writes the file twice: to a temporary file, and to the write-ahead log.
    let space = Space::of(path)?;
    if space.free.saturating_sub(2 * used) < space.size / 5 {
        tracing::warn!(path = %path.display(), "the disk lacks space to make this file smaller");
        return Ok(());
    }
    sqlx::raw_sql("VACUUM").execute(&mut *connection).await?;
    truncate_log(connection).await?;
    Ok(())
}

/// The size of the file without unused pages.
pub(crate) async fn used_bytes(connection: impl SqliteExecutor<'_>) -> sqlx::Result<u64> {
    let used = "SELECT (page_count - freelist_count) * page_size
                FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    sqlx::query_scalar::<_, i64>(used).fetch_one(connection).await.map(i64::unsigned_abs)
}

/// Whether the file records where its pages are used, so that they can be moved.
async fn can_shrink(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(connection).await?;
    Ok(mode != 0)
}
