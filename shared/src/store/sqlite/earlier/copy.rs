//! Copies rows from the catalogue to the file of their day, byte for byte.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::super::entry_file::{ADD_TO_COUNT, EntryFile, TABLE, classify};
use super::super::packed::SOURCE;
use crate::error::Result;
use crate::log_entry::EntryId;
use crate::store::rows::{COLUMNS, EMPTY};

/// The number of rows that are copied in a transaction.
const MAX_ROWS: usize = 2000;

/// A transaction copies no further row once their text has this size.
const MAX_BYTES: i64 = 8 * 1024 * 1024;

/// Rows to copy.
pub(super) enum Ids {
    /// Those greater than the first id and at most the second.
    Range(Vec<u8>, Vec<u8>),
    /// The one with this id.
    One(EntryId),
}

/// The last id of the next chunk within the bounds; `None` if fewer rows are left.
pub(super) async fn chunk_end(
    catalogue: &EntryFile,
    after: &[u8],
    until: &[u8],
) -> Result<Option<Vec<u8>>> {
    let sizes = format!(
        "SELECT id, octet_length(message) + ifnull(octet_length(attributes), 0)
         FROM {TABLE} WHERE id > ? AND id <= ? ORDER BY id LIMIT {MAX_ROWS}"
    );
    let sizes = sqlx::query_as::<_, (Vec<u8>, i64)>(AssertSqlSafe(sizes));
    let mut sizes = sizes.bind(after).bind(until).fetch(catalogue.readers());
    let (mut rows, mut bytes) = (0, 0);
    while let Some((id, size)) = sizes.try_next().await.map_err(classify)? {
        rows += 1;
        bytes += size;
        if rows == MAX_ROWS || bytes >= MAX_BYTES {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Copies the rows that the file does not have, in one transaction. A row in the file is emptied if
/// its entry has been deleted from the catalogue since it was copied. Returns by how many the number
/// of entries in the file increases.
pub(super) async fn copy(catalogue: &Path, file: &EntryFile, ids: &[Ids]) -> Result<i64> {
    let mut writer = file.writer().await;
    let mut connection = writer.take().await.map_err(classify)?;
    let path = catalogue.to_string_lossy().into_owned();
    let attach = sqlx::query("ATTACH ? AS earlier").bind(path);
    attach.execute(&mut connection).await.map_err(classify)?;
    // `BEGIN IMMEDIATE` would lock the catalogue too.
    let mut transaction = connection.begin().await.map_err(classify)?;
    let mut increase = 0;
    for ids in ids {
        increase += copy_rows(&mut transaction, ids).await.map_err(classify)?;
    }
    let count = sqlx::query(ADD_TO_COUNT).bind(increase);
    count.execute(&mut *transaction).await.map_err(classify)?;
    transaction.commit().await.map_err(classify)?;
    sqlx::query("DETACH earlier").execute(&mut connection).await.map_err(classify)?;
    file.last_change().note();
    writer.put_back(connection);
    Ok(increase)
}

/// Copies these rows. Returns by how many the number of entries increases: a row that is copied may
/// be that of a deleted entry, and one that is emptied was that of an entry.
async fn copy_rows(connection: &mut SqliteConnection, ids: &Ids) -> sqlx::Result<i64> {
    let (condition, values) = match ids {
        Ids::Range(after, until) => ("id > ? AND id <= ?", vec![&after[..], until]),
        Ids::One(id) => ("id = ?", vec![&id.as_bytes()[..]]),
    };
    let count = format!("SELECT COUNT(*) FROM {SOURCE} WHERE {condition} AND NOT deleted");
    let count = || {
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(count.clone())).persistent(false);
        values.iter().fold(count, |count, value| count.bind(*value))
    };
    let before = count().fetch_one(&mut *connection).await?;
    let insert = format!(
        "INSERT INTO main.{TABLE} ({COLUMNS}, deleted)
         SELECT {COLUMNS}, deleted FROM earlier.{TABLE} AS source WHERE {condition}
         AND NOT EXISTS (SELECT 1 FROM main.packed_entries AS packed WHERE packed.id = source.id)
         ORDER BY id
         ON CONFLICT (id) DO UPDATE SET {EMPTY} WHERE excluded.deleted AND NOT deleted"
    );
    // A file that was restored from a backup may have packed the rows already.
    let empty_packed = format!(
        "UPDATE main.packed_entries SET dictionary = NULL, content = NULL
         WHERE {condition} AND content IS NOT NULL AND EXISTS
         (SELECT 1 FROM earlier.{TABLE} AS source WHERE source.id = packed_entries.id AND deleted)"
    );
    for statement in [insert, empty_packed] {
        let statement = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        let statement = values.iter().fold(statement, |statement, value| statement.bind(*value));
        statement.execute(&mut *connection).await?;
    }
    Ok(count().fetch_one(&mut *connection).await? - before)
}
