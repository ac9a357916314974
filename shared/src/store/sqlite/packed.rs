//! The packed entries of the file of a day: SQL, and conversions of rows.

use std::borrow::Borrow;

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, QueryBuilder, Row as _, Sqlite};

use super::content::Codec;
use super::dictionaries::Dictionaries;
use crate::error::{Error, Result, Source};
use crate::log_entry::{EntryId, LogEntry};
use crate::retention::Class;
use crate::store::{SERVICE, rows};

/// Creates the tables, unless they exist.
pub(super) const SCHEMA: &str = include_str!("../../../migrations/sqlite/day/packed_entries.sql");

/// The entries that have been packed and those that have not, as a table of [`rows`] with
/// [`COLUMNS`]. The casts give both halves the same types. Without them, SQLite would not push an
/// `ORDER BY` down to the tables, and a page of a scan would read and sort all later rows.
pub(super) const SOURCE: &str = "(
    SELECT id, timestamp, level, service_name, message, attributes, trace_id, span_id, deleted,
        CAST(NULL AS INTEGER) AS dictionary, CAST(NULL AS BLOB) AS content
    FROM log_entries
    UNION ALL
    SELECT id, CAST(NULL AS INTEGER), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT),
        CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT),
        CAST(content IS NULL AS INTEGER), dictionary, content
    FROM packed_entries
)";

/// The columns of an entry that may be packed.
pub(super) const COLUMNS: &str = "id, timestamp, level, service_name, message, attributes, \
                                  trace_id, span_id, dictionary, content";

/// Builds the statement that inserts the entries, except for those that the file has.
pub(super) fn insert<E: Borrow<LogEntry>>(
    entries: &[E],
    codec: &Codec,
) -> sqlx::Result<QueryBuilder<Sqlite>> {
    let mut packed = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry: &LogEntry = entry.borrow();
        let content = codec.pack(entry).map_err(|error| sqlx::Error::Encode(error.into()))?;
        packed.push((entry.id.as_bytes().to_vec(), content));
    }
    let mut insert =
        QueryBuilder::new("INSERT INTO packed_entries (id, dictionary, content) SELECT * FROM (");
    insert.push_values(packed, |mut row, (id, content)| {
        row.push_bind(id).push_bind(codec.dictionary).push_bind(content);
    });
    insert.push(
        ") WHERE NOT EXISTS (SELECT 1 FROM log_entries WHERE log_entries.id = column1)
         ON CONFLICT (id) DO NOTHING",
    );
    Ok(insert)
}

/// Builds the statement that removes the contents of entries with these ids.
pub(super) fn delete(ids: &[EntryId]) -> QueryBuilder<Sqlite> {
    let update = "UPDATE packed_entries SET dictionary = NULL, content = NULL
                  WHERE content IS NOT NULL AND";
    rows::with_ids(update, ids)
}

/// Reads the entry in a row with [`COLUMNS`].
///
/// # Errors
/// [`Error::Rejected`] when the row is not a valid entry.
pub(super) fn read(
    row: &SqliteRow,
    dictionaries: &Dictionaries,
    class: &Class,
) -> Result<LogEntry> {
    match unpack(row, dictionaries) {
        Ok(Some(row)) => rows::entry(row, class),
        Ok(None) => rows::read(row, class),
        Err(error) => Err(Error::rejected(SERVICE, error)),
    }
}

/// The row of a packed entry; `None` if the entry has not been packed.
fn unpack(
    row: &SqliteRow,
    dictionaries: &Dictionaries,
) -> std::result::Result<Option<rows::Row>, Source> {
    let Some(content) = row.try_get::<Option<&[u8]>, _>("content")? else { return Ok(None) };
    let (id,): (Vec<u8>,) = FromRow::from_row(row)?;
    let number: i64 = row.try_get("dictionary")?;
    let codec = dictionaries.get(number);
    let codec = codec.ok_or_else(|| format!("the file has no dictionary {number}"))?;
    Ok(Some(codec.unpack(id, content)?))
}
