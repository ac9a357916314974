//! An SQLite file with a table of entries. One connection writes; reads use separate connections
//! and never wait for it.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::super::insert_plan::InsertPlan;
use super::super::scan::{Next, Scan};
use super::super::{SERVICE, rows};
use super::content::Codec;
use super::dictionaries::Dictionaries;
use super::logs::LastChange;
use super::packed;
use crate::error::{Error, Refused, Result};
use crate::log_entry::{EntryId, LogEntry};
use crate::retention::Class;
use crate::sqlite::{self, Writer};

/// The table of the entries, in every file.
pub(super) const TABLE: &str = "log_entries";

/// Keeps the row that has the id.
const KEEP_ROW: &str = "ON CONFLICT (id) DO NOTHING";

/// The tables of a file of a day. Counting the rows of the table would read all of them.
const SCHEMA: &str = concat!(
    include_str!("../../../migrations/sqlite/store/0001_log_entries.sql"),
    include_str!("../../../migrations/sqlite/store/0003_deleted_entries.sql"),
    "CREATE TABLE entry_count (entries INTEGER NOT NULL);
     INSERT INTO entry_count (entries) VALUES (0);",
    include_str!("../../../migrations/sqlite/day/packed_entries.sql"),
);

/// Adds the column `deleted` to the file of a day.
const ADD_DELETED: &str = include_str!("../../../migrations/sqlite/store/0003_deleted_entries.sql");

/// Counts the tables that have the column `deleted`.
const HAS_DELETED: &str =
    "SELECT COUNT(*) FROM pragma_table_info('log_entries') WHERE name = 'deleted'";

/// Counts entries that have been inserted into the file of a day, or deleted from it. Returns how
/// many it has then.
pub(super) const ADD_TO_COUNT: &str =
    "UPDATE entry_count SET entries = entries + ? RETURNING entries";

/// Rows in the longest `INSERT`: enough to amortize the cost of a statement.
const MAX_ROWS: usize = 100;

/// The number of ids that are looked up at a time.
const MAX_IDS: usize = 500;

/// Two ids as the database compares them: greater than the first, and at most the second.
pub(super) type Bounds = (Vec<u8>, Vec<u8>);

/// An open file. It is closed when it is dropped; [`close`](Self::close) waits for its reads.
///
/// Once it has been closed, because its day was dropped, reads find nothing.
pub(super) struct EntryFile {
    writer: Mutex<Writer>,
    readers: SqlitePool,
    /// The file of a day packs its entries and counts them; the catalogue does not.
    dictionaries: Option<Dictionaries>,
    last_change: LastChange,
}

/// The outcome of an insert.
pub(super) struct Inserted {
    /// The number of new rows.
    pub(super) rows: u64,
    /// The rows that SQLite will never accept, and those that have been deleted.
    pub(super) refused: Vec<Refused>,
}

impl EntryFile {
    /// The file with the rows of earlier releases, which has been opened.
    pub(super) fn earlier(writer: Writer, readers: SqlitePool) -> Self {
        Self::new(writer, readers, None)
    }

    /// Opens the file of a day. Creates it if `is_new`.
    pub(super) async fn open(path: &Path, is_new: bool) -> Result<Self> {
        let opened = sqlite::open_file(path, is_new, SCHEMA).await;
        let (mut writer, readers) = opened.map_err(classify)?;
        let mut connection = writer.take().await.map_err(classify)?;
        let has_deleted: i64 =
            sqlx::query_scalar(HAS_DELETED).fetch_one(&mut connection).await.map_err(classify)?;
        if has_deleted == 0 {
            sqlx::raw_sql(ADD_DELETED).execute(&mut connection).await.map_err(classify)?;
        }
        sqlx::raw_sql(packed::SCHEMA).execute(&mut connection).await.map_err(classify)?;
        let dictionaries = Dictionaries::load(&mut connection).await.map_err(classify)?;
        writer.put_back(connection);
        Ok(Self::new(writer, readers, Some(dictionaries)))
    }

    fn new(writer: Writer, readers: SqlitePool, dictionaries: Option<Dictionaries>) -> Self {
        // Opening a file of an earlier release changes it.
        let last_change = LastChange::now();
        Self { writer: Mutex::new(writer), readers, dictionaries, last_change }
    }

    /// Inserts the rows in one transaction.
    pub(super) async fn insert<E: Borrow<LogEntry>>(&self, entries: &[E]) -> Result<Inserted> {
        let mut writer = self.writer.lock().await;
        let mut connection = writer.take().await.map_err(classify)?;
        let codec = self.dictionaries.as_ref().map(Dictionaries::latest);
        let inserted = insert_all(&mut connection, entries, codec.as_deref()).await;
        let (inserted, total) = inserted.map_err(classify)?;
        self.last_change.note();
        if let (Some(dictionaries), Some(total)) = (&self.dictionaries, total) {
            dictionaries.train_if_due(&mut connection, total).await;
        }
        writer.put_back(connection);
        Ok(inserted)
    }

