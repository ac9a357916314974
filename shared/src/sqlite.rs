//! Opens SQLite files so that a committed transaction survives a power failure.
//! The queue and the store use separate files.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use url::Url;

use crate::config::ConfigError;

/// The page size of new files. Large pages suit large records, because overflow pages are read one
/// by one. Small pages suit small transactions, because they write whole pages.
const PAGE_BYTES: u32 = 8 * 1024;

/// The write-ahead log is copied into the file when it reaches this size. The transaction that
/// triggers a checkpoint waits for it. A large log suits the queue: pages of records that are
/// deleted before a checkpoint are reused and never written to the file.
const CHECKPOINT_BYTES: u32 = 16 * 1024 * 1024;

/// The number of read connections, in addition to the one that writes.
const READERS: u32 = 2;

/// How long a read may wait for a connection.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the file at `url`, the value of `variable`, creating it if necessary, and migrates it.
/// Returns the writer and a pool of read connections.
pub(crate) async fn open(
    variable: &str,
    url: &Url,
    migrations: &Migrator,
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
    migrate(&mut connection, migrations, path).await?;
    // A killed process may have committed transactions that were never synced. Sync them now,
    // because from now on they are treated as durable.
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

async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    path: &Path,
) -> anyhow::Result<()> {
    let newest = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    migrations.run(connection).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) if version > newest => anyhow!(
            "{} was written by a newer version of LogPulse; \
             upgrade LogPulse or use another DATA_DIR",
            path.display()
        ),
        error => anyhow!(error).context(format!("opening {}", path.display())),
    })
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
        // On macOS, a plain fsync leaves data in the disk's cache.
        .pragma("fullfsync", "ON")
        .pragma("wal_autocheckpoint", checkpoint_pages.to_string())
        .pragma("journal_size_limit", CHECKPOINT_BYTES.to_string())
        .disable_statement_logging())
}

/// The only connection that writes.
///
/// It is taken for a transaction and put back afterwards. If the transaction fails or is cancelled,
/// the connection is dropped instead, which closes it and rolls back the transaction.
pub(crate) struct Writer {
    options: SqliteConnectOptions,
    idle: Option<SqliteConnection>,
}

impl Writer {
    /// Takes the connection, or opens a new one if the last one was not put back.
    pub(crate) async fn take(&mut self) -> sqlx::Result<SqliteConnection> {
        match self.idle.take() {
            Some(connection) => Ok(connection),
            None => self.options.connect().await,
        }
    }

    /// Puts back a connection, which must have no open transaction.
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
        let no_migrations = Migrator::with_migrations(Vec::new());
        let (writer, _) = open("QUEUE_URL", &url.parse().unwrap(), &no_migrations).await.unwrap();
        writer
    }

    #[tokio::test]
    async fn a_commit_is_synced_before_it_returns() {
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
    async fn a_dropped_transaction_is_rolled_back() {
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
    async fn a_url_without_an_absolute_path_is_rejected() {
        for url in ["sqlite:queue.db", "sqlite://queue.db", "sqlite::memory:"] {
            assert!(options(&url.parse().unwrap()).is_err(), "{url}");
        }
    }

    /// Records a migration from a newer version.
    async fn record_newer_migration(path: &Path) {
        let options: SqliteConnectOptions = format!("sqlite://{}", path.display()).parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (1000, 'later', TRUE, x'00', 0)",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_from_a_newer_version_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["queue", "store"] {
            let path = directory.path().join(name);
            let url: Url = format!("sqlite://{}", path.display()).parse().unwrap();
            let open = async || match name {
                "queue" => crate::queue::open(&url).await.map(drop),
                _ => crate::store::open(&url).await.map(drop),
            };
            open().await.unwrap();
            record_newer_migration(&path).await;
            let error = format!("{:#}", open().await.unwrap_err());
            let expected = format!(
                "{} was written by a newer version of LogPulse; \
                 upgrade LogPulse or use another DATA_DIR",
                path.display()
            );
            assert!(error.ends_with(&expected), "{error}");
        }
    }
}
