//! Compresses the tables of entries. MySQL still shows each row as it was inserted.

use sqlx::{AssertSqlSafe, Executor, MySqlConnection};

use super::classes::table;
use crate::retention::Class;

/// Pages of 16 KiB are stored in 8 KiB. In 4 KiB, they would take a little less space, and inserts
/// much more time.
const COMPRESSED: &str = "ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8";

/// Compresses the class's table, unless it is compressed. MySQL copies all rows of a table that an
/// earlier release has written; in the meantime it can be read but not written.
pub(super) async fn compress(connection: &mut MySqlConnection, class: &Class) -> sqlx::Result<()> {
    // The row format of a table with partitions is not in a column of its own.
    let is_compressed: Option<bool> = sqlx::query_scalar(
        "SELECT create_options LIKE '%row_format=COMPRESSED%' FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name = ?",
    )
    .bind(table(class))
    .fetch_optional(&mut *connection)
    .await?;
    if is_compressed == Some(true) {
        return Ok(());
    }
    let compress =
        format!("ALTER TABLE {} {COMPRESSED}, ALGORITHM = INPLACE, LOCK = SHARED", table(class));
    connection.execute(AssertSqlSafe(compress)).await?;
    Ok(())
}
