//! The store in MySQL: a table for each class, with rows ordered by the time in the id, in a
//! partition for each day. Opening it does not connect. The first request connects and creates the
//! tables.

mod classes;
mod compressing;
mod deleting;
mod errors;
mod inserting;
mod jobs;
mod lock;
mod migrating;
mod partitions;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions, Executor, MySql, MySqlConnection, MySqlPool};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::Url;

use self::classes::{Classes, table};
use self::errors::{classify, unavailable};
pub use self::lock::Lock;
use super::scan::{Next, Scan};
use super::{DeleteJobs, IdRange, ScanPage, Store, Stored, StoredDay, VARIABLE, rows};
use crate::config::ConfigError;
use crate::config::url_options::UrlOptions;
use crate::error::{Error, Ready, Refused, Result};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::{Class, Keep};

/// Rows in the longest `INSERT`: 8,000 of the 65,535 placeholders that MySQL allows.
const MAX_ROWS: usize = 1000;

/// Connections of a process to the entries. MySQL allows 151 in total by default.
const MAX_CONNECTIONS: u32 = 8;

/// Further connections of a process to the jobs.
const MAX_JOB_CONNECTIONS: u32 = 2;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Limits a read, including the wait for a connection.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits the read of a page of a scan, and of the last id.
const SCAN_TIMEOUT: Duration = Duration::from_secs(30);

/// Limits a count, which reads every row in the range.
const COUNT_TIMEOUT: Duration = Duration::from_mins(10);

/// Limits the partitioning of a table, in which MySQL may copy all rows.
const PREPARE_TIMEOUT: Duration = Duration::from_hours(2);

/// Limits the drop of days, including the wait for statements that use the table.
const DROP_TIMEOUT: Duration = Duration::from_mins(1);

/// Limits the insert of a whole batch, while other consumers insert several batches each. A batch that
/// takes longer is inserted again from its beginning.
const INSERT_TIMEOUT: Duration = Duration::from_mins(2);

/// Idle connections are closed after this time, before the server's `wait_timeout` closes them.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Session settings that the store relies on, independent of the server's defaults. Values that do
/// not fit are rejected instead of truncated, and inserts lock only their own rows. If a replica
/// dies during a batch, MySQL releases its locks after `wait_timeout`; until then other inserts of
/// the same rows fail after `innodb_lock_wait_timeout`. Statements that wait for a table to be changed
/// end after `lock_wait_timeout`, so that they do not take up connections.
const SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
    SESSION autocommit = 1,
    SESSION transaction_isolation = 'READ-COMMITTED',
    SESSION innodb_lock_wait_timeout = 10,
    SESSION lock_wait_timeout = 10,
    SESSION wait_timeout = 60";

/// Opens the store at `mysql://user:password@host:3306/database`.
pub(super) fn open(url: &Url) -> std::result::Result<Arc<dyn Store>, ConfigError> {
    Ok(Arc::new(MySqlStore::open(url, MAX_CONNECTIONS)?))
}

/// Opens the jobs of the same database.
pub(super) fn open_delete_jobs(url: &Url) -> std::result::Result<Arc<dyn DeleteJobs>, ConfigError> {
    Ok(Arc::new(MySqlStore::open(url, MAX_JOB_CONNECTIONS)?))
}

fn connect_options(url: &Url) -> std::result::Result<MySqlConnectOptions, ConfigError> {
    // sqlx parses the values.
    let options = UrlOptions::parse(VARIABLE, url, &["ssl-mode", "ssl-ca"])?;
    let database = url.path().trim_start_matches('/');
    if !url.has_host() || database.is_empty() || database.contains('/') {
        let problem = "must name a database, e.g. mysql://user:password@host:3306/logpulse_db";
        return Err(options.invalid(problem));
    }
    let options =
        MySqlConnectOptions::from_url(url).map_err(|error| options.invalid(error.to_string()))?;
    // `SESSION` sets the whole SQL mode.
    Ok(options.pipes_as_concat(false).no_engine_substitution(false).disable_statement_logging())
}

struct MySqlStore {
    pool: MySqlPool,
    migrated: OnceCell<()>,
    /// The classes that this process knows to exist.
    known: RwLock<Vec<Class>>,
    /// Whether the server has refused to compress a table.
    refuses_compression: AtomicBool,
}

