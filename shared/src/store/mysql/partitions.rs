//! The partitions of a class's table. Each has the entries of a day, so that dropping one drops the
//! day. A day without entries may have no partition. The last, `p_max`, is for later days, and should
//! be empty.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Executor, MySqlConnection};

use super::classes::{self, table};
use crate::log_entry::{Day, EntryId};
use crate::retention::Class;
use crate::store::StoredDay;

/// The number of days before today that new tables have partitions for: the age that a client's id
/// may have.
const DAYS_BEFORE: u32 = 8;

/// The number of days after today that have partitions.
const DAYS_AHEAD: u32 = 3;

/// The partition for the days after all others.
const LAST: &str = "p_max";

/// The maximum number of partitions that are created in one step.
const MAX_PARTS: usize = 24;

/// The partition of a day, and its size.
struct Partition {
    /// `None` for `p_max`.
    day: Option<Day>,
    rows: u64,
    bytes: u64,
}

/// The name of a day's partition, e.g. `p20261123`.
fn name(day: Day) -> String {
    format!("p{}", day.to_string().replace('-', ""))
}

/// The day whose partition has this name.
fn day(name: &str) -> Option<Day> {
    let digits = name.strip_prefix('p').filter(|digits| digits.len() == 8)?;
    let (year, rest) = digits.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    format!("{year}-{month}-{day}").parse().ok()
}

/// Lists the partitions in the order of days.
async fn list(connection: &mut MySqlConnection, class: &Class) -> sqlx::Result<Vec<Partition>> {
    // By default, MySQL caches these statistics for a day.
    connection.execute("SET SESSION information_schema_stats_expiry = 0").await?;
    let rows: Vec<(String, u64, u64)> = sqlx::query_as(
        "SELECT partition_name, table_rows, data_length + index_length
         FROM information_schema.partitions
         WHERE table_schema = DATABASE() AND table_name = ? AND partition_name IS NOT NULL
         ORDER BY partition_ordinal_position",
    )
    .bind(table(class))
    .fetch_all(connection)
    .await?;
    let partition =
        |(name, rows, bytes): (String, _, _)| Partition { day: day(&name), rows, bytes };
    Ok(rows.into_iter().map(partition).collect())
}

/// Returns the size of each day that has entries. MySQL estimates it, and sometimes late.
pub(super) async fn days(
    connection: &mut MySqlConnection,
    class: &Class,
) -> sqlx::Result<Vec<StoredDay>> {
    let mut days = Vec::new();
    for Partition { day, rows, bytes } in list(connection, class).await? {
        let Some(day) = day else { continue };
        if rows > 0 || has_rows(connection, class, day).await? {
            days.push(StoredDay { class: class.clone(), day, entries: rows.max(1), bytes });
        }
    }
    Ok(days)
}

async fn has_rows(connection: &mut MySqlConnection, class: &Class, day: Day) -> sqlx::Result<bool> {
    let row = format!("SELECT 1 FROM {} PARTITION ({}) LIMIT 1", table(class), name(day));
    let row: Option<i64> =
        sqlx::query_scalar(AssertSqlSafe(row)).fetch_optional(connection).await?;
    Ok(row.is_some())
}

/// Creates the partitions of the days up to some days after `today`, and divides partitions that have
/// rows of several days: a table of an earlier release has all rows in `p_max`.
///
/// MySQL copies the rows of a partition that it divides, about a million in 15 seconds. In the
/// meantime the table can be read but not written, and while it creates the new partitions, about 40
/// a second, it cannot be read either. Many days are therefore divided in several steps.
pub(super) async fn create(
    connection: &mut MySqlConnection,
    class: &Class,
    today: Day,
) -> sqlx::Result<()> {
    let partitions = list(connection, class).await?;
    let first = match partitions.iter().rev().find_map(|partition| partition.day) {
        Some(latest) => latest.next(),
        None => today.minus(DAYS_BEFORE),
    };
    let mut days = days_of(connection, class, LAST).await?;
    days.extend(first.to(today.plus(DAYS_AHEAD)));
    if !days.is_empty() {
        divide(connection, class, LAST, &days).await?;
    }
    let mut has_divided = first <= today;
    while divide_days(connection, class).await? {
        has_divided = true;
    }
    if has_divided {
        // Otherwise, the row counts of new partitions stay wrong until something is written to them.
        connection.execute(AssertSqlSafe(format!("ANALYZE TABLE {}", table(class)))).await?;
    }
    Ok(())
}

