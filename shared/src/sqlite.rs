//! A SQLite file of this machine, opened so that what was committed survives a power cut.
//! The adapters of the queue and of the store each have a file of their own.

use std::time::Duration;

use anyhow::Context;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use url::Url;

use crate::config::ConfigError;

/// For a file that is created. Large pages suit large records (a blob's pages are a chain that is
/// followed one by one), small ones suit small transactions, which write whole pages.
const PAGE_BYTES: u32 = 8 * 1024;

/// The write-ahead log goes into the file when it is this large. Whoever commits then waits for
/// it; but a queue's record that is committed before has left its pages to later ones, and is
/// written once only.
const CHECKPOINT_BYTES: u32 = 16 * 1024 * 1024;

/// How many may read at once, beside the one who writes.
const READERS: u32 = 2;

/// How long a reader waits for its turn.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the file that the URL names: the connection that writes, and those that read.
/// A file that does not exist is created.
pub(crate) async fn open(
    variable: &str,
    url: &Url,
    tables: &Migrator,
) -> anyhow::Result<(Writer, SqlitePool)> {
    let options = options(url).map_err(|problem| ConfigError::new(variable, problem))?;
    let path = options.get_filename();
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    let opening = || format!("opening {}", path.display());
    let create = options.clone().create_if_missing(true);
    let mut connection = create.connect().await.with_context(opening)?;
    let migrated = tables.run(&mut connection).await;
    migrated.with_context(opening)?;
    // What a killed process committed counts as stored from now on: let it be on the disk.
    let checkpoint = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection);
    checkpoint.await.with_context(opening)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READ_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.clone());
    let writer = Writer { options, idle: Some(connection) };
    Ok((writer, readers))
}

fn options(url: &Url) -> Result<SqliteConnectOptions, String> {
    if !url.host_str().unwrap_or_default().is_empty() || !url.path().starts_with('/') {
        return Err("must name a file by its absolute path, e.g. sqlite:///data/queue.db".into());
    }
    let options: SqliteConnectOptions = format!("sqlite://{}", url.path())
        .parse()
        .map_err(|error: sqlx::Error| error.to_string())?;
    let checkpoint_pages = CHECKPOINT_BYTES / PAGE_BYTES;
    Ok(options
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // macOS leaves data in the disk's cache on a plain fsync.
        .pragma("fullfsync", "ON")
        .pragma("wal_autocheckpoint", checkpoint_pages.to_string())
        .pragma("journal_size_limit", CHECKPOINT_BYTES.to_string())
        .disable_statement_logging())
}

/// The one connection that writes.
///
/// It is taken for a transaction and put back after it. When the transaction fails or is cancelled
/// it is dropped instead, which closes it and so rolls back whatever state it was in.
pub(crate) struct Writer {
    options: SqliteConnectOptions,
    idle: Option<SqliteConnection>,
}

impl Writer {
    /// The connection, or a new one if the last one was not put back.
    pub(crate) async fn take(&mut self) -> sqlx::Result<SqliteConnection> {
        match self.idle.take() {
            Some(connection) => Ok(connection),
            None => self.options.connect().await,
        }
    }

    /// Keeps a connection that has no open transaction.
    pub(crate) fn put_back(&mut self, connection: SqliteConnection) {
        self.idle = Some(connection);
    }

    /// Closes the file.
    pub(crate) async fn close(self) -> sqlx::Result<()> {
        match self.idle {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    async fn open_in(directory: &TempDir) -> Writer {
        let url = format!("sqlite://{}/a/b.db", directory.path().display());
        let no_tables = Migrator::with_migrations(Vec::new());
        let (writer, _) = open("QUEUE_URL", &url.parse().unwrap(), &no_tables).await.unwrap();
        writer
    }

    #[tokio::test]
    async fn a_commit_is_on_the_disk_before_it_is_answered() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = open_in(&directory).await;
        let mut connection = writer.take().await.unwrap();
        let journal: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
        let synchronous: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await.unwrap();
        assert_eq!((journal.as_str(), synchronous), ("wal", 2));
    }

    #[tokio::test]
    async fn a_transaction_that_was_given_up_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = open_in(&directory).await;
        let mut connection = writer.take().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)")
            .execute(&mut connection)
            .await
            .unwrap();
        drop(connection);
        let mut connection = writer.take().await.unwrap();
        let rows: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut connection).await.unwrap();
        assert_eq!(rows, 0);
    }

    #[tokio::test]
    async fn a_url_without_an_absolute_path_is_refused() {
        for url in ["sqlite:queue.db", "sqlite://queue.db", "sqlite::memory:"] {
            assert!(options(&url.parse().unwrap()).is_err(), "{url}");
        }
    }
}