    pub(super) async fn get(&self, id: EntryId, class: &Class) -> Result<Option<LogEntry>> {
        let (columns, table) = self.source();
        let select = sqlx::query(rows::select(columns, table)).bind(id.as_bytes().to_vec());
        let row = unless_closed(select.fetch_optional(&self.readers).await)?;
        row.map(|row| self.read(&row, class)).transpose()
    }

    /// Adds rows to the page until it is complete or there are no further rows.
    pub(super) async fn scan(&self, scan: &mut Scan) -> Result<Next> {
        loop {
            let (after, until, limit) = scan.parameters();
            let (columns, table) = self.source();
            let select = sqlx::query(rows::scan(columns, table));
            let select = select.bind(after).bind(until).bind(limit);
            let mut rows = select.fetch(&self.readers);
            let mut has_room = true;
            while has_room && let Some(row) = unless_closed(rows.try_next().await)? {
                let read = |row, class: &Class| self.read(row, class);
                has_room = scan.take(&row, read).map_err(classify)?;
            }
            match scan.next() {
                Next::Statement => {}
                next => return Ok(next),
            }
        }
    }

    pub(super) async fn count(&self, (after, until): Bounds) -> Result<u64> {
        let count = sqlx::query_scalar::<_, i64>(rows::count(self.table())).bind(after).bind(until);
        Ok(unless_closed(count.fetch_one(&self.readers).await)?.unsigned_abs())
    }

    /// The first ids of deleted entries, at most `limit`.
    pub(super) async fn deleted(
        &self,
        (after, until): Bounds,
        limit: usize,
    ) -> Result<Vec<EntryId>> {
        let ids =
            sqlx::query_scalar::<_, Vec<u8>>(rows::deleted(self.table())).bind(after).bind(until);
        let ids = ids.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let ids = unless_closed(ids.fetch_all(&self.readers).await)?;
        Ok(ids.iter().filter_map(|id| EntryId::from_bytes(id)).collect())
    }

    /// The least id of a row. The entry may have been deleted.
    pub(super) async fn first_row(&self, bounds: Bounds) -> Result<Option<EntryId>> {
        self.id(rows::first_row(self.table()), bounds).await
    }

    /// The greatest id of a row. The entry may have been deleted.
    pub(super) async fn last_row(&self, bounds: Bounds) -> Result<Option<EntryId>> {
        self.id(rows::last_row(self.table()), bounds).await
    }

    /// The greatest id of an entry.
    pub(super) async fn last(&self, bounds: Bounds) -> Result<Option<EntryId>> {
        self.id(rows::last(self.table()), bounds).await
    }

    async fn id(
        &self,
        select: AssertSqlSafe<String>,
        (after, until): Bounds,
    ) -> Result<Option<EntryId>> {
        let id = sqlx::query_scalar::<_, Vec<u8>>(select).bind(after).bind(until);
        let id = unless_closed(id.fetch_optional(&self.readers).await)?;
        Ok(id.and_then(|id| EntryId::from_bytes(&id)))
    }

    /// Empties the rows with these ids in one transaction. Returns the number of entries that this
    /// deletes.
    pub(super) async fn delete(&self, ids: &[EntryId]) -> Result<u64> {
        let mut writer = self.writer.lock().await;
        let mut connection = writer.take().await.map_err(classify)?;
        let is_day = self.dictionaries.is_some();
        let deleted = delete_all(&mut connection, ids, is_day).await.map_err(classify)?;
        self.last_change.note();
        writer.put_back(connection);
        Ok(deleted)
    }

    /// Returns those of the ids that the file has, and whether their entries have been deleted.
    pub(super) async fn look_up(&self, ids: &[EntryId]) -> Result<Vec<(EntryId, bool)>> {
        let mut stored = Vec::new();
        for ids in ids.chunks(MAX_IDS) {
            let mut select = rows::lookup::<Sqlite>(self.table(), ids);
            let select = select.build_query_as::<rows::Found>().persistent(false);
            let found = unless_closed(select.fetch_all(&self.readers).await)?;
            stored.extend(found.iter().filter_map(rows::found));
        }
        Ok(stored)
    }

    /// The columns of an entry, and the table that has them.
    fn source(&self) -> (&'static str, &'static str) {
        match self.dictionaries {
            Some(_) => (packed::COLUMNS, packed::SOURCE),
            None => (rows::COLUMNS, TABLE),
        }
    }

