//! Reports the progress of a rebuild in the log.

use std::time::Duration;

use tokio::time::Instant;

use crate::log_entry::EntryId;

/// The time between reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The number of entries that a rebuild has added, and when it was last reported.
pub(super) struct Report {
    pub(super) entries: usize,
    last: Instant,
}

impl Default for Report {
    fn default() -> Self {
        Self { entries: 0, last: Instant::now() }
    }
}

impl Report {
    /// Counts entries that were added. A rebuild has read those up to `last`, and will read those up
    /// to `until`.
    pub(super) fn add(&mut self, entries: usize, last: EntryId, until: EntryId) {
        self.entries += entries;
        if self.last.elapsed() >= REPORT_INTERVAL {
            self.last = Instant::now();
            let (arrived, until) = (last.time(), until.time());
            tracing::info!(entries = self.entries, %arrived, %until, "building the index");
        }
    }
}
