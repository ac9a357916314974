//! The store in MySQL: one table, in which the id's time decides where a row lives.
//! It is opened without asking: whoever uses it first makes the table, once MySQL is there.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions, Connection, Executor, MySql, MySqlPool};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::Url;

use super::insert_plan::InsertPlan;
use super::rows;
use super::{Store, VARIABLE};
use crate::config::{ConfigError, UrlOptions};
use crate::error::{Error, Ready, Refused, Result, Source};
use crate::log_entry::{EntryId, LogEntry};

/// Rows of the longest `INSERT`: 8000 of the 65,535 placeholders that MySQL takes.
const ROWS: usize = 1000;

/// Connections of a replica at most. MySQL takes 151 in all if nobody says otherwise.
const CONNECTIONS: u32 = 8;

/// How long a connection may take to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a read may take in all.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the insert of a batch may take in all.
const INSERT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the migrations may take, and the wait for another replica's.
const MIGRATE_TIMEOUT: Duration = Duration::from_mins(1);

/// After this a connection that nobody uses is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// What we rely on, whatever the server's own settings are. A value that does not fit is refused and
/// never bent. Inserts lock their rows only. A replica that vanishes in the middle of a batch keeps
/// its rows locked for a minute at most, and who inserts them meanwhile is told so in time.
const SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
    SESSION autocommit = 1,
    SESSION transaction_isolation = 'READ-COMMITTED',
    SESSION innodb_lock_wait_timeout = 10,
    SESSION wait_timeout = 60";

/// Opens the store at `mysql://user:password@host:3306/database`.
pub(super) fn open(url: &Url) -> std::result::Result<Arc<dyn Store>, ConfigError> {
    let pool = MySqlPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async { connection.execute(SESSION).await.map(|_| ()) })
        })
        .connect_lazy_with(options(url)?);
    Ok(Arc::new(MySqlStore { pool, migrated: OnceCell::new() }))
}

fn options(url: &Url) -> std::result::Result<MySqlConnectOptions, ConfigError> {
    // sqlx reads these itself.
    let options = UrlOptions::parse(VARIABLE, url, &["ssl-mode", "ssl-ca"])?;
    let database = url.path().trim_start_matches('/');
    if !url.has_host() || database.is_empty() || database.contains('/') {
        let problem = "must name a database, e.g. mysql://user:password@host:3306/logpulse_db";
        return Err(options.invalid(problem));
    }
    let options =
        MySqlConnectOptions::from_url(url).map_err(|error| options.invalid(error.to_string()))?;
    // `SESSION` sets the whole mode.
    Ok(options.pipes_as_concat(false).no_engine_substitution(false).disable_statement_logging())
}

struct MySqlStore {
    pool: MySqlPool,
    migrated: OnceCell<()>,
}

impl MySqlStore {
    /// A connection to a database that has our table.
    async fn connection(&self) -> Result<PooledConnection> {
        self.migrated.get_or_try_init(|| migrate(self.pool.clone())).await?;
        let connection = self.pool.acquire().await.map_err(rows::classify)?;
        Ok(PooledConnection { connection, is_reusable: false })
    }
}

#[async_trait]
impl Ready for MySqlStore {
    async fn ready(&self) -> Result<()> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let row = sqlx::query("SELECT 1 FROM log_entries LIMIT 1");
            row.fetch_optional(&mut *pooled.connection).await.map_err(rows::classify)?;
            pooled.is_reusable = true;
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Store for MySqlStore {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        within(INSERT_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let inserted = insert_all(&mut pooled.connection, entries).await;
            let refused = inserted.map_err(sorted)?;
            pooled.is_reusable = true;
            Ok(refused)
        })
        .await
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let select = sqlx::query_as(rows::SELECT).bind(&id.as_bytes()[..]);
            let row =
                select.fetch_optional(&mut *pooled.connection).await.map_err(rows::classify)?;
            pooled.is_reusable = true;
            row.map(rows::entry).transpose()
        })
        .await
    }
}