    fn table(&self) -> &'static str {
        self.source().1
    }

    /// Reads the entry in a row of the source.
    fn read(&self, row: &SqliteRow, class: &Class) -> Result<LogEntry> {
        match &self.dictionaries {
            Some(dictionaries) => packed::read(row, dictionaries, class),
            None => rows::read(row, class),
        }
    }

    /// The dictionaries of the file of a day.
    pub(super) fn dictionaries(&self) -> Option<&Dictionaries> {
        self.dictionaries.as_ref()
    }

    /// When it was last changed.
    pub(super) fn last_change(&self) -> &LastChange {
        &self.last_change
    }

    /// The connection that writes. Waits until it is not in use.
    pub(super) async fn writer(&self) -> tokio::sync::MutexGuard<'_, Writer> {
        self.writer.lock().await
    }

    /// Connections for reads that have no method of their own.
    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Closes the file, after the reads and the transaction that use it.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        if let Err(error) = self.writer.lock().await.close_idle().await {
            tracing::warn!(%error, "failed to close a file of the store");
        }
    }
}

/// Inserts the rows in one transaction, packed if there is a codec. Returns also how many entries the
/// file of a day has then, if there are new ones.
async fn insert_all<E: Borrow<LogEntry>>(
    connection: &mut SqliteConnection,
    entries: &[E],
    codec: Option<&Codec>,
) -> sqlx::Result<(Inserted, Option<u64>)> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let table = codec.map_or(TABLE, |_| packed::SOURCE);
    let mut plan = InsertPlan::new(entries, MAX_ROWS);
    let mut inserted = 0;
    while let Some(rows) = plan.next() {
        let mut insert = match codec {
            Some(codec) => packed::insert(rows, codec)?,
            None => rows::insert::<Sqlite>(TABLE, rows, KEEP_ROW),
        };
        match insert.build().execute(&mut *transaction).await {
            Ok(outcome) => {
                inserted += outcome.rows_affected();
                if outcome.rows_affected() < rows.len() as u64 {
                    plan.refuse_deleted(&deleted(&mut transaction, table, rows).await?);
                }
                plan.succeeded();
            }
            Err(error) if is_row_error(&error) => plan.failed(&error),
            Err(error) => return Err(error),
        }
    }
    let mut total = None;
    if codec.is_some() && inserted > 0 {
        let count = sqlx::query_scalar::<_, i64>(ADD_TO_COUNT).bind(inserted.cast_signed());
        total = Some(count.fetch_one(&mut *transaction).await?.unsigned_abs());
    }
    transaction.commit().await?;
    Ok((Inserted { rows: inserted, refused: plan.into_refused() }, total))
}

/// The ids of the entries that have been deleted.
async fn deleted<E: Borrow<LogEntry>>(
    connection: &mut SqliteConnection,
    table: &str,
    entries: &[E],
) -> sqlx::Result<HashSet<EntryId>> {
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.borrow().id).collect();
    let mut select = rows::lookup::<Sqlite>(table, &ids);
    let select = select.build_query_as::<rows::Found>().persistent(false);
    let stored = select.fetch_all(connection).await?;
    let stored = stored.iter().filter_map(rows::found);
    Ok(stored.filter(|(_, is_deleted)| *is_deleted).map(|(id, _)| id).collect())
}

async fn delete_all(
    connection: &mut SqliteConnection,
    ids: &[EntryId],
    is_day: bool,
) -> sqlx::Result<u64> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut deleted = 0;
    for ids in ids.chunks(MAX_IDS) {
        let mut empty = vec![rows::delete::<Sqlite>(TABLE, ids)];
        if is_day {
            empty.push(packed::delete(ids));
        }
        for mut empty in empty {
            let empty = empty.build().persistent(false);
            deleted += empty.execute(&mut *transaction).await?.rows_affected();
        }
    }
    if is_day && deleted > 0 {
        let count = sqlx::query(ADD_TO_COUNT).bind(-deleted.cast_signed());
        count.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(deleted)
}

/// Reads the number of entries in the file of a day, without keeping it open.
pub(super) async fn entry_count(path: &Path) -> Result<u64> {
    let mut connection = sqlite::connect(path).await.map_err(classify)?;
    let count = sqlx::query_scalar::<_, i64>("SELECT entries FROM entry_count");
    let count = count.fetch_optional(&mut connection).await.map_err(classify)?;
    connection.close().await.map_err(classify)?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

/// Nothing, if the file has been closed.
fn unless_closed<T: Default>(result: sqlx::Result<T>) -> Result<T> {
    match result {
        Err(sqlx::Error::PoolClosed) => Ok(T::default()),
        result => result.map_err(classify),
    }
}

/// Classifies an error other than those that [`is_row_error`] matches: a column that cannot be
/// decoded is `Rejected`, and everything else (a full disk, a missing file) is `Unavailable`.
pub(super) fn classify(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::ColumnDecode { .. } => Error::rejected(SERVICE, error),
        _ => Error::unavailable(SERVICE, error),
    }
}

/// Whether SQLite will never accept the row: `SQLITE_TOOBIG`, `SQLITE_CONSTRAINT`,
/// `SQLITE_MISMATCH`.
/// Source: <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
fn is_row_error(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 18..=20))
}