impl MySqlStore {
    fn open(url: &Url, max_connections: u32) -> std::result::Result<Self, ConfigError> {
        let pool = MySqlPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .idle_timeout(IDLE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async { connection.execute(SESSION).await.map(|_| ()) })
            })
            .connect_lazy_with(connect_options(url)?);
        let known = RwLock::new(vec![Class::DEFAULT]);
        let refuses_compression = AtomicBool::new(false);
        Ok(Self { pool, migrated: OnceCell::new(), known, refuses_compression })
    }

    /// Acquires a connection to a database that has the tables.
    async fn connection(&self) -> Result<PooledConnection> {
        self.migrated.get_or_try_init(|| migrating::migrate(self.pool.clone())).await?;
        let connection = self.pool.acquire().await.map_err(classify)?;
        Ok(PooledConnection { connection, is_reusable: false })
    }

    fn known(&self) -> Vec<Class> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, classes: &Classes) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().eq(classes.keys()) {
            *known = classes.keys().cloned().collect();
        }
    }

    /// Whether the class has a table.
    async fn has(&self, class: &Class) -> Result<bool> {
        Ok(self.known().contains(class) || self.read_classes().await?.contains_key(class))
    }

    /// Looks for an entry in the tables of these classes.
    async fn find(&self, id: EntryId, classes: &[Class]) -> Result<Option<LogEntry>> {
        within(READ_TIMEOUT, async {
            for class in classes {
                let mut pooled = self.connection().await?;
                let select = sqlx::query_as(rows::select(rows::COLUMNS, &table(class)))
                    .bind(&id.as_bytes()[..]);
                let row = select.fetch_optional(&mut *pooled.connection).await;
                if let Some(row) = pooled.release(row)? {
                    return rows::entry(row, class).map(Some);
                }
            }
            Ok(None)
        })
        .await
    }

    async fn read_classes(&self) -> Result<Classes> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let classes = classes::read(&mut pooled.connection).await;
            let classes = pooled.release(classes)?;
            self.learn(&classes);
            Ok(classes)
        })
        .await
    }

    /// Compresses the class's table. A server that cannot is asked again after a restart.
    async fn compress(&self, connection: &mut MySqlConnection, class: &Class) -> Result<()> {
        if self.refuses_compression.load(Ordering::Relaxed) {
            return Ok(());
        }
        match compressing::compress(connection, class).await.map_err(classify) {
            Err(error @ Error::Failed { .. }) => {
                self.refuses_compression.store(true, Ordering::Relaxed);
                tracing::warn!(%error, table = table(class), "a table is not compressed");
                Ok(())
            }
            compressed => compressed,
        }
    }
}

#[async_trait]
impl Ready for MySqlStore {
    async fn ready(&self) -> Result<()> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let row = sqlx::query("SELECT 1 FROM log_entries LIMIT 1");
            let row = row.fetch_optional(&mut *pooled.connection).await;
            pooled.release(row).map(drop)
        })
        .await
    }
}

