//! Inserts a batch in one transaction, so that it costs one flush to disk.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::{Connection, MySql, MySqlConnection};

use super::MAX_ROWS;
use super::classes::{self, Classes, table};
use super::errors::is_row_error;
use crate::error::{Refusal, Refused};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::{Class, Part};
use crate::store::insert_plan::InsertPlan;
use crate::store::rows;

/// Keeps the row that exists. `deleted` alternates between 1 and 2 in the row of a deleted entry:
/// MySQL counts a row that changes twice, and any other row once, so that the number of affected
/// rows shows whether one of the entries has been deleted.
const KEEP_ROW: &str = "ON DUPLICATE KEY UPDATE deleted = IF(deleted = 0, 0, 3 - deleted)";

/// Inserts the entries. Returns those that are not stored, and the classes that exist.
pub(super) async fn insert(
    connection: &mut MySqlConnection,
    entries: &[LogEntry],
) -> sqlx::Result<(Vec<Refused>, Classes)> {
    let mut transaction = connection.begin().await?;
    let mut existing = classes::read_and_lock(&mut transaction).await?;
    let wanted = entries.iter().map(|entry| &entry.retention);
    let new: BTreeSet<&Class> = wanted.filter(|class| !existing.contains_key(class)).collect();
    if !new.is_empty() {
        for class in new {
            // Creating a table commits the transaction, which has not inserted anything yet.
            classes::create(&mut transaction, class).await?;
        }
        transaction.commit().await?;
        transaction = connection.begin().await?;
        existing = classes::read_and_lock(&mut transaction).await?;
    }
    let mut refused = Vec::new();
    let owners = owners(&mut transaction, entries, &existing).await?;
    for (class, positions) in by_class(entries, &existing, owners, &mut refused) {
        let rows: Vec<&LogEntry> = positions.iter().map(|position| &entries[*position]).collect();
        let not_inserted = insert_rows(&mut transaction, class, &rows).await?;
        let original = |one: Refused| Refused { index: positions[one.index], ..one };
        refused.extend(not_inserted.into_iter().map(original));
    }
    let expired = refused.iter().filter(|one| one.reason == Refusal::Expired);
    for Part { day, class } in
        expired.map(|one| Part::of(&entries[one.index])).collect::<BTreeSet<_>>()
    {
        classes::set_dropped(&mut transaction, &class, day).await?;
    }
    transaction.commit().await?;
    refused.sort_unstable_by_key(|one| one.index);
    Ok((refused, existing))
}

/// The classes that have ids of entries of other classes.
async fn owners<'c>(
    connection: &mut MySqlConnection,
    entries: &[LogEntry],
    existing: &'c Classes,
) -> sqlx::Result<HashMap<EntryId, &'c Class>> {
    let mut owners = HashMap::new();
    if existing.len() < 2 {
        return Ok(owners);
    }
    for class in existing.keys() {
        let others = entries.iter().filter(|entry| entry.retention != *class);
        let ids: Vec<EntryId> = others.map(|entry| entry.id).collect();
        let stored = classes::look_up(connection, class, &ids).await?;
        owners.extend(stored.into_iter().map(|(id, _)| (id, class)));
    }
    Ok(owners)
}

/// The positions of the entries to insert, by class. Refuses the entries of dropped days, and those
/// with an id that another class has or an earlier entry of another class.
fn by_class<'e>(
    entries: &'e [LogEntry],
    existing: &'e Classes,
    mut owners: HashMap<EntryId, &'e Class>,
    refused: &mut Vec<Refused>,
) -> BTreeMap<&'e Class, Vec<usize>> {
    let mut by_class = BTreeMap::<&Class, Vec<usize>>::new();
    for (index, entry) in entries.iter().enumerate() {
        let class = &entry.retention;
        let first_day = existing.get(class).copied().flatten();
        if first_day.is_some_and(|first| Day::of(entry.id) < first) {
            refused.push(Refused { index, reason: Refusal::Expired });
        } else if existing.len() > 1 && *owners.entry(entry.id).or_insert(class) != class {
            refused.push(Refused { index, reason: Refusal::Duplicate });
        } else {
            by_class.entry(class).or_default().push(index);
        }
    }
    by_class
}

/// Inserts the entries of a class. Returns those that are not stored.
async fn insert_rows(
    connection: &mut MySqlConnection,
    class: &Class,
    entries: &[&LogEntry],
) -> sqlx::Result<Vec<Refused>> {
    let table = table(class);
    let mut plan = InsertPlan::new(entries, MAX_ROWS);
    while let Some(rows) = plan.next() {
        let mut insert = rows::insert::<MySql>(&table, rows, KEEP_ROW);
        match insert.build().execute(&mut *connection).await {
            Ok(outcome) => {
                if outcome.rows_affected() > rows.len() as u64 {
                    plan.refuse_deleted(&deleted(connection, class, rows).await?);
                }
                plan.succeeded();
            }
            Err(error) if is_row_error(&error) => plan.failed(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(plan.into_refused())
}

/// The ids of the entries that have been deleted.
async fn deleted(
    connection: &mut MySqlConnection,
    class: &Class,
    entries: &[&LogEntry],
) -> sqlx::Result<HashSet<EntryId>> {
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    let stored = classes::look_up(connection, class, &ids).await?;
    Ok(stored.into_iter().filter(|(_, is_deleted)| *is_deleted).map(|(id, _)| id).collect())
}