/// Inserts in one transaction, so that the batch waits for the disk once.
async fn insert_all(
    connection: &mut MySqlConnection,
    entries: &[LogEntry],
) -> sqlx::Result<Vec<Refused>> {
    let mut transaction = connection.begin().await?;
    let mut plan = InsertPlan::new(entries, ROWS);
    while let Some(rows) = plan.next() {
        let mut insert = rows::insert::<MySql>(rows, "ON DUPLICATE KEY UPDATE id = id");
        match insert.build().execute(&mut *transaction).await {
            Ok(_) => plan.succeeded(),
            Err(error) if is_about_a_row(&error) => plan.failed(&error),
            Err(error) => return Err(error),
        }
    }
    transaction.commit().await?;
    Ok(plan.into_refused())
}

/// Whether MySQL will never take the row: a value is missing, out of range, too long, no text of
/// its character set, or a trigger or constraint refuses it.
/// Source: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
fn is_about_a_row(error: &sqlx::Error) -> bool {
    matches!(
        number(error),
        Some(1048 | 1264 | 1265 | 1292 | 1300 | 1366 | 1406 | 1644 | 3140 | 3819 | 3988)
    )
}

/// Whether MySQL itself cannot insert now: it stops, is out of memory, room, connections or locks,
/// knows no such user, table, column or partition, may not be written, or was interrupted.
fn is_about_the_server(number: u16) -> bool {
    let is_full = [1021, 1030, 1037, 1038, 1041, 1114, 1180].contains(&number);
    let is_out_of_reach = [1040, 1053, 1129, 1130, 1158, 1159, 1160, 1161, 1203, 1226, 4031];
    let is_missing = [1044, 1045, 1049, 1054, 1142, 1143, 1146, 1526];
    let is_locked = [1205, 1206, 1213, 1290, 1317, 1792, 1836, 1927, 3024, 3572, 3989];
    is_full
        || is_out_of_reach.contains(&number)
        || is_missing.contains(&number)
        || is_locked.contains(&number)
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}

/// Sorts an error of an insert that is not surely about a row.
fn sorted(error: sqlx::Error) -> Error {
    match number(&error) {
        Some(number) if !is_about_the_server(number) => Error::failed("store", error),
        _ => rows::classify(error),
    }
}

/// A connection that returns to the pool once its work is complete. Otherwise it is closed: the
/// pool would wait for a response that may never arrive.
struct PooledConnection {
    connection: PoolConnection<MySql>,
    is_reusable: bool,
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if !self.is_reusable {
            self.connection.close_on_drop();
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|late| Err(unavailable(late)))
}

/// Makes the table, or waits until another replica has made it. A caller that gives up does not
/// stop it half-way.
async fn migrate(pool: MySqlPool) -> Result<()> {
    let migrations = tokio::spawn(timeout(MIGRATE_TIMEOUT, run_migrations(pool)));
    let migrated = migrations.await.map_err(unavailable)?.map_err(unavailable)?;
    migrated.map_err(unavailable)
}

/// sqlx takes a named lock of MySQL first, one for each database. (`run` does not compile in a task;
/// `run_direct` is what it calls.)
async fn run_migrations(pool: MySqlPool) -> std::result::Result<(), MigrateError> {
    let tables = tables();
    // It does not go back to the pool: what it has locked ends with it, whatever happens.
    let mut connection = pool.acquire().await?.detach();
    let mut migrated = tables.run_direct(None, &mut connection, false).await;
    if let Err(MigrateError::Dirty(_)) = migrated {
        // Whoever ran it was stopped; we have the lock now, and every migration can be repeated.
        connection.execute("DELETE FROM _sqlx_migrations WHERE success = FALSE").await?;
        migrated = tables.run_direct(None, &mut connection, false).await;
    }
    connection.close().await?;
    migrated
}

fn tables() -> Migrator {
    let mut tables = sqlx::migrate!("migrations/mysql");
    // During an upgrade, a replica of the version before may start anew.
    tables.set_ignore_missing(true);
    tables
}

fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable("store", source)
}
