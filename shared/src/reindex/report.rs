//! Reports the progress of a rebuild in the log.

use std::time::Duration;

use tokio::time::Instant;

use crate::log_entry::EntryId;

/// The time between reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The number of entries that a rebuild has added, and the time of the last report.
pub(super) struct Report {
    pub(super) entries: usize,
    reported_at: Instant,
}

impl Default for Report {
    fn default() -> Self {
        Self { entries: 0, reported_at: Instant::now() }
    }
}

impl Report {
    /// Counts entries that were added. `last` is the last id that the rebuild has read, and `until`
    /// the last one that it will read.
    pub(super) fn add(&mut self, entries: usize, last: EntryId, until: EntryId) {
        self.entries += entries;
        if self.reported_at.elapsed() >= REPORT_INTERVAL {
            self.reported_at = Instant::now();
            let (arrived, until) = (last.time(), until.time());
            tracing::info!(entries = self.entries, %arrived, %until, "building the index");
        }
    }
}
