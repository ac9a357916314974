//! The classes of which MySQL has entries. Each has a table of its own.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, Executor, MySql, MySqlConnection};

use crate::log_entry::{Day, EntryId};
use crate::retention::{Class, Keep};
use crate::store::rows;

/// The number of ids that are looked up at a time.
const MAX_IDS: usize = 1000;

/// The classes that exist, each with the first day that is kept if days have been dropped.
pub(super) type Classes = BTreeMap<Class, Option<Day>>;

/// The table of a class.
pub(super) fn table(class: &Class) -> String {
    match class.storage_name() {
        name if name.is_empty() => "log_entries".to_owned(),
        name => format!("log_entries_{name}"),
    }
}

/// Reads the classes.
pub(super) async fn read(connection: &mut MySqlConnection) -> sqlx::Result<Classes> {
    select(connection, "SELECT rule, CAST(first_day AS CHAR) FROM retention_classes").await
}

/// Reads the classes in a transaction that inserts entries. Until it ends, no further days are
/// dropped.
pub(super) async fn read_and_lock(connection: &mut MySqlConnection) -> sqlx::Result<Classes> {
    let sql = "SELECT rule, CAST(first_day AS CHAR) FROM retention_classes FOR SHARE";
    select(connection, sql).await
}

async fn select(connection: &mut MySqlConnection, sql: &'static str) -> sqlx::Result<Classes> {
    let rows: Vec<(Option<String>, Option<String>)> =
        sqlx::query_as(sql).fetch_all(connection).await?;
    let classes = rows.into_iter().filter_map(|(rule, first_day)| {
        Some((class(rule)?, first_day.and_then(|day| day.parse().ok())))
    });
    Ok(classes.collect())
}

/// Reads how long entries are kept without the setting.
pub(super) async fn default_keep(connection: &mut MySqlConnection) -> sqlx::Result<Keep> {
    let sql = "SELECT default_days FROM retention_classes WHERE name = ''";
    let days: Option<u32> = sqlx::query_scalar(sql).fetch_one(connection).await?;
    Ok(days.map_or(Keep::Forever, Keep::Days))
}

/// Returns a class of which entries of the day have been dropped.
pub(super) async fn dropped(
    connection: &mut MySqlConnection,
    day: Day,
) -> sqlx::Result<Option<Class>> {
    let rule: Option<Option<String>> = sqlx::query_scalar(
        "SELECT rule FROM retention_dropped_days JOIN retention_classes USING (name) WHERE day = ?
         ORDER BY name LIMIT 1",
    )
    .bind(day.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(rule.and_then(class))
}

/// Records that the entries of the day are dropped.
pub(super) async fn set_dropped(
    connection: &mut MySqlConnection,
    class: &Class,
    day: Day,
) -> sqlx::Result<()> {
    sqlx::query("INSERT IGNORE INTO retention_dropped_days (day, name) VALUES (?, ?)")
        .bind(day.to_string())
        .bind(class.storage_name())
        .execute(connection)
        .await?;
    Ok(())
}

fn class(rule: Option<String>) -> Option<Class> {
    rule.map_or(Some(Class::DEFAULT), |rule| Class::new(&rule))
}

/// Creates the class and its table, unless they exist. Commits the current transaction.
pub(super) async fn create(connection: &mut MySqlConnection, class: &Class) -> sqlx::Result<()> {
    if class.is_default() {
        return Ok(());
    }
    let create = format!("CREATE TABLE IF NOT EXISTS {} LIKE log_entries", table(class));
    connection.execute(AssertSqlSafe(create)).await?;
    sqlx::query("INSERT IGNORE INTO retention_classes (name, rule) VALUES (?, ?)")
        .bind(class.storage_name())
        .bind(class.condition())
        .execute(connection)
        .await?;
    Ok(())
}

/// A table of a class that lacks the column `deleted`; that of the default comes first. Other tables
/// and views may have similar names.
pub(super) async fn table_without_deleted(
    connection: &mut MySqlConnection,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT CAST(t.table_name AS CHAR)
         FROM retention_classes AS class JOIN information_schema.tables AS t
           ON t.table_name = IF(class.name = '', 'log_entries', CONCAT('log_entries_', class.name))
         WHERE t.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'
           AND NOT EXISTS (
               SELECT 1 FROM information_schema.columns AS c
               WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
                 AND c.column_name = 'deleted'
           )
         ORDER BY class.name LIMIT 1",
    )
    .fetch_optional(connection)
    .await
}

/// Records that the days of the class before `first` are dropped, and so their entries deleted. Waits
/// for transactions that have [locked](read_and_lock) the classes.
pub(super) async fn set_first_day(
    connection: &mut MySqlConnection,
    class: &Class,
    first: Day,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::query(
        "UPDATE retention_classes SET first_day = GREATEST(COALESCE(first_day, ?), ?) WHERE name = ?",
    )
    .bind(first.to_string())
    .bind(first.to_string())
    .bind(class.storage_name())
    .execute(&mut *transaction)
    .await?;
    count_deletion(&mut transaction).await?;
    transaction.commit().await
}

/// Increases the number that shows whether entries have been deleted.
pub(super) async fn count_deletion(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    sqlx::query("UPDATE deletions SET count = count + 1").execute(connection).await?;
    Ok(())
}

/// Returns those of the ids that the class has, and whether their entries have been deleted.
pub(super) async fn look_up(
    connection: &mut MySqlConnection,
    class: &Class,
    ids: &[EntryId],
) -> sqlx::Result<Vec<(EntryId, bool)>> {
    let mut stored = Vec::new();
    for ids in ids.chunks(MAX_IDS) {
        let mut select = rows::lookup::<MySql>(&table(class), ids);
        // Requests look up one id each. Its statement is kept, because closing it delays the next one
        // on the connection.
        let is_kept = ids.len() == 1;
        let select = select.build_query_as::<rows::Found>().persistent(is_kept);
        let found = select.fetch_all(&mut *connection).await?;
        stored.extend(found.iter().filter_map(rows::found));
    }
    Ok(stored)
}