#[async_trait]
impl Store for MySqlStore {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        within(INSERT_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let inserted = inserting::insert(&mut pooled.connection, entries).await;
            let (refused, classes) = pooled.release(inserted)?;
            self.learn(&classes);
            Ok(refused)
        })
        .await
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        let known = self.known();
        if let Some(entry) = self.find(id, &known).await? {
            return Ok(Some(entry));
        }
        // Another replica may have created a class.
        let classes = self.read_classes().await?;
        let new: Vec<Class> = classes.into_keys().filter(|class| !known.contains(class)).collect();
        self.find(id, &new).await
    }

    async fn classes(&self) -> Result<Vec<Class>> {
        Ok(self.read_classes().await?.into_keys().collect())
    }

    async fn scan(&self, class: &Class, range: IdRange, limit: usize) -> Result<ScanPage> {
        if !self.has(class).await? {
            return Ok(ScanPage::default());
        }
        within(SCAN_TIMEOUT, async {
            let mut scan = Scan::new(class.clone(), range, limit);
            loop {
                let mut pooled = self.connection().await?;
                let (after, until, limit) = scan.parameters();
                let select = sqlx::query(rows::scan(rows::COLUMNS, &table(class)));
                let select = select.bind(after).bind(until).bind(limit);
                let mut rows = select.fetch(&mut *pooled.connection);
                let mut has_room = true;
                while has_room && let Some(row) = rows.try_next().await.map_err(classify)? {
                    has_room = scan.take(&row, rows::read).map_err(classify)?;
                }
                drop(rows);
                // If the page is full before the statement ends, the remaining rows are still in
                // transit.
                pooled.is_reusable = has_room;
                if scan.next() != Next::Statement {
                    return Ok(scan.into_page());
                }
            }
        })
        .await
    }

    async fn count(&self, class: &Class, range: IdRange) -> Result<u64> {
        if !self.has(class).await? {
            return Ok(0);
        }
        within(COUNT_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let (after, until) = range.bounds();
            let count = sqlx::query_scalar::<_, i64>(rows::count(&table(class)));
            let count = count.bind(after).bind(until).fetch_one(&mut *pooled.connection).await;
            pooled.release(count).map(i64::unsigned_abs)
        })
        .await
    }

    async fn last(&self, class: &Class, range: IdRange) -> Result<Option<EntryId>> {
        if !self.has(class).await? {
            return Ok(None);
        }
        within(SCAN_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let (after, until) = range.bounds();
            let last = sqlx::query_scalar::<_, Vec<u8>>(rows::last(&table(class)));
            let last = last.bind(after).bind(until).fetch_optional(&mut *pooled.connection).await;
            Ok(pooled.release(last)?.and_then(|id| EntryId::from_bytes(&id)))
        })
        .await
    }

    async fn delete(&self, ids: &[EntryId]) -> Result<u64> {
        self.delete_entries(ids).await
    }

    async fn lookup(&self, ids: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>> {
        self.look_up(ids).await
    }

    async fn deleted(&self, class: &Class, range: IdRange, limit: usize) -> Result<Vec<EntryId>> {
        self.deleted_ids(class, range, limit).await
    }

    async fn deletions(&self) -> Result<u64> {
        self.count_deletions().await
    }

    async fn prepare(&self, today: Day) -> Result<()> {
        for class in self.classes().await? {
            within(PREPARE_TIMEOUT, async {
                let mut pooled = self.connection().await?;
                self.compress(&mut pooled.connection, &class).await?;
                let created = partitions::create(&mut pooled.connection, &class, today).await;
                pooled.release(created)
            })
            .await?;
        }
        Ok(())
    }

    async fn default_keep(&self) -> Result<Keep> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let keep = classes::default_keep(&mut pooled.connection).await;
            pooled.release(keep)
        })
        .await
    }

    async fn days(&self) -> Result<Vec<StoredDay>> {
        let mut days = Vec::new();
        for class in self.classes().await? {
            let of_class = within(SCAN_TIMEOUT, async {
                let mut pooled = self.connection().await?;
                let days = partitions::days(&mut pooled.connection, &class).await;
                pooled.release(days)
            });
            days.extend(of_class.await?);
        }
        Ok(days)
    }

    async fn first_days(&self) -> Result<BTreeMap<Class, Day>> {
        let classes = self.read_classes().await?.into_iter();
        Ok(classes.filter_map(|(class, first)| Some((class, first?))).collect())
    }

    async fn dropped(&self, day: Day) -> Result<Option<Class>> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let dropped = classes::dropped(&mut pooled.connection, day).await;
            pooled.release(dropped)
        })
        .await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        within(DROP_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let dropped = partitions::drop_before(&mut pooled.connection, class, first).await;
            pooled.release(dropped)
        })
        .await
    }
}

/// A connection that returns to the pool once its work is complete. Otherwise it is closed: the
/// pool would wait for a response that may never arrive.
struct PooledConnection {
    connection: PoolConnection<MySql>,
    is_reusable: bool,
}

impl PooledConnection {
    /// Returns the connection to the pool, unless its statements have failed.
    fn release<T>(mut self, result: sqlx::Result<T>) -> Result<T> {
        let value = result.map_err(classify)?;
        self.is_reusable = true;
        Ok(value)
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if !self.is_reusable {
            self.connection.close_on_drop();
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|elapsed| Err(unavailable(elapsed)))
}
