//! Locks that only one process can hold: named locks in MySQL, one of each name per database. MySQL
//! releases a lock when its connection ends.

use std::time::Duration;

use sqlx::{Connection, Executor, MySqlConnection};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::errors::{classify, unavailable};
use super::{CONNECT_TIMEOUT, READ_TIMEOUT, SESSION, connect_options};
use crate::error::Result;

/// The pause between checks that the connection is still open. They also keep it open: MySQL closes
/// a connection that has been idle for a minute.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// After this time, MySQL has closed a connection that failed.
const MAX_IDLE: Duration = Duration::from_secs(70);

/// Acquires the lock without waiting. The name contains a hash, because with the database's own
/// name it could exceed the maximum length of a lock's name.
const ACQUIRE_LOCK: &str = "SELECT GET_LOCK(CONCAT(?, '.', LEFT(SHA2(DATABASE(), 256), 40)), 0)";

/// An acquired lock, which is released when it is dropped.
pub struct Lock {
    lost: CancellationToken,
    task: JoinHandle<()>,
}

impl Lock {
    /// Acquires the lock with this name of the database at this URL. Returns `None` if another
    /// process holds it.
    pub(in crate::store) async fn acquire(
        url: &Url,
        name: &'static str,
    ) -> anyhow::Result<Option<Self>> {
        connect_options(url)?;
        let Some(connection) = acquire(url, name).await? else { return Ok(None) };
        let lost = CancellationToken::new();
        let task = tokio::spawn(hold(url.clone(), name, connection, lost.clone()));
        Ok(Some(Self { lost, task }))
    }

    /// Waits until the lock is lost: the connection was interrupted, and another process has
    /// acquired the lock.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the connection open. If it fails, acquires the lock again over a new one.
async fn hold(
    url: Url,
    name: &'static str,
    mut connection: MySqlConnection,
    lost: CancellationToken,
) {
    loop {
        sleep(CHECK_INTERVAL).await;
        if matches!(timeout(READ_TIMEOUT, connection.ping()).await, Ok(Ok(()))) {
            continue;
        }
        drop(connection);
        match reacquire(&url, name).await {
            Some(acquired) => connection = acquired,
            None => return lost.cancel(),
        }
    }
}

/// Acquires the lock again; returns `None` if another process holds it.
async fn reacquire(url: &Url, name: &str) -> Option<MySqlConnection> {
    let failed = Instant::now();
    loop {
        match acquire(url, name).await {
            Ok(Some(connection)) => return Some(connection),
            Ok(None) if failed.elapsed() > MAX_IDLE => return None,
            // The previous connection holds the lock until MySQL notices that it has ended.
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "failed to reacquire the lock; retrying"),
        }
        sleep(CHECK_INTERVAL).await;
    }
}

async fn acquire(url: &Url, name: &str) -> Result<Option<MySqlConnection>> {
    let connect = async {
        let options = connect_options(url).map_err(unavailable)?;
        let mut connection = MySqlConnection::connect_with(&options).await.map_err(classify)?;
        connection.execute(SESSION).await.map_err(classify)?;
        let acquire = sqlx::query_scalar::<_, Option<i64>>(ACQUIRE_LOCK).bind(name);
        let is_acquired = acquire.fetch_one(&mut connection).await.map_err(classify)?;
        Ok((is_acquired == Some(1)).then_some(connection))
    };
    timeout(CONNECT_TIMEOUT + READ_TIMEOUT, connect).await.map_err(unavailable)?
}
