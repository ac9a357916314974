//! Converts entries to and from rows, in the same way for every SQL database. Names of tables come
//! from the adapters, never from requests.

use std::borrow::Borrow;

use sqlx::{AssertSqlSafe, Database, Encode, FromRow, QueryBuilder, Type};

use super::SERVICE;
use crate::error::{Error, Result, Source};
use crate::log_entry::{Attributes, EntryId, Level, LogEntry, ServiceName, Timestamp, TraceId};
use crate::retention::Class;

/// Selects the entry with an id.
pub(super) fn select(columns: &str, table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT {columns} FROM {table} WHERE id = ? AND NOT deleted"))
}

/// Selects entries in the order of their ids, greater than one and at most another.
pub(super) fn scan(columns: &str, table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT {columns} FROM {table} WHERE {IN_RANGE} AND NOT deleted ORDER BY id LIMIT ?"
    ))
}

/// Counts entries.
pub(super) fn count(table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT COUNT(*) FROM {table} WHERE {IN_RANGE} AND NOT deleted"))
}

/// Selects the ids of deleted entries in order.
pub(super) fn deleted(table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT id FROM {table} WHERE {IN_RANGE} AND {IS_ENTRY_ID} AND deleted ORDER BY id LIMIT ?"
    ))
}

/// Selects the greatest id of an entry that is a `UUIDv7`.
pub(super) fn last(table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT id FROM {table} WHERE {IN_RANGE} AND {IS_ENTRY_ID} AND NOT deleted
         ORDER BY id DESC LIMIT 1"
    ))
}

/// Selects the greatest id of a row that is a `UUIDv7`. The entry may have been deleted.
#[cfg(feature = "sqlite")]
pub(super) fn last_row(table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT id FROM {table} WHERE {IN_RANGE} AND {IS_ENTRY_ID} ORDER BY id DESC LIMIT 1"
    ))
}

/// Selects the smallest id of a row that is a `UUIDv7`. The entry may have been deleted.
#[cfg(feature = "sqlite")]
pub(super) fn first_row(table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT id FROM {table} WHERE {IN_RANGE} AND {IS_ENTRY_ID} ORDER BY id LIMIT 1"
    ))
}

/// The columns of an entry.
pub(super) const COLUMNS: &str =
    "id, timestamp, level, service_name, message, attributes, trace_id, span_id";

/// What remains of the row of a deleted entry: its id, which is not inserted again.
pub(super) const EMPTY: &str = "timestamp = 0, level = '', service_name = '', message = '',
     attributes = NULL, trace_id = NULL, span_id = NULL, deleted = TRUE";

const IN_RANGE: &str = "id > ? AND id <= ?";

const IS_ENTRY_ID: &str = "length(id) = 16 AND substr(hex(id), 13, 1) = '7'
     AND substr(hex(id), 17, 1) IN ('8', '9', 'A', 'B')";

/// An id as it is stored.
pub(super) type Id = Vec<u8>;

/// The [`COLUMNS`] of an entry.
pub(super) type Row =
    (Id, i64, String, String, String, Option<String>, Option<String>, Option<String>);

/// Builds the statement that inserts the rows. `on_conflict` is the database's clause that keeps
/// the existing row.
pub(super) fn insert<'e, DB: Database>(
    table: &str,
    rows: &'e [impl Borrow<LogEntry>],
    on_conflict: &str,
) -> QueryBuilder<DB>
where
    &'e [u8]: Encode<'e, DB> + Type<DB>,
    &'e str: Encode<'e, DB> + Type<DB>,
    Option<&'e str>: Encode<'e, DB> + Type<DB>,
    i64: Encode<'e, DB> + Type<DB>,
{
    let mut insert = QueryBuilder::new(format!("INSERT INTO {table} ({COLUMNS}) "));
    insert.push_values(rows, |mut row, entry| {
        let entry: &LogEntry = entry.borrow();
        row.push_bind(&entry.id.as_bytes()[..])
            .push_bind(entry.timestamp.as_micros())
            .push_bind(entry.level.as_str())
            .push_bind(entry.service_name.as_str())
            .push_bind(entry.message.as_str())
            .push_bind(entry.attributes.as_ref().map(Attributes::as_str))
            .push_bind(entry.trace_id.as_ref().map(TraceId::as_str))
            .push_bind(entry.span_id.as_ref().map(TraceId::as_str));
    });
    insert.push(' ').push(on_conflict);
    insert
}

/// Builds the statement that empties the rows with these ids, except those that are empty.
pub(super) fn delete<DB: Database>(table: &str, ids: &[EntryId]) -> QueryBuilder<DB>
where
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
{
    with_ids(&format!("UPDATE {table} SET {EMPTY} WHERE NOT deleted AND"), ids)
}

/// Builds the statement that selects [`Found`] rows by their ids.
pub(super) fn lookup<DB: Database>(table: &str, ids: &[EntryId]) -> QueryBuilder<DB>
where
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
{
    with_ids(&format!("SELECT id, deleted <> 0 FROM {table} WHERE"), ids)
}

/// Builds a statement with the condition that a row has one of these ids.
pub(super) fn with_ids<DB: Database>(sql: &str, ids: &[EntryId]) -> QueryBuilder<DB>
where
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
{
    let mut query = QueryBuilder::new(sql);
    query.push(" id IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.as_bytes().to_vec());
    }
    query.push(")");
    query
}

/// The id of a row, and whether its entry has been deleted.
pub(super) type Found = (Vec<u8>, i64);

/// The id of a row, and whether its entry has been deleted; `None` if the id is not that of an
/// entry.
pub(super) fn found((id, deleted): &Found) -> Option<(EntryId, bool)> {
    EntryId::from_bytes(id).map(|id| (id, *deleted != 0))
}

/// Reads the entry in a row with [`COLUMNS`].
///
/// # Errors
/// [`Error::Rejected`] when the row is not a valid entry.
pub(super) fn read<'r, R: sqlx::Row>(row: &'r R, class: &Class) -> Result<LogEntry>
where
    Row: FromRow<'r, R>,
{
    let row = Row::from_row(row).map_err(|error| Error::rejected(SERVICE, error))?;
    entry(row, class)
}

/// Converts a row of a class back into its entry.
///
/// # Errors
/// [`Error::Rejected`] when the row is no longer a valid entry.
pub(super) fn entry(row: Row, class: &Class) -> Result<LogEntry> {
    parse(row, class).map_err(|error| Error::rejected(SERVICE, error))
}

fn parse(row: Row, class: &Class) -> std::result::Result<LogEntry, Source> {
    let (id, timestamp, level, service_name, message, attributes, trace_id, span_id) = row;
    Ok(LogEntry {
        id: EntryId::from_bytes(&id).ok_or("the id is not a UUIDv7")?,
        timestamp: Timestamp::from_micros(timestamp).ok_or("the timestamp is out of range")?,
        level: Level::parse(&level),
        service_name: ServiceName::try_from(service_name)?,
        message,
        attributes: attributes.map(Attributes::parse).transpose()?,
        trace_id: trace_id.map(TraceId::try_from).transpose()?,
        span_id: span_id.map(TraceId::try_from).transpose()?,
        retention: class.clone(),
    })
}
