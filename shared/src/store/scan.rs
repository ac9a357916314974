//! Collects a page of a scan from rows that the database returns one by one.

use sqlx::FromRow;

use super::{IdRange, SERVICE, ScanPage, rows};
use crate::error::Error;
use crate::log_entry::LogEntry;

/// A page takes no further row once its text has this size.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// The progress of a scan until its page is complete.
pub(super) struct Scan {
    /// The statement reads ids greater than the first and at most the second.
    bounds: (Vec<u8>, Vec<u8>),
    /// The maximum number of rows that a statement returns.
    limit: usize,
    /// The number of rows that the current statement has returned.
    rows: usize,
    /// The size of the page's text.
    bytes: usize,
    page: ScanPage,
    /// The number of damaged rows after the page's last entry. The next page reads them again.
    trailing: u64,
    first_error: Option<Error>,
}

impl Scan {
    pub(super) fn new(range: IdRange, limit: usize) -> Self {
        Self {
            bounds: range.bounds(),
            limit: limit.max(1),
            rows: 0,
            bytes: 0,
            page: ScanPage::default(),
            trailing: 0,
            first_error: None,
        }
    }

    /// The parameters of the next statement: both bounds and the maximum number of rows.
    pub(super) fn parameters(&mut self) -> (Vec<u8>, Vec<u8>, i64) {
        self.rows = 0;
        let (after, until) = self.bounds.clone();
        (after, until, i64::try_from(self.limit).unwrap_or(i64::MAX))
    }

    /// Takes a row. Returns whether there is room for another one.
    pub(super) fn take<'r, R>(&mut self, row: &'r R) -> sqlx::Result<bool>
    where
        R: sqlx::Row,
        (Vec<u8>,): FromRow<'r, R>,
        rows::Row: FromRow<'r, R>,
    {
        (self.bounds.0,) = FromRow::from_row(row)?;
        self.rows += 1;
        let columns = rows::Row::from_row(row).map_err(|error| Error::rejected(SERVICE, error));
        match columns.and_then(rows::entry) {
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

    /// Returns the page once it has an entry or the range has no further rows.
    pub(super) fn page(&mut self) -> Option<ScanPage> {
        let is_end = self.rows < self.limit;
        if self.page.entries.is_empty() {
            if !is_end {
                return None;
            }
            self.page.damaged = self.trailing;
        }
        if let Some(error) = self.first_error.take().filter(|_| self.page.damaged > 0) {
            tracing::warn!(rows = self.page.damaged, %error, "skipped rows that are not entries");
        }
        Some(std::mem::take(&mut self.page))
    }
}