/// Divides the partitions that have rows of several days. Returns whether there were any.
async fn divide_days(connection: &mut MySqlConnection, class: &Class) -> sqlx::Result<bool> {
    let mut previous = None;
    let mut has_divided = false;
    for day in list(connection, class).await?.into_iter().filter_map(|partition| partition.day) {
        if previous.replace(day).map(Day::next) == Some(day) {
            continue;
        }
        let mut days = days_of(connection, class, &name(day)).await?;
        days.insert(day);
        if days.len() > 1 {
            divide(connection, class, &name(day), &days).await?;
            has_divided = true;
        }
    }
    Ok(has_divided)
}

/// Divides a partition into those of these days, or of groups of consecutive ones if there are many.
/// Each is named after its last day. `p_max` stays the last one.
async fn divide(
    connection: &mut MySqlConnection,
    class: &Class,
    partition: &str,
    days: &BTreeSet<Day>,
) -> sqlx::Result<()> {
    let group = days.len().div_ceil(MAX_PARTS);
    let ends = days.iter().rev().step_by(group).collect::<Vec<_>>().into_iter().rev();
    let mut parts: Vec<String> = ends
        .map(|day| {
            let end = u128::from_be_bytes(day.end_of_ids());
            format!("PARTITION {} VALUES LESS THAN (0x{end:032x})", name(*day))
        })
        .collect();
    if partition == LAST {
        parts.push(format!("PARTITION {LAST} VALUES LESS THAN (MAXVALUE)"));
    }
    let parts = parts.join(", ");
    let divide =
        format!("ALTER TABLE {} REORGANIZE PARTITION {partition} INTO ({parts})", table(class));
    connection.execute(AssertSqlSafe(divide)).await?;
    Ok(())
}

/// The days of which the partition has rows.
async fn days_of(
    connection: &mut MySqlConnection,
    class: &Class,
    partition: &str,
) -> sqlx::Result<BTreeSet<Day>> {
    let next = format!(
        "SELECT id FROM {} PARTITION ({partition}) WHERE id >= ? ORDER BY id LIMIT 1",
        table(class)
    );
    let mut days = BTreeSet::new();
    let mut from = vec![0; 16];
    loop {
        let next = sqlx::query_scalar::<_, Vec<u8>>(AssertSqlSafe(next.clone())).bind(from);
        let next = next.fetch_optional(&mut *connection).await?;
        let time = next.and_then(|id| id.first_chunk().copied()).map(u64::from_be_bytes);
        let Some(day) = time.map(|time| Day::at(EntryId::time_in(time))) else { return Ok(days) };
        if !days.insert(day) {
            return Ok(days);
        }
        from = day.end_of_ids().to_vec();
    }
}

/// Drops the partitions of the days before `first`. From now on, entries of these days are not
/// inserted: otherwise, they would go to the partition of a later day.
pub(super) async fn drop_before(
    connection: &mut MySqlConnection,
    class: &Class,
    first: Day,
) -> sqlx::Result<()> {
    classes::create(connection, class).await?;
    create(connection, class, first).await?;
    for StoredDay { day, .. } in days(connection, class).await? {
        if day < first {
            classes::set_dropped(connection, class, day).await?;
        }
    }
    classes::set_first_day(connection, class, first).await?;
    let days = list(connection, class).await?.into_iter().filter_map(|partition| partition.day);
    let names: Vec<String> = days.filter(|day| *day < first).map(name).collect();
    if !names.is_empty() {
        let drop = format!("ALTER TABLE {} DROP PARTITION {}", table(class), names.join(", "));
        connection.execute(AssertSqlSafe(drop)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_after_its_day() {
        let friday: Day = "2026-11-27".parse().unwrap();
        assert_eq!(name(friday), "p20261127");
        assert_eq!(day("p20261127"), Some(friday));
        for other in ["p_max", "p2026112", "p202611271", "x20261127", "p20261327", "pä261127"] {
            assert_eq!(day(other), None, "{other}");
        }
    }
}
