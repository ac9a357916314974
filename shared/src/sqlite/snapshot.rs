//! Copies SQLite files that another process may be writing to.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

/// What a file records about its migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migrated {
    /// The last migration.
    pub(crate) version: i64,
    /// When the first one ran, which is when the file was created.
    pub(crate) created: String,
}

/// Copies the file at `source` to a new file at `target`, which is not synced.
///
/// The copy has every transaction that was committed when this began. It is a read, so other
/// connections can write in the meantime; their write-ahead log grows until it ends. SQLite copies
/// page by page, within the memory of its page cache.
pub(crate) async fn copy(source: &Path, target: &Path) -> sqlx::Result<()> {
    let mut connection = connect(source).await?;
    let target = target.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO ?").bind(target).execute(&mut connection).await?;
    connection.close().await
}

/// Reads which migrations the file has.
pub(crate) async fn migrated(path: &Path) -> sqlx::Result<Migrated> {
    let mut connection = connect(path).await?;
    let select = "SELECT MAX(version), CAST(MIN(installed_on) AS TEXT) FROM _sqlx_migrations";
    let (version, created) = sqlx::query_as(select).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(Migrated { version, created })
}

/// The last of the migrations.
pub(crate) fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Opens an existing file to read it, and sets nothing in it.
///
/// The connection may write, only so that SQLite can remove the write-ahead log that it creates for
/// a file that no other connection uses.
pub(crate) async fn connect(path: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new().filename(path).disable_statement_logging().connect().await
}
