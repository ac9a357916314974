//! Entries as rows of a table, the same in every SQL database.
//! A batch goes in by statements of few sizes, so that a connection prepares each size once.

use sqlx::{Database, Encode, QueryBuilder, Type};

use crate::error::{Error, Refused, Result, Source};
use crate::log_entry::{Attributes, EntryId, Level, LogEntry, ServiceName, Timestamp, TraceId};

/// The row with an id.
pub(super) const SELECT: &str = "SELECT
     id, timestamp, level, service_name, message, attributes, trace_id, span_id
     FROM log_entries WHERE id = ?";

/// The columns of [`SELECT`].
pub(super) type Row =
    (Vec<u8>, i64, String, String, String, Option<String>, Option<String>, Option<String>);

/// What the texts of a statement's rows may take: well below MySQL's `max_allowed_packet`
/// (64 MiB).
const MAX_STATEMENT_BYTES: usize = 8 * 1024 * 1024;

/// The statement that inserts the rows; `unless_there` ends it.
pub(super) fn insert<'e, DB: Database>(rows: &'e [LogEntry], unless_there: &str) -> QueryBuilder<DB>
where
    &'e [u8]: Encode<'e, DB> + Type<DB>,
    &'e str: Encode<'e, DB> + Type<DB>,
    Option<&'e str>: Encode<'e, DB> + Type<DB>,
    i64: Encode<'e, DB> + Type<DB>,
{
    let mut insert = QueryBuilder::new(
        "INSERT INTO log_entries
         (id, timestamp, level, service_name, message, attributes, trace_id, span_id) ",
    );
    insert.push_values(rows, |mut row, entry| {
        row.push_bind(&entry.id.as_bytes()[..])
            .push_bind(entry.timestamp.as_micros())
            .push_bind(entry.level.as_str())
            .push_bind(entry.service_name.as_str())
            .push_bind(entry.message.as_str())
            .push_bind(entry.attributes.as_ref().map(Attributes::as_str))
            .push_bind(entry.trace_id.as_ref().map(TraceId::as_str))
            .push_bind(entry.span_id.as_ref().map(TraceId::as_str));
    });
    insert.push(' ').push(unless_there);
    insert
}

/// The entry that a row holds.
pub(super) fn entry(row: Row) -> Result<LogEntry> {
    parse(row).map_err(rejected)
}

fn parse(row: Row) -> std::result::Result<LogEntry, Source> {
    let (id, timestamp, level, service_name, message, attributes, trace_id, span_id) = row;
    Ok(LogEntry {
        id: EntryId::from_bytes(&id).ok_or("the id is no UUIDv7")?,
        timestamp: Timestamp::from_micros(timestamp).ok_or("the timestamp is out of range")?,
        level: Level::parse(&level),
        service_name: ServiceName::try_from(service_name)?,
        message,
        attributes: attributes.map(Attributes::parse).transpose()?,
        trace_id: trace_id.map(TraceId::try_from).transpose()?,
        span_id: span_id.map(TraceId::try_from).transpose()?,
    })
}

/// The way through a batch: a thousand rows at a time, or a hundred, ten, one. After a failure the
/// steps get shorter, so that a row that the database does not take is refused alone; after a
/// success they get longer again.
pub(super) struct Steps<'e> {
    entries: &'e [LogEntry],
    /// How many rows are behind us.
    done: usize,
    /// How many rows the statement has that is under way.
    step: usize,
    limit: usize,
    longest: usize,
    refused: Vec<Refused>,
}

impl<'e> Steps<'e> {
    /// Steps of `longest` rows, a power of ten, and shorter ones.
    pub(super) fn new(entries: &'e [LogEntry], longest: usize) -> Self {
        Self { entries, done: 0, step: 0, limit: longest, longest, refused: Vec::new() }
    }

