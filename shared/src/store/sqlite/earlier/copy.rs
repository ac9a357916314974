//! Copies rows from the catalogue to the file of their day, byte for byte.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection};

use super::super::entry_file::{ADD_TO_COUNT, EntryFile, TABLE, classify};
use crate::error::Result;
use crate::log_entry::EntryId;
use crate::store::rows::COLUMNS;

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

/// Copies the rows that the file does not have, in one transaction. Returns their number.
pub(super) async fn copy(catalogue: &Path, file: &EntryFile, ids: &[Ids]) -> Result<u64> {
    let mut writer = file.writer().await;
    let mut connection = writer.take().await.map_err(classify)?;
    let path = catalogue.to_string_lossy().into_owned();
    let attach = sqlx::query("ATTACH ? AS earlier").bind(path);
    attach.execute(&mut connection).await.map_err(classify)?;
    // `BEGIN IMMEDIATE` would lock the catalogue too.
    let mut transaction = connection.begin().await.map_err(classify)?;
    let mut copied = 0;
    for ids in ids {
        let (condition, values) = match ids {
            Ids::Range(after, until) => ("id > ? AND id <= ?", vec![&after[..], until]),
            Ids::One(id) => ("id = ?", vec![&id.as_bytes()[..]]),
        };
        let insert = format!(
            "INSERT OR IGNORE INTO main.{TABLE} ({COLUMNS})
             SELECT {COLUMNS} FROM earlier.{TABLE} WHERE {condition} ORDER BY id"
        );
        let mut insert = sqlx::query(AssertSqlSafe(insert));
        for value in values {
            insert = insert.bind(value);
        }
        let inserted = insert.persistent(false).execute(&mut *transaction).await;
        copied += inserted.map_err(classify)?.rows_affected();
    }
    let count = sqlx::query(ADD_TO_COUNT).bind(copied.cast_signed());
    count.execute(&mut *transaction).await.map_err(classify)?;
    transaction.commit().await.map_err(classify)?;
    sqlx::query("DETACH earlier").execute(&mut connection).await.map_err(classify)?;
    writer.put_back(connection);
    Ok(copied)
}
