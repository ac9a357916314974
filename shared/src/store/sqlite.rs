//! The store in a local SQLite file, readable with the `sqlite3` command-line tool.
//! One connection writes; reads use separate connections and never wait for it.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;
use url::Url;

use super::insert_plan::InsertPlan;
use super::scan::Scan;
use super::{IdRange, SERVICE, ScanPage, Store, VARIABLE, rows};
use crate::config::url_options::UrlOptions;
use crate::error::{Error, Ready, Refused, Result};
use crate::log_entry::{EntryId, LogEntry};
use crate::sqlite::{self, Writer};

static TABLES: Migrator = sqlx::migrate!("migrations/sqlite/store");

/// Rows in the longest `INSERT`: enough to amortize the cost of a statement.
const MAX_ROWS: usize = 100;

/// Opens the store at `sqlite:///path/to/file`.
pub(super) async fn open(url: &Url) -> anyhow::Result<Arc<dyn Store>> {
    UrlOptions::parse(VARIABLE, url, &[])?;
    let (writer, readers) = sqlite::open(VARIABLE, url, &TABLES).await?;
    Ok(Arc::new(SqliteStore { writer: Mutex::new(writer), readers }))
}

struct SqliteStore {
    writer: Mutex<Writer>,
    readers: SqlitePool,
}

#[async_trait]
impl Ready for SqliteStore {
    async fn ready(&self) -> Result<()> {
        let row = sqlx::query("SELECT 1 FROM log_entries LIMIT 1");
        row.fetch_optional(&self.readers).await.map_err(classify)?;
        Ok(())
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let mut writer = self.writer.lock().await;
        let mut connection = writer.take().await.map_err(classify)?;
        let refused = insert_all(&mut connection, entries).await.map_err(classify)?;
        writer.put_back(connection);
        Ok(refused)
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        let select = sqlx::query_as(rows::SELECT).bind(&id.as_bytes()[..]);
        let row = select.fetch_optional(&self.readers).await.map_err(classify)?;
        row.map(rows::entry).transpose()
    }

    async fn scan(&self, range: IdRange, limit: usize) -> Result<ScanPage> {
        let mut scan = Scan::new(range, limit);
        loop {
            let (after, until, limit) = scan.parameters();
            let select = sqlx::query(rows::SCAN).bind(after).bind(until).bind(limit);
            let mut rows = select.fetch(&self.readers);
            let mut has_room = true;
            while has_room && let Some(row) = rows.try_next().await.map_err(classify)? {
                has_room = scan.take(&row).map_err(classify)?;
            }
            if let Some(page) = scan.page() {
                return Ok(page);
            }
        }
    }

    async fn count(&self, range: IdRange) -> Result<u64> {
        let (after, until) = range.bounds();
        let count = sqlx::query_scalar::<_, i64>(rows::COUNT).bind(after).bind(until);
        let count = count.fetch_one(&self.readers).await.map_err(classify)?;
        Ok(count.unsigned_abs())
    }

    async fn last(&self, range: IdRange) -> Result<Option<EntryId>> {
        let (after, until) = range.bounds();
        let last = sqlx::query_scalar::<_, Vec<u8>>(rows::LAST).bind(after).bind(until);
        let last = last.fetch_optional(&self.readers).await.map_err(classify)?;
        Ok(last.and_then(|id| EntryId::from_bytes(&id)))
    }
}

async fn insert_all(
    connection: &mut SqliteConnection,
    entries: &[LogEntry],
) -> sqlx::Result<Vec<Refused>> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut plan = InsertPlan::new(entries, MAX_ROWS);
    while let Some(rows) = plan.next() {
        let mut insert = rows::insert::<Sqlite>(rows, "ON CONFLICT (id) DO NOTHING");
        match insert.build().execute(&mut *transaction).await {
            Ok(_) => plan.succeeded(),
            Err(error) if is_row_error(&error) => plan.failed(&error),
            Err(error) => return Err(error),
        }
    }
    transaction.commit().await?;
    Ok(plan.into_refused())
}

