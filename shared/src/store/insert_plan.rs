//! Splits a batch into `INSERT` statements of 1, 10, 100 or 1,000 rows, so that a connection
//! prepares at most four statements. After a failure the statements get shorter, until the row
//! that the database does not accept is in a statement by itself; after a success they get longer.

use std::borrow::Borrow;
use std::collections::HashSet;

use crate::error::{Refusal, Refused};
use crate::log_entry::{EntryId, LogEntry};

/// Limits the text in a statement, far below MySQL's `max_allowed_packet` (64 MiB).
const MAX_STATEMENT_BYTES: usize = 8 * 1024 * 1024;

/// The progress through a batch.
pub(super) struct InsertPlan<'e, E> {
    entries: &'e [E],
    /// The number of rows that have been inserted or refused.
    done: usize,
    /// The number of rows in the current statement.
    current: usize,
    /// The maximum number of rows in the next statement.
    limit: usize,
    max_rows: usize,
    refused: Vec<Refused>,
}

impl<'e, E: Borrow<LogEntry>> InsertPlan<'e, E> {
    /// A plan with statements of at most `max_rows` rows, a power of ten.
    pub(super) fn new(entries: &'e [E], max_rows: usize) -> Self {
        Self { entries, done: 0, current: 0, limit: max_rows, max_rows, refused: Vec::new() }
    }

    /// The rows of the next statement; `None` at the end.
    pub(super) fn next(&mut self) -> Option<&'e [E]> {
        let remaining = &self.entries[self.done..];
        let mut bytes = 0;
        let fitting = remaining.iter().take(self.limit).take_while(|entry| {
            bytes += (*entry).borrow().text_bytes();
            bytes <= MAX_STATEMENT_BYTES
        });
        let fitting = fitting.count().max(1);
        self.current = 10_usize.pow(fitting.ilog10());
        remaining.get(..self.current)
    }

    /// Refuses the rows of the current statement with these ids, whose entries have been deleted.
    pub(super) fn refuse_deleted(&mut self, ids: &HashSet<EntryId>) {
        let rows = self.entries[self.done..][..self.current].iter();
        let deleted = (self.done..).zip(rows).filter(|(_, row)| ids.contains(&(*row).borrow().id));
        let refused = deleted.map(|(index, _)| Refused { index, reason: Refusal::Deleted });
        self.refused.extend(refused);
    }

    /// Records that the current statement succeeded.
    pub(super) fn succeeded(&mut self) {
        self.done += self.current;
        self.limit = (self.current * 10).min(self.max_rows);
    }

    /// Records that the current statement inserted no rows, because the database will never accept
    /// one of its rows.
    pub(super) fn failed(&mut self, error: &sqlx::Error) {
        if self.current == 1 {
            self.refused.push(Refused::invalid(self.done, error.to_string()));
            self.done += 1;
        }
        self.limit = (self.current / 10).max(1);
    }

    /// The rows that the database will never accept, and those that have been deleted.
    pub(super) fn into_refused(self) -> Vec<Refused> {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::entries;

    /// Runs the plan on a database that does not accept "bad". Returns the sizes of the statements
    /// and the positions of the refused rows.
    fn run(entries: &[LogEntry]) -> (Vec<usize>, Vec<usize>) {
        let mut plan = InsertPlan::new(entries, 1000);
        let mut sizes = Vec::new();
        while let Some(rows) = plan.next() {
            sizes.push(rows.len());
            if rows.iter().any(|row| row.message == "bad") {
                plan.failed(&sqlx::Error::RowNotFound);
            } else {
                plan.succeeded();
            }
        }
        let refused = plan.into_refused().iter().map(|refused| refused.index).collect();
        (sizes, refused)
    }

    #[test]
    fn a_batch_is_split_into_statements_of_four_sizes() {
        let (sizes, refused) = run(&entries(vec!["good"; 2112]));
        assert_eq!(sizes, [1000, 1000, 100, 10, 1, 1]);
        assert!(refused.is_empty());
    }

    #[test]
    fn a_bad_row_is_isolated_in_few_statements() {
        let mut messages = vec!["good"; 5000];
        messages[4321] = "bad";
        let (sizes, refused) = run(&entries(messages));
        assert_eq!(refused, [4321]);
        assert!(sizes.len() < 50, "{sizes:?}");
    }

    #[test]
    fn a_batch_of_bad_rows_needs_one_statement_per_row() {
        let (sizes, refused) = run(&entries(vec!["bad"; 5000]));
        assert_eq!(refused.len(), 5000);
        assert!(sizes.len() < 5010, "{}", sizes.len());
    }

    #[test]
    fn large_rows_make_short_statements() {
        let message = "m".repeat(1024 * 1024);
        let entries = entries([message.as_str(); 40]);
        let mut plan = InsertPlan::new(&entries, 1000);
        while let Some(rows) = plan.next() {
            let bytes: usize = rows.iter().map(LogEntry::text_bytes).sum();
            assert!(bytes <= MAX_STATEMENT_BYTES);
            plan.succeeded();
        }
        assert!(plan.into_refused().is_empty());
    }
}
