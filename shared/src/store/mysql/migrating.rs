//! Creates and migrates the tables.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, MySqlPool};
use tokio::time::timeout;

use super::classes;
use super::errors::{error_number, unavailable};
use crate::error::Result;

/// Limits the migrations, including the wait for another replica that runs them.
const MIGRATE_TIMEOUT: Duration = Duration::from_mins(1);

/// The number of the error for a column that exists.
const DUPLICATE_COLUMN: u16 = 1060;

/// Creates the table, or waits until another replica has created it. It runs in a task, so that a
/// caller that times out does not interrupt it.
pub(super) async fn migrate(pool: MySqlPool) -> Result<()> {
    let migrations = tokio::spawn(timeout(MIGRATE_TIMEOUT, run_migrations(pool)));
    let migrated = migrations.await.map_err(unavailable)?.map_err(unavailable)?;
    migrated.map_err(unavailable)
}

/// Runs the migrations under sqlx's named lock, one for each database. (`Migrator::run` does not
/// compile in a task; it would also call `run_direct`.)
async fn run_migrations(pool: MySqlPool) -> std::result::Result<(), MigrateError> {
    let migrator = migrator();
    // Detach the connection from the pool, so that it is always closed and its locks are released.
    let mut connection = pool.acquire().await?.detach();
    let mut migrated = migrator.run_direct(None, &mut connection, false).await;
    if let Err(MigrateError::Dirty(_)) = migrated {
        // The replica that ran it was interrupted. This one holds the lock now, and every migration
        // is repeatable.
        connection.execute("DELETE FROM _sqlx_migrations WHERE success = FALSE").await?;
        migrated = migrator.run_direct(None, &mut connection, false).await;
    }
    if migrated.is_ok() {
        add_deleted(&mut connection).await?;
    }
    connection.close().await?;
    migrated
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("migrations/mysql");
    // During a rolling upgrade, replicas of the previous version may restart.
    migrator.set_ignore_missing(true);
    migrator
}

/// Adds the column `deleted` to the tables of classes that lack it. MySQL does not copy their rows.
/// The default's table is the first, so that a table that is created like it has the column too.
async fn add_deleted(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    while let Some(table) = classes::table_without_deleted(connection).await? {
        let add = format!(
            "ALTER TABLE `{table}` ADD COLUMN deleted TINYINT NOT NULL DEFAULT 0
             COMMENT 'not 0: only the id is left', ALGORITHM = INSTANT"
        );
        if let Err(error) = connection.execute(AssertSqlSafe(add)).await {
            // Another replica may have added it.
            if error_number(&error) != Some(DUPLICATE_COLUMN) {
                return Err(error);
            }
        }
    }
    Ok(())
}