/// Classifies an error other than those that [`is_row_error`] matches: a column that cannot be
/// decoded is `Rejected`, and everything else (a full disk, a missing file) is `Unavailable`.
fn classify(error: sqlx::Error) -> Error {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{entries, entry};

    /// Opens a store and runs this SQL in it.
    async fn store_with(sql: &'static str) -> (SqliteStore, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", directory.path().display());
        let url = url.parse().unwrap();
        let (mut writer, readers) = sqlite::open(VARIABLE, &url, &TABLES).await.unwrap();
        let mut connection = writer.take().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        writer.put_back(connection);
        let writer = Mutex::new(writer);
        (SqliteStore { writer, readers }, directory)
    }

    #[tokio::test]
    async fn only_the_row_that_sqlite_rejects_is_refused() {
        let sql = "CREATE TRIGGER refuse BEFORE INSERT ON log_entries WHEN NEW.message = 'bad'
                   BEGIN SELECT RAISE(ABORT, 'bad message'); END";
        let (store, _directory) = store_with(sql).await;
        let mut messages = vec!["good"; 250];
        messages[7] = "bad";
        messages[203] = "bad";
        let entries = entries(messages);
        let refused = store.insert(&entries).await.unwrap();
        let indexes: Vec<usize> = refused.iter().map(|refused| refused.index).collect();
        assert_eq!(indexes, [7, 203]);
        assert!(refused[0].reason.contains("bad message"), "{refused:?}");
        for (index, entry) in entries.iter().enumerate() {
            let found = store.get(entry.id).await.unwrap().is_some();
            assert_eq!(found, !indexes.contains(&index), "{index}");
        }
    }

    #[tokio::test]
    async fn inserts_succeed_again_once_a_full_disk_has_space() {
        let (store, _directory) = store_with("PRAGMA max_page_count = 20").await;
        let entries = entries(vec!["m"; 5000]);
        let error = store.insert(&entries).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "store", .. }));
        assert!(store.get(entries[0].id).await.unwrap().is_none());
        assert_eq!(store.insert(&entries).await.unwrap(), []);
        assert!(store.get(entries[0].id).await.unwrap().is_some());
    }

    /// Changes rows as an operator could with the command-line tool.
    async fn change(store: &SqliteStore, sql: String) {
        let mut writer = store.writer.lock().await;
        let mut connection = writer.take().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        writer.put_back(connection);
    }

    fn messages(page: &ScanPage) -> Vec<&str> {
        page.entries.iter().map(|entry| entry.message.as_str()).collect()
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_decoded_gets_a_rejected_error() {
        let (store, _directory) = store_with("SELECT 1").await;
        let entry = entry("m");
        store.insert(std::slice::from_ref(&entry)).await.unwrap();
        change(&store, "UPDATE log_entries SET attributes = '['".to_owned()).await;
        let error = store.get(entry.id).await.unwrap_err();
        assert!(matches!(error, Error::Rejected { service: "store", .. }));
    }

    #[tokio::test]
    async fn a_scan_skips_and_counts_rows_that_are_not_entries() {
        let (store, _directory) = store_with("SELECT 1").await;
        let entries = entries(["0", "1", "2", "3", "4", "5", "6", "7"]);
        store.insert(&entries).await.unwrap();
        for (message, change_to) in [
            ("1", "attributes = '['"),
            ("2", "timestamp = -1"),
            ("4", "message = x'ff'"),
            ("6", "service_name = ''"),
            ("7", "id = x'ffffffffffff4fffffffffffffffffff'"),
        ] {
            let sql = format!("UPDATE log_entries SET {change_to} WHERE message = '{message}'");
            change(&store, sql).await;
        }
        for (limit, pages) in [
            (100, &[(&["0", "3", "5"][..], 3), (&[], 2)][..]),
            (4, &[(&["0", "3"], 2), (&["5"], 1), (&[], 2)]),
            (2, &[(&["0"], 0), (&["3"], 2), (&["5"], 1), (&[], 2)]),
            (1, &[(&["0"], 0), (&["3"], 2), (&["5"], 1), (&[], 2)]),
        ] {
            let mut range = IdRange::ALL;
            for (expected, damaged) in pages {
                let page = store.scan(range, limit).await.unwrap();
                assert_eq!(messages(&page), *expected, "limit {limit}");
                assert_eq!(page.damaged, *damaged, "limit {limit}, {expected:?}");
                let last = page.entries.last();
                range = last.map_or(range, |entry| range.after(entry.id));
            }
        }
        assert_eq!(store.last(IdRange::ALL).await.unwrap(), Some(entries[6].id));
        assert_eq!(store.count(IdRange::ALL).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn entries_are_inserted_and_read_during_a_scan() {
        let (store, _directory) = store_with("SELECT 1").await;
        let first = entries(vec!["first"; 1000]);
        store.insert(&first).await.unwrap();
        let page = store.scan(IdRange::ALL, 900).await.unwrap();
        let later = entries(vec!["later"; 1000]);
        store.insert(&later).await.unwrap();
        let rest = store.scan(IdRange::ALL.after(page.entries[899].id), 5000).await.unwrap();
        assert_eq!(rest.entries.len(), 1100);
        assert!(store.get(later[999].id).await.unwrap().is_some());
    }
}
