//! Collects a page of a scan from rows that the database returns one by one.

use sqlx::FromRow;

use super::{IdRange, ScanPage, rows};
use crate::error::{Error, Result};
use crate::log_entry::LogEntry;
use crate::retention::Class;

/// A page takes no further row once its text has this size.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// The progress of a scan of a class until its page is complete. The class may have several tables,
/// which are read in the order of their ids.
pub(super) struct Scan {
    class: Class,
    range: IdRange,
    /// The next statement reads ids greater than this one.
    after: Vec<u8>,
    /// The maximum number of rows that are read for a page with entries.
    limit: usize,
    /// The number of rows that have been read towards the limit.
    rows: usize,
    /// The size of the page's text.
    bytes: usize,
    page: ScanPage,
    /// The number of damaged rows after the page's last entry. The next page reads them again.
    trailing: u64,
    first_error: Option<Error>,
}

/// How a scan continues after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// With another statement for the same table.
    Statement,
    /// With the next table, because this one has no further rows in the range.
    Table,
    /// It does not: the page is complete.
    Page,
}

impl Scan {
    pub(super) fn new(class: Class, range: IdRange, limit: usize) -> Self {
        Self {
            class,
            range,
            after: range.bounds().0,
            limit: limit.max(1),
            rows: 0,
            bytes: 0,
            page: ScanPage::default(),
            trailing: 0,
            first_error: None,
        }
    }

    /// Begins a table, of which only ids greater than `after` are read.
    #[cfg(feature = "sqlite")]
    pub(super) fn begin_table(&mut self, after: Vec<u8>) {
        self.after = after.max(self.range.bounds().0);
    }

    /// The parameters of the next statement: both bounds and the maximum number of rows.
    pub(super) fn parameters(&self) -> (Vec<u8>, Vec<u8>, i64) {
        let limit = i64::try_from(self.limit - self.rows).unwrap_or(i64::MAX);
        (self.after.clone(), self.range.bounds().1, limit)
    }

    /// Takes a row, whose first column is its id. `read` reads its entry. Returns whether there is
    /// room for another one.
    pub(super) fn take<'r, R>(
        &mut self,
        row: &'r R,
        read: impl FnOnce(&'r R, &Class) -> Result<LogEntry>,
    ) -> sqlx::Result<bool>
    where
        R: sqlx::Row,
        (rows::Id,): FromRow<'r, R>,
    {
        (self.after,) = FromRow::from_row(row)?;
        self.rows += 1;
        match read(row, &self.class) {
            Ok(entry) => self.push(entry),
            Err(error) => {
                self.trailing += 1;
                self.first_error.get_or_insert(error);
            }
        }
        Ok(self.bytes < MAX_PAGE_BYTES)
    }

    fn push(&mut self, entry: LogEntry) {
        self.bytes += entry.text_bytes();
        self.page.damaged += std::mem::take(&mut self.trailing);
        self.page.entries.push(entry);
    }

    /// How the scan continues after a statement has returned its rows.
    pub(super) fn next(&mut self) -> Next {
        if self.rows < self.limit && self.bytes < MAX_PAGE_BYTES {
            return Next::Table;
        }
        if self.page.entries.is_empty() {
            self.rows = 0;
            return Next::Statement;
        }
        Next::Page
    }

    /// The page, once it is complete or there are no further tables.
    pub(super) fn into_page(mut self) -> ScanPage {
        if self.page.entries.is_empty() {
            self.page.damaged = self.trailing;
        }
        if let Some(error) = self.first_error.filter(|_| self.page.damaged > 0) {
            tracing::warn!(rows = self.page.damaged, %error, "skipped rows that are not entries");
        }
        self.page
    }
}
