//! Ingest metrics: accepted entries, and rejected entries by reason.

use metrics::counter;

use super::Reason;

/// Counts entries that were accepted and are durable.
pub(super) fn count_accepted(entries: usize) {
    counter!("ingest_entries_accepted_total").increment(entries as u64);
}

/// Counts rejected entries.
pub fn count_rejected(reason: Reason, entries: usize) {
    let reason = reason.as_str();
    counter!("ingest_entries_refused_total", "reason" => reason).increment(entries as u64);
}