    /// The rows to insert now, by one statement; `None` at the end.
    pub(super) fn next(&mut self) -> Option<&'e [LogEntry]> {
        let rest = &self.entries[self.done..];
        let mut bytes = 0;
        let fitting = rest.iter().take(self.limit).take_while(|entry| {
            bytes += entry.text_bytes();
            bytes <= MAX_STATEMENT_BYTES
        });
        let fitting = fitting.count().max(1);
        self.step = 10_usize.pow(fitting.ilog10());
        rest.get(..self.step)
    }

    /// The database took the rows.
    pub(super) fn inserted(&mut self) {
        self.done += self.step;
        self.limit = (self.step * 10).min(self.longest);
    }

    /// The database took none of the rows, because it will never take one of them.
    pub(super) fn failed(&mut self, error: &sqlx::Error) {
        if self.step == 1 {
            self.refused.push(Refused { index: self.done, reason: error.to_string() });
            self.done += 1;
        }
        self.limit = (self.step / 10).max(1);
    }

    /// The rows that the database will never take.
    pub(super) fn into_refused(self) -> Vec<Refused> {
        self.refused
    }
}

/// Sorts an error that is not about a row to insert.
pub(super) fn sorted(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::ColumnDecode { .. } => rejected(error.into()),
        error => Error::unavailable("store", error),
    }
}

fn rejected(source: Source) -> Error {
    Error::rejected("store", source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{Arrival, NewLogEntry};

    fn entries(messages: &[&str]) -> Vec<LogEntry> {
        let arrival = Arrival::new(Timestamp::now());
        let entries = (0..).zip(messages).map(|(position, message)| {
            let json = format!(r#"{{"service":"a","message":"{message}"}}"#);
            let new = NewLogEntry::from_json(json.as_bytes()).unwrap();
            new.arrive(&arrival, position).unwrap()
        });
        entries.collect()
    }

    /// Walks the batch on a database that does not take "bad": the sizes of its statements, and
    /// the positions that were refused.
    fn walk(entries: &[LogEntry]) -> (Vec<usize>, Vec<usize>) {
        let mut steps = Steps::new(entries, 1000);
        let mut sizes = Vec::new();
        while let Some(rows) = steps.next() {
            sizes.push(rows.len());
            if rows.iter().any(|row| row.message == "bad") {
                steps.failed(&sqlx::Error::RowNotFound);
            } else {
                steps.inserted();
            }
        }
        let refused = steps.into_refused().iter().map(|refused| refused.index).collect();
        (sizes, refused)
    }

    #[test]
    fn a_batch_goes_in_by_statements_of_four_sizes() {
        let (sizes, refused) = walk(&entries(&vec!["good"; 2112]));
        assert_eq!(sizes, [1000, 1000, 100, 10, 1, 1]);
        assert!(refused.is_empty());
    }

    #[test]
    fn a_bad_row_is_refused_alone_and_costs_few_statements() {
        let mut messages = vec!["good"; 5000];
        messages[4321] = "bad";
        let (sizes, refused) = walk(&entries(&messages));
        assert_eq!(refused, [4321]);
        assert!(sizes.len() < 50, "{sizes:?}");
    }

    #[test]
    fn bad_rows_only_cost_a_statement_each() {
        let (sizes, refused) = walk(&entries(&vec!["bad"; 5000]));
        assert_eq!(refused.len(), 5000);
        assert!(sizes.len() < 5010, "{}", sizes.len());
    }

    #[test]
    fn large_rows_make_short_statements() {
        let message = "m".repeat(1024 * 1024);
        let entries = entries(&vec![message.as_str(); 40]);
        let mut steps = Steps::new(&entries, 1000);
        while let Some(rows) = steps.next() {
            let bytes: usize = rows.iter().map(LogEntry::text_bytes).sum();
            assert!(bytes <= MAX_STATEMENT_BYTES);
            steps.inserted();
        }
        assert!(steps.into_refused().is_empty());
    }
}
