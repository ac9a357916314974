//! Converts jobs to and from rows, in the same way for every SQL database.

use sqlx::{AssertSqlSafe, Database, Encode, QueryBuilder, Type};

use super::{DeleteJob, SERVICE};
use crate::error::{Error, Result, Source};
use crate::log_entry::{EntryId, Timestamp};

/// How long finished jobs are kept.
const KEPT_MICROS: i64 = 30 * Timestamp::MICROS_PER_DAY;

/// Selects the job with an id.
pub(super) fn select() -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT {COLUMNS} FROM delete_jobs WHERE id = ?"))
}

/// Selects the jobs that are not finished or finished after a time.
pub(super) fn select_active() -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM delete_jobs WHERE finished IS NULL OR finished > ? ORDER BY id"
    ))
}

/// The columns of a job.
const COLUMNS: &str =
    "id, created, client, filters, matched, deleted, pending, finished, error, version";

/// The columns that [`select`] and [`select_active`] return.
pub(super) type Row =
    (Vec<u8>, i64, String, String, i64, i64, String, Option<i64>, Option<String>, i64);

/// Builds the statement that removes the jobs that finished long before this one was created.
pub(super) fn prune<DB: Database>(job: &DeleteJob) -> QueryBuilder<DB>
where
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let mut delete = QueryBuilder::new("DELETE FROM delete_jobs WHERE finished < ");
    delete.push_bind(job.created.as_micros() - KEPT_MICROS);
    delete
}

/// Builds the statement that inserts a job, unless there are `max` unfinished ones. `on_conflict` is
/// the database's clause that keeps the job that exists.
pub(super) fn insert<DB: Database>(
    job: &DeleteJob,
    max: usize,
    on_conflict: &str,
) -> QueryBuilder<DB>
where
    i64: for<'q> Encode<'q, DB> + Type<DB>,
    Option<i64>: for<'q> Encode<'q, DB> + Type<DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    Option<String>: for<'q> Encode<'q, DB> + Type<DB>,
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
{
    let mut insert = QueryBuilder::new(format!("INSERT INTO delete_jobs ({COLUMNS}) SELECT "));
    let mut values = insert.separated(", ");
    values
        .push_bind(job.id.as_bytes().to_vec())
        .push_bind(job.created.as_micros())
        .push_bind(job.client.clone())
        .push_bind(job.filters.clone())
        .push_bind(job.matched.cast_signed())
        .push_bind(job.deleted.cast_signed())
        .push_bind(ids_as_json(&job.pending))
        .push_bind(job.finished.map(Timestamp::as_micros))
        .push_bind(job.error.clone())
        .push_bind(job.version.cast_signed());
    insert.push(" WHERE (SELECT COUNT(*) FROM delete_jobs WHERE finished IS NULL) < ");
    insert.push_bind(i64::try_from(max).unwrap_or(i64::MAX)).push(' ').push(on_conflict);
    insert
}

/// Builds the statement that saves the progress of a job, unless it has another version.
pub(super) fn update<DB: Database>(job: &DeleteJob) -> QueryBuilder<DB>
where
    i64: for<'q> Encode<'q, DB> + Type<DB>,
    Option<i64>: for<'q> Encode<'q, DB> + Type<DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    Option<String>: for<'q> Encode<'q, DB> + Type<DB>,
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
{
    let mut update = QueryBuilder::new("UPDATE delete_jobs SET deleted = ");
    update.push_bind(job.deleted.cast_signed());
    update.push(", pending = ").push_bind(ids_as_json(&job.pending));
    update.push(", finished = ").push_bind(job.finished.map(Timestamp::as_micros));
    update.push(", error = ").push_bind(job.error.clone());
    update.push(", version = version + 1 WHERE id = ").push_bind(job.id.as_bytes().to_vec());
    update.push(" AND version = ").push_bind(job.version.cast_signed());
    update
}

fn ids_as_json(ids: &[EntryId]) -> String {
    // Serializing ids cannot fail.
    serde_json::to_string(ids).unwrap_or_default()
}

/// Converts a row back into its job.
///
/// # Errors
/// [`Error::Rejected`] when the row is no longer a valid job.
pub(super) fn job(row: Row) -> Result<DeleteJob> {
    parse(row).map_err(|error| Error::rejected(SERVICE, error))
}

fn parse(row: Row) -> std::result::Result<DeleteJob, Source> {
    let (id, created, client, filters, matched, deleted, pending, finished, error, version) = row;
    let timestamp = |micros| Timestamp::from_micros(micros).ok_or("the time is out of range");
    Ok(DeleteJob {
        id: EntryId::from_bytes(&id).ok_or("the id is not a UUIDv7")?,
        created: timestamp(created)?,
        client,
        filters,
        matched: u64::try_from(matched)?,
        deleted: u64::try_from(deleted)?,
        pending: serde_json::from_str(&pending)?,
        finished: finished.map(timestamp).transpose()?,
        error,
        version: u64::try_from(version)?,
    })
}
