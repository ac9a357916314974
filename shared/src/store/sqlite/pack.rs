//! Packs the rows that earlier releases wrote into the files of days, one file after another, while
//! the store is used.
//!
//! A chunk of rows moves from one table to the other in a transaction, so every read finds each entry
//! once, also after a crash. Rows that are not entries stay. A file gives its unused space back once
//! all its rows have been packed.

use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, Row as _, SqliteConnection};
use tokio::time::{Instant, sleep};

use super::SqliteStore;
use super::content::Codec;
use super::dictionaries::Dictionaries;
use super::entry_file::{EntryFile, TABLE, classify};
use crate::error::Result;
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::{Class, Part};
use crate::sqlite::space;
use crate::store::rows;

/// The number of rows that are packed in a transaction.
const MAX_ROWS: usize = 500;

/// A transaction packs no further row once their text has this size.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The pause before files that could not be packed are tried again.
const RETRY_PAUSE: Duration = Duration::from_mins(10);

/// Packs the rows of all files until the store is dropped. Takes at most half of the time, so that
/// other work continues.
pub(super) async fn run(store: Weak<SqliteStore>) {
    let mut parts = store.upgrade().map_or_else(Vec::new, |store| store.files.parts());
    while !parts.is_empty() {
        let mut failed = Vec::new();
        for part in parts {
            if let Err(error) = pack_part(&store, &part).await {
                tracing::warn!(%error, day = %part.day, "failed to compress a day of an earlier release");
                failed.push(part);
            }
        }
        parts = failed;
        if !parts.is_empty() {
            sleep(RETRY_PAUSE).await;
        }
    }
}

async fn pack_part(store: &Weak<SqliteStore>, part: &Part) -> Result<()> {
    let mut after = Vec::new();
    while let Some(open) = store.upgrade() {
        let Some(file) = open.files.get(part).await? else { return Ok(()) };
        let start = Instant::now();
        let Some(last) = file.pack_rows(&after).await? else {
            // Inserts would wait for it: the file of today is compacted by a later start.
            if part.day < Day::today() {
                file.compact(&open.files.path(part)).await?;
            }
            return Ok(());
        };
        after = last;
        drop((file, open));
        sleep(start.elapsed()).await;
    }
    Ok(())
}

impl EntryFile {
    /// Packs the next rows after this id. Returns the id of the last one; `None` if there are none.
    pub(super) async fn pack_rows(&self, after: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(dictionaries) = self.dictionaries() else { return Ok(None) };
        let mut writer = self.writer().await;
        let mut connection = writer.take().await.map_err(classify)?;
        let last = pack_chunk(&mut connection, dictionaries, after).await.map_err(classify)?;
        if last.is_some() {
            self.last_change().note();
        }
        writer.put_back(connection);
        Ok(last)
    }

    /// Gives the space of rows that have been packed back to the disk.
    pub(super) async fn compact(&self, path: &Path) -> Result<()> {
        let mut writer = self.writer().await;
        let mut connection = writer.take().await.map_err(classify)?;
        space::compact(&mut connection, path).await.map_err(classify)?;
        self.last_change().note();
        writer.put_back(connection);
        Ok(())
    }
}

async fn pack_chunk(
    connection: &mut SqliteConnection,
    dictionaries: &Dictionaries,
    after: &[u8],
) -> sqlx::Result<Option<Vec<u8>>> {
    let entries = sqlx::query_scalar::<_, i64>("SELECT entries FROM entry_count");
    let entries = entries.fetch_one(&mut *connection).await?;
    dictionaries.train_if_due(connection, entries.unsigned_abs()).await;
    let codec = dictionaries.latest();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let chunk = read_chunk(&mut transaction, after).await?;
    let mut last = None;
    for row in &chunk {
        if let Some((id, content)) = pack(row, &codec)? {
            move_row(&mut transaction, &id, content.map(|content| (codec.dictionary, content)))
                .await?;
        }
        last = Some(row.try_get("id")?);
    }
    transaction.commit().await?;
    Ok(last)
}

async fn read_chunk(
    connection: &mut SqliteConnection,
    after: &[u8],
) -> sqlx::Result<Vec<SqliteRow>> {
    let select = format!(
        "SELECT {}, deleted FROM {TABLE} WHERE id > ? ORDER BY id LIMIT {MAX_ROWS}",
        rows::COLUMNS
    );
    let mut rows = sqlx::query(AssertSqlSafe(select)).bind(after).fetch(connection);
    let mut chunk = Vec::new();
    let mut bytes = 0;
    while bytes < MAX_BYTES
        && let Some(row) = rows.try_next().await?
    {
        bytes += rows::read(&row, &Class::DEFAULT).map_or(0, |entry| entry.text_bytes());
        chunk.push(row);
    }
    Ok(chunk)
}

/// The id of a row and its packed content, which a deleted entry does not have. `None` if the row is
/// not an entry.
fn pack(row: &SqliteRow, codec: &Codec) -> sqlx::Result<Option<(EntryId, Option<Vec<u8>>)>> {
    if row.try_get("deleted")? {
        let id: Vec<u8> = row.try_get("id")?;
        return Ok(EntryId::from_bytes(&id).map(|id| (id, None)));
    }
    let entry: LogEntry = match rows::read(row, &Class::DEFAULT) {
        Ok(entry) => entry,
        Err(_) => return Ok(None),
    };
    let content = codec.pack(&entry).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(Some((entry.id, Some(content))))
}

async fn move_row(
    connection: &mut SqliteConnection,
    id: &EntryId,
    packed: Option<(i64, Vec<u8>)>,
) -> sqlx::Result<()> {
    let (dictionary, content) = packed.unzip();
    let insert = "INSERT INTO packed_entries (id, dictionary, content) VALUES (?, ?, ?)
                  ON CONFLICT (id) DO NOTHING";
    let insert = sqlx::query(insert).bind(&id.as_bytes()[..]).bind(dictionary).bind(content);
    insert.execute(&mut *connection).await?;
    let delete = sqlx::query("DELETE FROM log_entries WHERE id = ?").bind(&id.as_bytes()[..]);
    delete.execute(connection).await?;
    Ok(())
}
