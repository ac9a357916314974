//! Opens SQLite files so that a committed transaction survives a power failure.
//! The queue and the store use separate files.

pub(crate) mod snapshot;
pub(crate) mod space;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use url::Url;

use crate::config::ConfigError;

/// The page size of new files. Large pages suit large records, because overflow pages are read one
/// by one. Small pages suit small transactions, because they write whole pages.
const PAGE_BYTES: u32 = 8 * 1024;

/// The write-ahead log is copied into the file when it reaches this size. The transaction that
/// triggers a checkpoint waits for it. A large log suits the queue: pages of records that are
/// deleted before a checkpoint are reused and never written to the file.
const CHECKPOINT_BYTES: u32 = 16 * 1024 * 1024;

/// The space that is reserved for small transactions: they write a few pages each.
const RESERVE_BYTES: u32 = 128 * 1024;

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
    let options = options(&path(variable, url)?);
    let path = options.get_filename();
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    let opening = || format!("opening {}", path.display());
    let create = options.clone().create_if_missing(true);
    let mut connection = create.connect().await.with_context(opening)?;
    migrate(&mut connection, migrations, path).await?;
    checkpoint(&mut connection).await.with_context(opening)?;
    Ok(split(options, connection))
}

/// Opens the file at `path` and ensures that it has tables: it runs `schema` if the file has none.
/// Creates the file if `is_new`. Returns the writer and a pool of read connections.
pub(crate) async fn open_file(
    path: &Path,
    is_new: bool,
    schema: &'static str,
) -> sqlx::Result<(Writer, SqlitePool)> {
    let options = options(path);
    let mut connection = options.clone().create_if_missing(is_new).connect().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let tables = "SELECT COUNT(*) FROM sqlite_schema";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut *transaction).await?;
    if tables == 0 {
        sqlx::raw_sql(schema).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    checkpoint(&mut connection).await?;
    Ok(split(options, connection))
}

/// Opens another connection to an existing file.
pub(crate) async fn connect(path: &Path) -> sqlx::Result<SqliteConnection> {
    options(path).connect().await
}

/// Copies the write-ahead log into the file. A killed process may have committed transactions that
/// were never synced. This syncs them, because from now on they are treated as durable.
pub(crate) async fn checkpoint(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await?;
    Ok(())
}

/// Copies the write-ahead log of the file into it and empties the log, unless it is empty or missing.
pub(crate) async fn empty_log(path: &Path) -> sqlx::Result<()> {
    if std::fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0) {
        let mut connection = connect(path).await?;
        checkpoint(&mut connection).await?;
        connection.close().await?;
    }
    Ok(())
}

/// The write-ahead log of a file.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Reserves space for small transactions, so that they can be committed on a full disk: free pages in
/// the file, and a write-ahead log that keeps its size. Each transaction that uses it begins with
/// [`restart`].
pub(crate) async fn reserve(connection: &mut SqliteConnection, path: &Path) -> sqlx::Result<()> {
    let log_bytes = std::fs::metadata(log_of(path))?.len();
    let reserved = u64::from(RESERVE_BYTES);
    if log_bytes >= reserved && free_bytes(connection).await? >= reserved {
        return Ok(());
    }
    let fill = format!(
        "DROP TABLE IF EXISTS reserve; CREATE TABLE reserve (data BLOB);
         INSERT INTO reserve VALUES (zeroblob({RESERVE_BYTES})); DROP TABLE reserve"
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut *connection).await?;
    restart(connection).await
}

/// Whether the file has more free space than is reserved.
pub(crate) async fn has_unused_space(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    Ok(free_bytes(connection).await? > 2 * u64::from(RESERVE_BYTES))
}

/// The size of the free pages of the file.
async fn free_bytes(connection: &mut SqliteConnection) -> sqlx::Result<u64> {
    let select = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
    sqlx::query_scalar::<_, i64>(select).fetch_one(connection).await.map(i64::unsigned_abs)
}

/// Copies the write-ahead log into the file. The next transaction overwrites the log from its start.
pub(crate) async fn restart(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("PRAGMA wal_checkpoint(RESTART)").execute(connection).await?;
    Ok(())
}

fn split(options: SqliteConnectOptions, connection: SqliteConnection) -> (Writer, SqlitePool) {
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READ_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.clone());
    (Writer { options, idle: Some(connection) }, readers)
}

async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    path: &Path,
) -> anyhow::Result<()> {
    let newest = snapshot::newest(migrations);
    migrations.run(connection).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) if version > newest => anyhow!(
            "{} was written by a newer version of LogPulse; \
             upgrade LogPulse or use another DATA_DIR",
            path.display()
        ),
        error => anyhow!(error).context(format!("opening {}", path.display())),
    })
}

/// The path of the file at `url`, the value of `variable`.
pub(crate) fn path(variable: &str, url: &Url) -> Result<PathBuf, ConfigError> {
    if !url.host_str().unwrap_or_default().is_empty() || !url.path().starts_with('/') {
        let problem = "must name a file by its absolute path, e.g. sqlite:///data/queue.db";
        return Err(ConfigError::new(variable, problem));
    }
    let options: sqlx::Result<SqliteConnectOptions> = format!("sqlite://{}", url.path()).parse();
    let options = options.map_err(|error| ConfigError::new(variable, error.to_string()))?;
    Ok(options.get_filename().to_owned())
}

fn options(path: &Path) -> SqliteConnectOptions {
    let checkpoint_pages = CHECKPOINT_BYTES / PAGE_BYTES;
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // On macOS, a plain fsync leaves data in the disk's cache.
        .pragma("fullfsync", "ON")
        .pragma("wal_autocheckpoint", checkpoint_pages.to_string())
        .pragma("journal_size_limit", CHECKPOINT_BYTES.to_string())
        .disable_statement_logging()
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

    /// Closes the connection, unless it is taken.
    pub(crate) async fn close_idle(&mut self) -> sqlx::Result<()> {
        match self.idle.take() {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }

    /// Closes the file.
    pub(crate) async fn close(mut self) -> sqlx::Result<()> {
        self.close_idle().await
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
    async fn a_small_transaction_needs_no_space_that_is_not_reserved() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = open_in(&directory).await;
        let mut connection = writer.take().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (a)").execute(&mut connection).await.unwrap();
        let path = |name| directory.path().join(name);
        let sizes = || ["a/b.db", "a/b.db-wal"].map(|name| size(&path(name)));
        for _ in 0..2 {
            reserve(&mut connection, &path("a/b.db")).await.unwrap();
            let reserved = sizes();
            assert!(reserved.into_iter().all(|size| size > u64::from(RESERVE_BYTES)));
            for _ in 0..5 {
                restart(&mut connection).await.unwrap();
                let insert = "INSERT INTO t VALUES (zeroblob(10000))";
                sqlx::raw_sql(insert).execute(&mut connection).await.unwrap();
                assert_eq!(sizes(), reserved);
            }
        }
    }

    fn size(path: &Path) -> u64 {
        std::fs::metadata(path).unwrap().len()
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
            assert!(path("QUEUE_URL", &url.parse().unwrap()).is_err(), "{url}");
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
